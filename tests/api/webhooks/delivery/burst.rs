//! `burst`: one request for all changes of a burst.

use serde_json::{Value, json};

use super::{
    Hook, SECRET, hours_ago, is_true, make_due, number, postpone, publish, wait_until_idle, wait_until_settled,
};
use crate::changes::feed_page;
use crate::support::hook_receiver::{Behavior, HookReceiver};
use crate::support::{Api, on_both, wait_until};

/// How many seconds without a change end a burst in tests that write much: longer than one write on a loaded machine.
const LONG_QUIET: i32 = 3600;

/// Ends the burst now, as if `quiet` had passed: moves the changes that have not been delivered into the past.
fn end_burst(api: &Api) {
    let database = &api.server.database;
    database.execute(&format!(
        "UPDATE post_changes SET at = '{}' WHERE seq > (SELECT min(position) FROM webhooks)",
        hours_ago(24)
    ));
    examine_again(api);
}

/// The worker remembers the times of the rows that it has examined. After a change by a client, it examines them again.
fn examine_again(api: &Api) {
    api.server.database.execute("UPDATE webhooks SET version = version + 1");
    api.server.deliveries.wake();
}

#[on_both]
async fn many_changes_are_one_request(api: Api) {
    let receiver = HookReceiver::start();
    Hook { quiet: LONG_QUIET, max_wait: 86_400, ..Hook::burst(&receiver.url()) }.create(&api);
    let imported: Vec<Value> = (0..10_000)
        .map(|number| json!({"title": "A", "slug": format!("import-{number}"), "published": true}))
        .collect();
    api.server.database.import(&imported);
    for half in 0..5 {
        let batch: Vec<Value> = (0..100)
            .map(|number| json!({"title": "A", "slug": format!("batch-{half}-{number}"), "published": true}))
            .collect();
        api.editor().post("/api/posts/batch", &json!({"posts": batch})).await.json(200);
    }
    for number in 0..50 {
        publish(&api, &format!("post-{number}")).await;
    }
    wait_until_settled(&api).await;
    assert_eq!(receiver.connections(), 0, "the burst has not ended");
    end_burst(&api);
    let requests = receiver.wait_for(1).await;
    wait_until_idle(&api.server.database).await;
    assert_eq!(receiver.count(), 1);
    let event = requests[0].json();
    assert_eq!((&event["type"], &event["data"]["count"]), (&json!("posts.changed"), &json!(10_550)));
    assert_eq!(event["data"]["cursor"], requests[0].id());
    requests[0].assert_verified(SECRET, true);
    // The burst covers everything.
    let page = feed_page(|| api.get(&format!("/api/changes?cursor={}", requests[0].id()))).await;
    assert_eq!(page["items"], json!([]));
}

#[on_both]
async fn a_change_during_the_request_makes_one_more(api: Api) {
    let receiver = HookReceiver::start();
    receiver.hold();
    Hook::burst(&receiver.url()).create(&api);
    publish(&api, "first").await;
    receiver.wait_for(1).await;
    for number in 0..3 {
        publish(&api, &format!("during-{number}")).await;
    }
    receiver.release();
    let requests = receiver.wait_for(2).await;
    wait_until("all changes to be covered", async || {
        let sum: i64 =
            receiver.requests().iter().map(|request| request.json()["data"]["count"].as_i64().unwrap()).sum();
        sum == 4
    })
    .await;
    wait_until_idle(&api.server.database).await;
    assert_eq!(requests[0].json()["data"]["count"], 1);
    assert_eq!(receiver.max_in_flight(), 1);
}

#[on_both]
async fn a_burst_ends_after_max_wait_at_the_latest(api: Api) {
    let receiver = HookReceiver::start();
    Hook { quiet: LONG_QUIET, max_wait: LONG_QUIET * 2, ..Hook::burst(&receiver.url()) }.create(&api);
    publish(&api, "old").await;
    publish(&api, "new").await;
    wait_until_settled(&api).await;
    // Only the first change lies back more than `max_wait`, and the last one is recent.
    api.server.database.execute(&format!(
        "UPDATE post_changes SET at = '{}' WHERE seq < (SELECT max(seq) FROM post_changes)",
        hours_ago(3)
    ));
    examine_again(&api);
    let requests = receiver.wait_for(1).await;
    assert_eq!(requests[0].json()["data"]["count"], 2);
}

/// A retry must not become another build: it has the id and the range of the first attempt.
#[on_both]
async fn a_retried_burst_keeps_id_and_range(api: Api) {
    let receiver = HookReceiver::start();
    receiver.behave(Behavior::Status(503));
    Hook::burst(&receiver.url()).create(&api);
    publish(&api, "first").await;
    receiver.wait_for(1).await;
    wait_until("the failure to be stored", async || is_true(&api.server.database, "lease IS NULL AND attempt = 1"))
        .await;
    postpone(&api);
    assert!(number(&api.server.database, "burst_end") > 0);
    publish(&api, "second").await;
    wait_until_settled(&api).await;
    receiver.behave(Behavior::Status(200));
    make_due(&api);
    let requests = receiver.wait_for(3).await;
    let counts: Vec<Value> = requests.iter().map(|request| request.json()["data"]["count"].clone()).collect();
    assert_eq!(counts, [1, 1, 1]);
    assert_eq!(requests[0].id(), requests[1].id());
    assert_ne!(requests[1].id(), requests[2].id());
}

#[on_both]
async fn the_static_body_is_sent_as_it_is(api: Api) {
    let receiver = HookReceiver::start();
    let body = r#"{"event_type":"rebuild","client_payload":{}}"#;
    Hook {
        body: Some(body),
        headers: r#"{"Accept":"application/vnd.github+json","Content-Type":"application/json; charset=utf-8"}"#,
        ..Hook::burst(&receiver.url())
    }
    .create(&api);
    publish(&api, "first").await;
    let requests = receiver.wait_for(1).await;
    assert_eq!(String::from_utf8_lossy(&requests[0].received.body), body);
    assert_eq!(requests[0].header("accept"), "application/vnd.github+json");
    assert_eq!(requests[0].header("content-type"), "application/json; charset=utf-8");
    requests[0].assert_verified(SECRET, true);
}

#[on_both]
async fn changes_of_other_types_start_no_burst(api: Api) {
    let receiver = HookReceiver::start();
    Hook { events: r#"["post.deleted"]"#, ..Hook::burst(&receiver.url()) }.create(&api);
    let post = publish(&api, "first").await;
    publish(&api, "second").await;
    api.editor().delete(&format!("/api/posts/{}", post["id"])).await.expect(204);
    let requests = receiver.wait_for(1).await;
    assert_eq!(requests[0].json()["data"]["count"], 1);
}
