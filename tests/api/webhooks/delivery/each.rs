//! `each`: a request for each change, in order, one at a time.

use serde_json::{Value, json};

use super::{Hook, SECRET, is_true, number, postpone, publish, publish_by_sql, slugs, wait_until_idle};
use crate::changes::feed_page;
use crate::support::hook_receiver::{Behavior, HookReceiver, HookRequest};
use crate::support::{Api, on_both, wait_until};

#[on_both]
async fn each_change_is_one_signed_request(api: Api) {
    let receiver = HookReceiver::start();
    publish(&api, "before").await;
    Hook { headers: r#"{"Authorization":"Bearer hush","X-Site":"a"}"#, ..Hook::each(&receiver.url()) }.create(&api);
    let post = publish(&api, "first").await;
    receiver.wait_for(1).await;
    let path = format!("/api/posts/{}", post["id"]);
    api.editor().patch(&path, &json!({"slug": "second"})).await.json(200);
    wait_until("both changes to be delivered", async || receiver.count() == 2).await;
    api.editor().post_empty(&format!("{path}/unpublish")).await.json(200);
    api.editor().post_empty(&format!("{path}/publish")).await.json(200);
    api.editor().delete(&path).await.expect(204);
    let requests = receiver.wait_for(5).await;
    let events: Vec<Value> = requests.iter().map(HookRequest::json).collect();
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["post.published", "post.updated", "post.unpublished", "post.published", "post.deleted"]);
    let summary = api.get("/api/posts?limit=1&view=summary").await.json(200);
    assert_eq!(summary["items"][0]["slug"], "before");
    let first = &events[0]["data"];
    assert_eq!((&first["id"], &first["slug"], &first["former_slug"]), (&post["id"], &json!("first"), &Value::Null));
    assert_eq!((&first["post"]["title"], &first["post"]["excerpt"]), (&json!("first"), &json!("")));
    assert!(first["post"].get("content").is_none(), "{first}");
    let renamed = &events[1]["data"];
    assert_eq!((&renamed["slug"], &renamed["former_slug"]), (&json!("second"), &json!("first")));
    assert_eq!((&renamed["version"], &renamed["post"]["version"]), (&json!(2), &json!(2)));
    assert_eq!((&events[2]["data"]["post"], &events[2]["data"]["version"]), (&Value::Null, &json!(3)));
    assert_eq!((&events[4]["data"]["post"], &events[4]["data"]["slug"]), (&Value::Null, &json!("second")));
    for request in &requests {
        assert_eq!(request.received.line, "POST /hook?token=hush");
        assert_eq!(request.header("content-type"), "application/json");
        assert_eq!((request.header("authorization"), request.header("x-site")), ("Bearer hush", "a"));
        assert!(request.header("user-agent").starts_with("posts-api/"));
        request.assert_verified(SECRET, true);
        request.assert_verified("whsec_AAAA", false);
        // The id is a cursor of the feed.
        feed_page(|| api.get(&format!("/api/changes?cursor={}", request.id()))).await;
        let time: posts_api::db::Timestamp = request.json()["timestamp"].as_str().unwrap().parse().unwrap();
        assert!(time <= posts_api::db::Timestamp::now());
    }
    let mut ids: Vec<&str> = requests.iter().map(HookRequest::id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[on_both]
async fn requests_are_in_order_and_one_at_a_time(api: Api) {
    let receiver = HookReceiver::start();
    let fast = HookReceiver::start();
    Hook::each(&receiver.url()).create(&api);
    Hook::each(&fast.url()).create(&api);
    receiver.hold();
    let expected: Vec<String> = (0..30).map(|number| format!("post-{number}")).collect();
    for slug in &expected {
        publish_by_sql(&api.server.database, slug);
    }
    // The slow receiver delays nothing but its own requests.
    fast.wait_for(30).await;
    assert_eq!((receiver.count(), receiver.in_flight()), (1, 1));
    receiver.release();
    receiver.wait_for(30).await;
    assert_eq!((slugs(&receiver), slugs(&fast)), (expected.clone(), expected));
    assert_eq!((receiver.max_in_flight(), fast.max_in_flight()), (1, 1));
}

#[on_both]
async fn only_listed_events_and_no_imports_are_sent(api: Api) {
    let receiver = HookReceiver::start();
    Hook { events: r#"["post.deleted","post.published"]"#, ..Hook::each(&receiver.url()) }.create(&api);
    let imported: Vec<Value> =
        (0..50).map(|number| json!({"title": "A", "slug": format!("import-{number}"), "published": true})).collect();
    api.server.database.import(&imported);
    let post = publish(&api, "wanted").await;
    let path = format!("/api/posts/{}", post["id"]);
    api.editor().patch(&path, &json!({"title": "B"})).await.json(200);
    api.editor().delete(&path).await.expect(204);
    let requests = receiver.wait_for(2).await;
    let types: Vec<(String, String)> = requests.iter().map(HookRequest::brief).collect();
    let expected = [("post.published", "wanted"), ("post.deleted", "wanted")];
    assert_eq!(types, expected.map(|(event, slug)| (event.to_owned(), slug.to_owned())));
}

/// A position that nothing moves would be deleted from the log one day, and then look like lost changes.
#[on_both]
async fn positions_move_over_changes_that_are_not_sent(api: Api) {
    let receiver = HookReceiver::start();
    Hook { events: r#"["post.deleted"]"#, ..Hook::each(&receiver.url()) }.create(&api);
    let before = number(&api.server.database, "position");
    // What has failed is not announced any more.
    api.server.database.execute(&format!(
        "UPDATE webhooks SET attempt = 3, failing_since = '{}', next_attempt_at = '{}'",
        super::hours_ago(1),
        super::hours_ago(-1)
    ));
    let imported: Vec<Value> =
        (0..1500).map(|number| json!({"title": "A", "slug": format!("import-{number}"), "published": true})).collect();
    api.server.database.import(&imported);
    wait_until("the position to move", async || number(&api.server.database, "position") > before).await;
    assert!(is_true(&api.server.database, "attempt = 0 AND failing_since IS NULL AND next_attempt_at IS NULL"));
    assert_eq!((receiver.connections(), super::attempts(&api.server.database)), (0, 0));
}

#[on_both]
async fn drafts_send_nothing(api: Api) {
    let receiver = HookReceiver::start();
    Hook::each(&receiver.url()).create(&api);
    let draft = api.create(json!({"title": "Secret", "slug": "secret"})).await;
    let path = format!("/api/posts/{}", draft["id"]);
    api.editor().patch(&path, &json!({"title": "Secret 2", "slug": "secret-2"})).await.json(200);
    publish(&api, "public").await;
    receiver.wait_for(1).await;
    wait_until_idle(&api.server.database).await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1);
    assert!(!String::from_utf8_lossy(&requests[0].received.body).to_lowercase().contains("secret"));
}

/// The contents of an event are those of its time of delivery, and never those of a draft.
#[on_both]
async fn a_post_that_is_private_again_is_null(api: Api) {
    let receiver = HookReceiver::start();
    receiver.behave(Behavior::Status(500));
    Hook::each(&receiver.url()).create(&api);
    let post = publish(&api, "public").await;
    receiver.wait_for(1).await;
    wait_until("the failure to be stored", async || is_true(&api.server.database, "lease IS NULL AND attempt = 1"))
        .await;
    postpone(&api);
    let path = format!("/api/posts/{}", post["id"]);
    api.editor().post_empty(&format!("{path}/unpublish")).await.json(200);
    api.editor().patch(&path, &json!({"title": "Secret", "slug": "secret"})).await.json(200);
    receiver.behave(Behavior::Status(200));
    super::make_due(&api);
    let requests = receiver.wait_for(3).await;
    assert_eq!(requests[0].id(), requests[1].id());
    let (first, last) = (requests[1].json(), requests[2].json());
    assert_eq!((&first["type"], &first["data"]["post"]), (&json!("post.published"), &Value::Null));
    assert_eq!((&first["data"]["slug"], &last["data"]["slug"]), (&json!("public"), &json!("public")));
    assert_eq!(last["type"], "post.unpublished");
}

/// Without webhooks, and with webhooks that have nothing to send, the worker writes nothing.
#[on_both]
async fn an_idle_worker_writes_nothing(api: Api) {
    let receiver = HookReceiver::start();
    Hook::each(&receiver.url()).create(&api);
    publish(&api, "a").await;
    receiver.wait_for(1).await;
    wait_until_idle(&api.server.database).await;
    let Some(before) = crate::support::commits(&api.server.connections) else { return };
    for _ in 0..20 {
        api.server.deliveries.wake();
        tokio::task::yield_now().await;
    }
    let draft = api.create(json!({"title": "Draft"})).await;
    api.editor().patch(&format!("/api/posts/{}", draft["id"]), &json!({"title": "B"})).await.json(200);
    let after = crate::support::commits(&api.server.connections).unwrap();
    assert!(after - before <= 2, "{before} to {after}: one commit per draft write at most");
}
