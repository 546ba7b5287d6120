//! Invalid bodies: each error has the pointer of its field.

use serde_json::{Value, json};

use super::{URL, create, path, read};
use crate::support::{Api, on_both};

/// The errors of a creation with these fields, and of a patch with them.
async fn errors(api: &Api, webhook: &Value, fields: &Value) -> Vec<(String, String)> {
    let mut body = fields.clone();
    if body.get("url").is_none() {
        body["url"] = json!(URL);
    }
    let created = api.admin().post("/api/webhooks", &body).await.field_errors();
    let patched = api.admin().patch(&path(webhook), fields).await.field_errors();
    assert_eq!(created, patched, "{fields}");
    created
}

#[on_both]
async fn each_field_has_its_limits(api: Api) {
    let webhook = create(&api, json!({})).await;
    let before = read(&api, &webhook).await;
    let headers = |count: usize| (0..count).map(|n| (format!("X-{n}"), json!("x"))).collect::<serde_json::Map<_, _>>();
    for (fields, pointer, code) in [
        (json!({"url": 1}), "/url", "type"),
        (json!({"url": null}), "/url", "null"),
        (json!({"url": ""}), "/url", "empty"),
        (json!({"url": format!("https://8.8.8.8/{}", "a".repeat(2033))}), "/url", "too_long"),
        (json!({"name": ""}), "/name", "empty"),
        (json!({"name": " "}), "/name", "empty"),
        (json!({"name": "a".repeat(101)}), "/name", "too_long"),
        (json!({"name": "a\0"}), "/name", "nul"),
        (json!({"mode": "all"}), "/mode", "format"),
        (json!({"mode": "Each"}), "/mode", "format"),
        (json!({"mode": null}), "/mode", "null"),
        (json!({"mode": 1}), "/mode", "type"),
        (json!({"events": []}), "/events", "empty"),
        (json!({"events": "post.deleted"}), "/events", "type"),
        (json!({"events": ["post.created"]}), "/events/0", "format"),
        (json!({"events": ["post.deleted", 1]}), "/events/1", "format"),
        (json!({"events": ["post.deleted", "post.deleted"]}), "/events/1", "duplicate"),
        (json!({"headers": []}), "/headers", "type"),
        (json!({"headers": headers(11)}), "/headers", "too_many"),
        (json!({"headers": {"A": 1}}), "/headers/A", "type"),
        (json!({"headers": {"A": ""}}), "/headers/A", "empty"),
        (json!({"headers": {"A": "x".repeat(1025)}}), "/headers/A", "too_long"),
        (json!({"headers": {"A": "a\r\nB: c"}}), "/headers/A", "format"),
        (json!({"headers": {"A": "\u{e9}"}}), "/headers/A", "format"),
        (json!({"headers": {"a b": "x"}}), "/headers/a b", "format"),
        (json!({"headers": {"a/b": "x"}}), "/headers/a~1b", "format"),
        (json!({"headers": {"": "x"}}), "/headers/", "format"),
        (json!({"headers": {"Host": "x"}}), "/headers/Host", "not_allowed"),
        (json!({"headers": {"webhook-signature": "x"}}), "/headers/webhook-signature", "not_allowed"),
        (json!({"headers": {"Proxy-Authorization": "x"}}), "/headers/Proxy-Authorization", "not_allowed"),
        (json!({"headers": {"content-length": "1"}}), "/headers/content-length", "not_allowed"),
        (json!({"headers": {"A": "x", "a": "y"}}), "/headers/a", "duplicate"),
        (json!({"mode": "burst", "body": []}), "/body", "type"),
        (json!({"mode": "burst", "body": "{}"}), "/body", "type"),
        (json!({"mode": "burst", "body": {"a": "x".repeat(16 * 1024)}}), "/body", "too_long"),
        (json!({"mode": "each", "body": {}}), "/body", "not_allowed"),
        (json!({"body": {}}), "/body", "not_allowed"),
        (json!({"quiet": 0}), "/quiet", "range"),
        (json!({"quiet": -1}), "/quiet", "range"),
        (json!({"quiet": 3601, "max_wait": 86400}), "/quiet", "range"),
        (json!({"quiet": 1.5}), "/quiet", "type"),
        (json!({"quiet": "10"}), "/quiet", "type"),
        (json!({"quiet": null}), "/quiet", "null"),
        (json!({"quiet": 4_294_967_297_i64}), "/quiet", "range"),
        (json!({"max_wait": 0}), "/max_wait", "range"),
        (json!({"max_wait": 9}), "/max_wait", "range"),
        (json!({"max_wait": 86401}), "/max_wait", "range"),
        (json!({"quiet": 60, "max_wait": 59}), "/max_wait", "range"),
        (json!({"enabled": null}), "/enabled", "null"),
        (json!({"enabled": 1}), "/enabled", "type"),
        (json!({"secret": "whsec_AAAA"}), "/secret", "unknown"),
        (json!({"position": "x"}), "/position", "unknown"),
        (json!({"id": 1}), "/id", "unknown"),
    ] {
        assert_eq!(errors(&api, &webhook, &fields).await, [(pointer.to_owned(), code.to_owned())], "{fields}");
    }
    assert_eq!(read(&api, &webhook).await, before);
    assert_eq!(api.admin().get("/api/webhooks").await.json(200)["items"].as_array().unwrap().len(), 1);
}

