//! Receivers that send too much, too slowly, or something else than HTTP.

use std::time::Instant;

use super::{Hook, is_true, make_due, postpone, publish, text, wait_until_idle};
use crate::support::hook_receiver::{Behavior, HookReceiver};
use crate::support::{Api, on_both, wait_until};

/// The most that the operating systems of both ends buffer, besides what the service reads.
const MAX_BUFFERED: u64 = 16 * 1024 * 1024;

fn error(api: &Api) -> Option<String> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
        value: Option<String>,
    }
    let sql = "SELECT error AS value FROM webhook_attempts ORDER BY id DESC LIMIT 1";
    api.server.database.rows::<Row>(sql).into_iter().next().unwrap().value
}

#[on_both]
async fn hostile_receivers_are_given_up(api: Api) {
    let receiver = HookReceiver::start();
    Hook::each(&receiver.url()).create(&api);
    publish(&api, "first").await;
    receiver.wait_for(1).await;
    wait_until_idle(&api.server.database).await;
    let mut failures = 0;
    for (behavior, expected) in [
        (Behavior::ManyHeaders, "response too large"),
        (Behavior::LongHeader, "response too large"),
        (Behavior::Interim, "response too large"),
        (Behavior::Garbage, "invalid HTTP response"),
        (Behavior::Close, "connection closed without a response"),
        (Behavior::Hang, "no response within 15 s"),
        (Behavior::DripHead, "no response within 15 s"),
    ] {
        receiver.behave(behavior.clone());
        let (before, start) = (receiver.bytes_sent(), Instant::now());
        if failures == 0 {
            publish(&api, "second").await;
        } else {
            make_due(&api);
        }
        failures += 1;
        let condition = format!("lease IS NULL AND attempt = {failures}");
        wait_until("the failure to be stored", async || is_true(&api.server.database, &condition)).await;
        postpone(&api);
        let error = error(&api);
        assert_eq!(error.as_deref(), Some(expected), "{behavior:?} after {:?}", start.elapsed());
        assert!(receiver.bytes_sent() - before < MAX_BUFFERED, "{behavior:?}");
        wait_until("the connection to be closed", async || receiver.in_flight() == 0).await;
    }
    let longest = "SELECT CAST(max(duration_ms) AS bigint) AS number FROM webhook_attempts";
    let longest = api.server.database.query_number(longest);
    // The time that the service has measured, so only its own delay counts.
    assert!(longest < 60_000, "{longest} ms");
}

/// The status decides. What follows is not waited for.
#[on_both]
async fn the_body_of_a_success_does_not_matter(api: Api) {
    let receiver = HookReceiver::start();
    Hook::each(&receiver.url()).create(&api);
    for (number, behavior) in [Behavior::Gigabyte, Behavior::DripBody].into_iter().enumerate() {
        let before = receiver.bytes_sent();
        receiver.behave(behavior);
        publish(&api, &format!("post-{number}")).await;
        receiver.wait_for(number + 1).await;
        wait_until_idle(&api.server.database).await;
        wait_until("the connection to be closed", async || receiver.in_flight() == 0).await;
        assert!(receiver.bytes_sent() - before < MAX_BUFFERED);
    }
    assert_eq!(text(&api.server.database, "disabled_reason"), None);
    assert_eq!(receiver.count(), 2);
}

#[on_both]
async fn a_hanging_receiver_delays_no_other_one(api: Api) {
    const HANGING: i64 = 20;
    let (hanging, healthy) = (HookReceiver::start(), HookReceiver::start());
    hanging.behave(Behavior::Hang);
    for _ in 0..HANGING {
        Hook::each(&hanging.url()).create(&api);
    }
    // The last one in the order of ids.
    Hook::each(&healthy.url()).create(&api);
    publish(&api, "first").await;
    healthy.wait_for(1).await;
    let given_up =
        api.server.database.query_number("SELECT count(*) AS number FROM webhook_attempts WHERE status IS NULL");
    assert!(given_up < HANGING, "the healthy receiver waited until all others were given up");
}
