//! Creation, reads, changes, and deletion, with their preconditions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{URL, create, path, read};
use crate::support::{Api, TestDatabase, on_both, when_ready};

#[on_both]
async fn defaults_of_a_new_webhook(api: Api) {
    let body = json!({"url": "https://8.8.8.8"});
    let reply = when_ready(|| api.admin().post("/api/webhooks", &body)).await.expect(201);
    let (location, etag) = (reply.header("location").unwrap().to_owned(), reply.header("etag").unwrap().to_owned());
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let mut created = reply.json(201);
    assert_eq!(location, path(&created));
    let stored = api.admin().get(&location).await.expect(200);
    assert_eq!(stored.header("etag"), Some(etag.as_str()));
    assert_eq!(stored.header("cache-control"), Some("no-store"));
    let secret = created.as_object_mut().unwrap().remove("secret").unwrap();
    assert_eq!(stored.json(200), created);
    let encoded = secret.as_str().unwrap().strip_prefix("whsec_").unwrap();
    assert_eq!(data_encoding::BASE64.decode(encoded.as_bytes()).unwrap().len(), 32);
    let object = created.as_object_mut().unwrap();
    let id = object.remove("id").unwrap();
    assert!(object.remove("position").unwrap().is_string());
    let created_at = object.remove("created_at").unwrap();
    assert_eq!(object.remove("updated_at").unwrap(), created_at);
    assert_eq!(
        created,
        json!({
            "name": "8.8.8.8", "url": "https://8.8.8.8/", "mode": "each",
            "events": ["post.published", "post.updated", "post.unpublished", "post.deleted"], "headers": [],
            "body": null, "quiet": 10, "max_wait": 120, "enabled": true, "disabled_reason": null,
            "next_attempt_at": null, "failing_since": null, "last_success_at": null, "version": 1,
        })
    );
    api.admin().delete(&format!("/api/webhooks/{id}")).await.expect(204);
}

#[on_both]
async fn all_fields_are_stored(api: Api) {
    let fields = json!({
        "name": "  Rebuild  ", "url": "https://8.8.8.8:8443/a%20b?c=d", "mode": "burst",
        "events": ["post.deleted", "post.published"], "headers": {"X-B": "b", "Authorization": "Bearer hush"},
        "body": {"event_type": "posts", "n": [1, 1.5, "\u{e9}\u{0}"]}, "quiet": 1, "max_wait": 86400, "enabled": false,
    });
    let created = create(&api, fields.clone()).await;
    for name in ["mode", "events", "body", "quiet", "max_wait", "enabled", "url"] {
        assert_eq!(created[name], fields[name], "{name}");
    }
    assert_eq!(created["name"], "Rebuild");
    assert_eq!(created["headers"], json!(["X-B", "Authorization"]));
    let mut expected = created.clone();
    expected.as_object_mut().unwrap().remove("secret");
    assert_eq!(read(&api, &created).await, expected);
    assert_eq!(api.admin().get("/api/webhooks").await.json(200), json!({"items": [expected]}));
}

#[on_both]
async fn a_patch_changes_only_its_fields(api: Api) {
    let created = create(&api, json!({"mode": "burst", "headers": {"A": "1", "B": "2"}, "body": {"a": 1}})).await;
    let mut expected = read(&api, &created).await;
    for (patch, changes) in [
        (json!({"name": "New"}), json!({"name": "New"})),
        (json!({"headers": {"a": "3", "B": null, "C": "4"}}), json!({"headers": ["a", "C"]})),
        (json!({"headers": null}), json!({"headers": []})),
        (json!({"body": {"b": 2}}), json!({"body": {"b": 2}})),
        (json!({"body": null, "mode": "each"}), json!({"body": null, "mode": "each"})),
        (json!({"quiet": 5, "max_wait": 5}), json!({"quiet": 5, "max_wait": 5})),
        (json!({"events": ["post.deleted"]}), json!({"events": ["post.deleted"]})),
        (json!({"url": "https://1.1.1.1/x", "name": null}), json!({"url": "https://1.1.1.1/x", "name": "1.1.1.1"})),
        (json!({"enabled": true}), json!({"enabled": true})),
    ] {
        let reply = api.admin().patch(&path(&created), &patch).await.expect(200);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let updated = reply.json(200);
        for (name, value) in changes.as_object().unwrap() {
            expected[name] = value.clone();
        }
        expected["version"] = json!(expected["version"].as_i64().unwrap() + 1);
        expected["updated_at"] = updated["updated_at"].clone();
        assert_eq!(updated, expected, "{patch}");
    }
    let events = api.admin().patch(&path(&created), &json!({"events": null})).await.json(200)["events"].clone();
    assert_eq!(events.as_array().unwrap().len(), 4);
    let unchanged = api.admin().patch(&path(&created), &json!({})).await.json(200);
    assert_eq!(
        unchanged["version"],
        json!(expected["version"].as_i64().unwrap() + 1),
        "an empty patch changes nothing"
    );
}