#[on_both]
async fn the_limits_themselves_are_accepted(api: Api) {
    let headers: serde_json::Map<_, _> = (0..10).map(|n| (format!("X-{n}"), json!("~".repeat(1024)))).collect();
    for fields in [
        json!({"quiet": 1, "max_wait": 1}),
        json!({"quiet": 3600, "max_wait": 86400}),
        json!({"quiet": 10, "max_wait": 10}),
        json!({"name": "\u{1f980}".repeat(100)}),
        json!({"headers": headers}),
        json!({"headers": {"Authorization": "Bearer a b", "User-Agent": "x", "Content-Type": "text/plain"}}),
        json!({"mode": "burst", "body": {"a": "x".repeat(16 * 1024 - 8)}}),
        json!({"mode": "burst", "body": {}}),
        json!({"url": format!("https://8.8.8.8/{}", "a".repeat(2032))}),
    ] {
        let created = create(&api, fields.clone()).await;
        let mut patch = fields;
        patch["name"] = json!("a");
        api.admin().patch(&path(&created), &patch).await.expect(200);
    }
    // Without `max_wait`, a long `quiet` raises it.
    let created = create(&api, json!({"quiet": 600})).await;
    assert_eq!((&created["quiet"], &created["max_wait"]), (&json!(600), &json!(600)));
    assert_eq!(create(&api, json!({"quiet": 5})).await["max_wait"], 120);
}

#[on_both]
async fn all_errors_are_reported_together(api: Api) {
    let body = json!({"url": "ftp://x", "quiet": 0, "events": [1], "headers": {"Host": "x", "TE": "y"}, "extra": 1});
    let codes = api.admin().post("/api/webhooks", &body).await.field_errors();
    let expected = [
        ("/events/0", "format"),
        ("/extra", "unknown"),
        ("/headers/Host", "not_allowed"),
        ("/headers/TE", "not_allowed"),
        ("/quiet", "range"),
        ("/url", "not_allowed"),
    ];
    assert_eq!(codes, expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    assert_eq!(
        api.admin().post("/api/webhooks", &json!({})).await.field_errors(),
        [("/url".into(), "required".into())]
    );
    api.admin().post("/api/webhooks", &json!([])).await.problem(422, "validation_failed");
    api.admin().call(reqwest::Method::POST, "/api/webhooks").await.problem(415, "unsupported_media_type");
}

/// A patch is checked together with what is stored.
#[on_both]
async fn a_patch_must_fit_the_stored_fields(api: Api) {
    let headers: serde_json::Map<_, _> = (0..10).map(|n| (format!("X-{n}"), json!("x"))).collect();
    let webhook = create(&api, json!({"mode": "burst", "body": {"a": 1}, "headers": headers})).await;
    for (patch, pointer, code) in [
        (json!({"mode": "each"}), "/mode", "not_allowed"),
        (json!({"quiet": 121}), "/quiet", "range"),
        (json!({"max_wait": 9}), "/max_wait", "range"),
        (json!({"headers": {"X-10": "x"}}), "/headers", "too_many"),
    ] {
        let errors = api.admin().patch(&path(&webhook), &patch).await.field_errors();
        assert_eq!(errors, [(pointer.to_owned(), code.to_owned())], "{patch}");
    }
    for patch in [
        json!({"headers": {"x-3": "y"}}),
        json!({"headers": {"X-3": null, "X-10": "x"}}),
        json!({"mode": "each", "body": null}),
        json!({"quiet": 121, "max_wait": 121}),
    ] {
        api.admin().patch(&path(&webhook), &patch).await.expect(200);
    }
}

#[on_both]
async fn bodies_of_the_actions_are_checked(api: Api) {
    let webhook = create(&api, json!({})).await;
    let path = path(&webhook);
    for (action, body, pointer, code) in [
        ("rotate", json!({"expire_previous": 1}), "/expire_previous", "type"),
        ("rotate", json!({"expire_previous": null}), "/expire_previous", "null"),
        ("rotate", json!({"secret": "x"}), "/secret", "unknown"),
        ("replay", json!({}), "", "required"),
        ("replay", json!({"cursor": "now", "since": "2026-01-31T12:00:00Z"}), "", "duplicate"),
        ("replay", json!({"cursor": null}), "/cursor", "null"),
        ("replay", json!({"since": "2999-01-31T12:00:00Z"}), "/since", "range"),
        ("replay", json!({"since": "yesterday"}), "/since", "format"),
        ("replay", json!({"since": 1}), "/since", "type"),
        ("replay", json!({"cursor": "now", "position": 1}), "/position", "unknown"),
    ] {
        let errors = api.admin().post(&format!("{path}/{action}"), &body).await.field_errors();
        assert_eq!(errors, [(pointer.to_owned(), code.to_owned())], "{action} {body}");
    }
    let position = read(&api, &webhook).await["position"].as_str().unwrap().to_owned();
    let list = api.get("/api/posts?limit=1").await.json(200);
    assert!(list["next_cursor"].is_null());
    let cut = &position[..position.len() - 1];
    let other = if position.starts_with('A') { 'B' } else { 'A' };
    let altered = format!("{other}{}", &position[1..]);
    for cursor in ["", "x", "NOW", "now ", cut, &altered] {
        let errors = api.admin().post(&format!("{path}/replay"), &json!({"cursor": cursor})).await.field_errors();
        assert_eq!(errors, [("/cursor".to_owned(), "format".to_owned())], "{cursor:?}");
    }
}