#[on_both]
async fn a_deleted_webhook_is_gone_with_its_attempts(api: Api) {
    let created = create(&api, json!({})).await;
    super::attempts::store(&api, &created, 3);
    api.admin().delete(&path(&created)).await.expect(204);
    for suffix in ["", "/attempts"] {
        api.admin().get(&format!("{}{suffix}", path(&created))).await.problem(404, "not_found");
    }
    api.admin().delete(&path(&created)).await.problem(404, "not_found");
    api.admin().patch(&path(&created), &json!({"name": "a"})).await.problem(404, "not_found");
    assert_eq!(api.server.database.query_number("SELECT count(*) AS number FROM webhook_attempts"), 0);
    let next = create(&api, json!({})).await;
    assert!(next["id"].as_i64() > created["id"].as_i64(), "the id is not used again");
}

#[on_both]
async fn changes_require_the_current_etag(api: Api) {
    let created = create(&api, json!({})).await;
    let etag = async || api.admin().get(&path(&created)).await.expect(200).header("etag").unwrap().to_owned();
    let old = etag().await;
    api.admin().patch(&path(&created), &json!({"name": "a"})).header("if-match", &old).await.expect(200);
    let rotate = format!("{}/rotate", path(&created));
    let replay = format!("{}/replay", path(&created));
    let test = format!("{}/test", path(&created));
    let stale = |call: crate::support::Call| call.header("if-match", &old);
    let before = etag().await;
    stale(api.admin().patch(&path(&created), &json!({"name": "b"}))).await.problem(412, "precondition_failed");
    stale(api.admin().delete(&path(&created))).await.problem(412, "precondition_failed");
    stale(api.admin().post_empty(&rotate)).await.problem(412, "precondition_failed");
    let now = json!({"cursor": "now"});
    when_ready(|| stale(api.admin().post(&replay, &now))).await.problem(412, "precondition_failed");
    stale(api.admin().post_empty(&test)).await.problem(412, "precondition_failed");
    assert_eq!(etag().await, before);
    // A rotation and a replay change the tag, although the webhook looks the same.
    api.admin().post_empty(&rotate).header("if-match", &before).await.expect(200);
    let rotated = etag().await;
    assert_ne!(rotated, before);
    when_ready(|| api.admin().post(&replay, &now).header("if-match", &rotated)).await.expect(200);
    assert_ne!(etag().await, rotated);
    let current = etag().await;
    for garbage in ["\"\"", "\"0123456789abcdef\"", "W/\"a\""] {
        api.admin().delete(&path(&created)).header("if-match", garbage).await.problem(412, "precondition_failed");
    }
    api.admin().delete(&path(&created)).header("if-match", &current).await.expect(204);
}

#[on_both]
async fn a_delivery_does_not_fail_a_prepared_change(api: Api) {
    let created = create(&api, json!({})).await;
    let before = api.admin().get(&path(&created)).await.expect(200).header("etag").unwrap().to_owned();
    // What a delivery changes.
    api.server.database.execute(
        "UPDATE webhooks SET last_success_at = '2026-01-31T12:00:00.000000Z', attempt = 3, \
         next_attempt_at = '2026-01-31T12:00:00.000000Z', failing_since = '2026-01-31T12:00:00.000000Z'",
    );
    let read = api.admin().get(&path(&created)).header("if-none-match", &before).await.expect(200);
    assert_ne!(read.header("etag"), Some(before.as_str()), "a strong tag has one representation");
    api.admin().get(&path(&created)).header("if-match", &before).await.problem(412, "precondition_failed");
    let patch = json!({"name": "a"});
    let updated = api.admin().patch(&path(&created), &patch).header("if-match", &before).await.json(200);
    assert_eq!(updated["last_success_at"], "2026-01-31T12:00:00.000000Z");
    // The service has disabled it.
    let before = api.admin().get(&path(&created)).await.expect(200).header("etag").unwrap().to_owned();
    api.server.database.execute("UPDATE webhooks SET disabled_reason = 'gone'");
    api.admin().patch(&path(&created), &patch).header("if-match", &before).await.problem(412, "precondition_failed");
}

#[on_both]
async fn reads_revalidate_with_the_etag(api: Api) {
    let created = create(&api, json!({})).await;
    for path in ["/api/webhooks".to_owned(), path(&created), format!("{}/attempts", path(&created))] {
        let etag = api.admin().get(&path).await.expect(200).header("etag").unwrap().to_owned();
        let reply = api.admin().get(&path).header("if-none-match", &etag).await.expect(304);
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        assert!(reply.body.is_empty());
    }
}

#[on_both]
async fn enabling_clears_the_failure(api: Api) {
    let created = create(&api, json!({"enabled": true})).await;
    let fail = || {
        api.server.database.execute(
            "UPDATE webhooks SET enabled = FALSE, disabled_reason = 'failing', attempt = 9, \
             next_attempt_at = '2099-01-31T12:00:00.000000Z', failing_since = '2026-01-31T12:00:00.000000Z'",
        );
    };
    fail();
    let before = read(&api, &created).await;
    assert_eq!((&before["enabled"], &before["disabled_reason"]), (&json!(false), &json!("failing")));
    // Disabling again states that a client wants it.
    let disabled = api.admin().patch(&path(&created), &json!({"enabled": false})).await.json(200);
    assert_eq!(disabled["disabled_reason"], Value::Null);
    assert_eq!(disabled["failing_since"], before["failing_since"]);
    fail();
    let enabled = api.admin().patch(&path(&created), &json!({"enabled": true})).await.json(200);
    for name in ["disabled_reason", "next_attempt_at", "failing_since"] {
        assert_eq!(enabled[name], Value::Null, "{name}");
    }
    assert_eq!(enabled["position"], before["position"], "it continues where it was");
    let reset = "SELECT count(*) AS number FROM webhooks WHERE attempt = 0";
    assert_eq!(api.server.database.query_number(reset), 1);
}

#[on_both]
async fn a_change_of_the_receiver_ends_the_wait(api: Api) {
    for patch in [
        json!({"url": "https://1.1.1.1/"}),
        json!({"headers": {"Authorization": "Bearer new"}}),
        // Otherwise, the failure would stay until a change is announced again.
        json!({"events": ["post.deleted"]}),
        json!({"mode": "burst"}),
        // It is enabled already, and its receiver has been repaired.
        json!({"enabled": true}),
    ] {
        let created = create(&api, json!({})).await;
        let id = &created["id"];
        api.server.database.execute(&format!(
            "UPDATE webhooks SET attempt = 9, next_attempt_at = '2099-01-31T12:00:00.000000Z', \
             failing_since = '2026-01-31T12:00:00.000000Z', enabled = TRUE WHERE id = {id}"
        ));
        let renamed =
            api.admin().patch(&path(&created), &json!({"name": "a", "quiet": 3, "events": null})).await.json(200);
        assert_eq!(renamed["next_attempt_at"], "2099-01-31T12:00:00.000000Z");
        let changed = api.admin().patch(&path(&created), &patch).await.json(200);
        assert_eq!((&changed["next_attempt_at"], &changed["failing_since"]), (&Value::Null, &Value::Null), "{patch}");
    }
}

#[on_both]
async fn a_repeated_creation_is_executed_once(api: Api) {
    let body = json!({"url": URL, "enabled": false});
    let send = || api.admin().post("/api/webhooks", &body).header("idempotency-key", "once");
    let first = when_ready(send).await.expect(201);
    let second = when_ready(send).await.expect(201);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(second.header("cache-control"), Some("no-store"));
    assert_eq!(first.body, second.body);
    assert_eq!(api.admin().get("/api/webhooks").await.json(200)["items"].as_array().unwrap().len(), 1);
    let other = json!({"url": URL, "enabled": true});
    let reused = || api.admin().post("/api/webhooks", &other).header("idempotency-key", "once");
    when_ready(reused).await.problem(422, "idempotency_key_reused");
}

#[on_both]
async fn other_methods_are_not_allowed(api: Api) {
    let created = create(&api, json!({})).await;
    let path = path(&created);
    for (method, path, allow) in [
        ("PUT", "/api/webhooks".to_owned(), "GET, HEAD, POST, OPTIONS"),
        ("PUT", path.clone(), "GET, HEAD, PATCH, DELETE, OPTIONS"),
        ("GET", format!("{path}/rotate"), "POST, OPTIONS"),
        ("GET", format!("{path}/replay"), "POST, OPTIONS"),
        ("GET", format!("{path}/test"), "POST, OPTIONS"),
        ("POST", format!("{path}/attempts"), "GET, HEAD, OPTIONS"),
    ] {
        let reply = api.admin().call(method.parse().unwrap(), &path).await;
        assert_eq!(reply.header("allow"), Some(allow), "{method} {path}");
        reply.problem(405, "method_not_allowed");
    }
    for path in ["/api/webhooks/0", "/api/webhooks/x", "/api/webhooks/9007199254740992", "/api/webhooks/1/x"] {
        api.admin().get(path).await.problem(404, "not_found");
    }
}

#[on_both]
async fn changes_need_if_match_if_the_setting_requires_it(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.require_if_match = true);
    let webhook = create(&api, json!({})).await;
    let path = path(&webhook);
    for call in [
        api.admin().patch(&path, &json!({"name": "a"})),
        api.admin().delete(&path),
        api.admin().post_empty(&format!("{path}/rotate")),
        api.admin().post(&format!("{path}/replay"), &json!({"cursor": "now"})),
    ] {
        call.await.problem(428, "precondition_required");
    }
    api.admin().delete(&path).header("if-match", "*").await.expect(204);
}
