//! Failed requests are sent again, in order, until they succeed or the webhook is given up.

use std::time::Duration;

use posts_api::db::Timestamp;
use serde_json::json;

use super::{Hook, SECRET, attempts, hours_ago, is_true, make_due, number, publish, slugs, text, wait_until_idle};
use crate::support::hook_receiver::{Behavior, HookReceiver};
use crate::support::{Api, on_both, wait_until};

/// Waits until this number of attempts in a row, or more, have failed.
async fn wait_for_failures(api: &Api, count: i64) {
    let condition = format!("lease IS NULL AND attempt >= {count}");
    wait_until("the failure to be stored", async || is_true(&api.server.database, &condition)).await;
}

/// The time from the last attempt to the next one.
fn delay(api: &Api) -> Duration {
    let next: Timestamp = timestamp(api, "SELECT next_attempt_at AS value FROM webhooks");
    let last: Timestamp = timestamp(api, "SELECT max(at) AS value FROM webhook_attempts");
    Duration::from_micros((next.as_microseconds() - last.as_microseconds()).try_into().unwrap())
}

fn timestamp(api: &Api, sql: &str) -> Timestamp {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = posts_api::db::Timestamptz)]
        value: Timestamp,
    }
    api.server.database.rows::<Row>(sql).into_iter().next().unwrap().value
}

#[on_both]
async fn a_failing_receiver_is_tried_less_and_less_often(api: Api) {
    let receiver = HookReceiver::start();
    receiver.behave(Behavior::Status(500));
    Hook::each(&receiver.url()).create(&api);
    publish(&api, "first").await;
    publish(&api, "second").await;
    for (failures, seconds) in [(1, 5), (2, 30), (3, 120), (4, 600), (5, 1800), (6, 3600), (7, 3600)] {
        wait_for_failures(&api, failures).await;
        // An attempt begins before its outcome is stored, so the difference is larger than the delay.
        let delay = delay(&api);
        assert!(delay >= Duration::from_secs(seconds) * 8 / 10, "{failures}: {delay:?}");
        make_due(&api);
    }
    assert!(receiver.requests().iter().all(|request| request.brief().1 == "first"), "later changes wait");
    let numbers = api.server.database.query_number("SELECT count(DISTINCT attempt) AS number FROM webhook_attempts");
    assert!(numbers >= 7);
    assert!(is_true(&api.server.database, "failing_since IS NOT NULL AND last_success_at IS NULL"));
    receiver.behave(Behavior::Status(204));
    make_due(&api);
    wait_until("both changes to be delivered", async || slugs(&receiver).contains(&"second".to_owned())).await;
    wait_until_idle(&api.server.database).await;
    assert!(is_true(&api.server.database, "failing_since IS NULL AND last_success_at IS NOT NULL"));
    let mut delivered = slugs(&receiver);
    delivered.dedup();
    assert_eq!(delivered, ["first", "second"]);
}

/// Two days are simulated by moving the stored times.
#[on_both]
async fn after_two_days_everything_is_delivered_in_order(api: Api) {
    let receiver = HookReceiver::start();
    receiver.behave(Behavior::Close);
    Hook::each(&receiver.url()).create(&api);
    let expected: Vec<String> = (0..20).map(|number| format!("post-{number}")).collect();
    for slug in &expected {
        publish(&api, slug).await;
    }
    wait_for_failures(&api, 1).await;
    api.server.database.execute(&format!(
        "UPDATE webhooks SET failing_since = '{}', attempt = 50, next_attempt_at = '{}'",
        hours_ago(48),
        hours_ago(1)
    ));
    api.server.deliveries.wake();
    wait_for_failures(&api, 51).await;
    let delay = delay(&api);
    assert!(delay >= Duration::from_mins(48), "{delay:?}");
    assert!(is_true(&api.server.database, "enabled"));
    receiver.behave(Behavior::Status(200));
    let failed = receiver.count();
    make_due(&api);
    receiver.wait_for(failed + 20).await;
    assert_eq!(slugs(&receiver)[failed..], expected);
    assert_eq!(receiver.max_in_flight(), 1);
}

#[on_both]
async fn three_days_without_success_disable(api: Api) {
    let receiver = HookReceiver::start();
    receiver.behave(Behavior::Status(500));
    Hook::each(&receiver.url()).create(&api);
    publish(&api, "first").await;
    wait_for_failures(&api, 1).await;
    let position = number(&api.server.database, "position");
    api.server.database.execute(&format!("UPDATE webhooks SET failing_since = '{}'", hours_ago(73)));
    make_due(&api);
    wait_until("the webhook to be disabled", async || is_true(&api.server.database, "NOT enabled")).await;
    assert_eq!(text(&api.server.database, "disabled_reason").as_deref(), Some("failing"));
    assert_eq!(number(&api.server.database, "position"), position, "enabling continues here");
    let count = receiver.count();
    publish(&api, "second").await;
    make_due(&api);
    receiver.behave(Behavior::Status(200));
    api.server.database.execute(
        "UPDATE webhooks SET enabled = TRUE, disabled_reason = NULL, attempt = 0, failing_since = NULL, \
         next_attempt_at = NULL",
    );
    api.server.deliveries.wake();
    receiver.wait_for(count + 2).await;
    assert_eq!(slugs(&receiver)[count..], ["first", "second"]);
}

#[on_both]
async fn gone_disables_at_once(api: Api) {
    let receiver = HookReceiver::start();
    receiver.behave(Behavior::Status(410));
    Hook::each(&receiver.url()).create(&api);
    publish(&api, "first").await;
    wait_until("the webhook to be disabled", async || is_true(&api.server.database, "NOT enabled")).await;
    assert_eq!(text(&api.server.database, "disabled_reason").as_deref(), Some("gone"));
    assert_eq!(receiver.count(), 1);
}

#[on_both]
async fn retry_after_is_respected_up_to_an_hour(api: Api) {
    let receiver = HookReceiver::start();
    Hook::each(&receiver.url()).create(&api);
    publish(&api, "first").await;
    receiver.behave(Behavior::Headers(429, "Retry-After: 1800".to_owned()));
    publish(&api, "second").await;
    wait_for_failures(&api, 1).await;
    assert!(delay(&api) >= Duration::from_mins(30));
    receiver.behave(Behavior::Headers(503, "Retry-After: 1000000".to_owned()));
    make_due(&api);
    wait_for_failures(&api, 2).await;
    let second = delay(&api);
    assert!(second >= Duration::from_hours(1) && second < Duration::from_hours(2), "{second:?}");
}

#[on_both]
async fn redirects_and_other_statuses_are_failures(api: Api) {
    let target = HookReceiver::start();
    let receiver = HookReceiver::start();
    Hook::each(&receiver.url()).create(&api);
    publish(&api, "first").await;
    receiver.wait_for(1).await;
    wait_until_idle(&api.server.database).await;
    publish(&api, "second").await;
    receiver.wait_for(2).await;
    wait_until_idle(&api.server.database).await;
    for (failures, status) in [(1, 301), (2, 302), (3, 307), (4, 308), (5, 304), (6, 400), (7, 404), (8, 500)] {
        receiver.behave(Behavior::Headers(status, format!("Location: {}", target.url())));
        if failures == 1 {
            publish(&api, "third").await;
        } else {
            make_due(&api);
        }
        wait_for_failures(&api, failures).await;
    }
    assert_eq!(target.connections(), 0);
    let statuses =
        "SELECT count(*) AS number FROM webhook_attempts WHERE status IN (301, 302, 307, 308, 304, 400, 404, 500)";
    assert_eq!(api.server.database.query_number(statuses), 8);
}

#[on_both]
async fn attempts_are_limited_to_200(api: Api) {
    let receiver = HookReceiver::start();
    Hook::each(&receiver.url()).create(&api);
    for number in 0..210 {
        super::publish_by_sql(&api.server.database, &format!("post-{number}"));
    }
    receiver.wait_for(210).await;
    wait_until_idle(&api.server.database).await;
    assert_eq!(attempts(&api.server.database), 200);
    let newest = "SELECT count(*) AS number FROM webhook_attempts WHERE status = 200 AND error IS NULL AND attempt = 1";
    assert_eq!(api.server.database.query_number(newest), 200);
}

/// For a day after a rotation, receivers may know the old or the new secret.
#[on_both]
async fn both_secrets_sign_until_the_old_one_expires(api: Api) {
    const NEW: &str = "whsec_bmV3IHNlY3JldCBmb3IgdGhlIHRlc3Rz";
    let receiver = HookReceiver::start();
    Hook::each(&receiver.url()).create(&api);
    let database = &api.server.database;
    let rotate = |valid_until: Timestamp| {
        database.execute(&format!(
            "UPDATE webhooks SET secret = '{NEW}', previous_secret = '{SECRET}', previous_valid_until = '{valid_until}'"
        ));
    };
    rotate(hours_ago(-24));
    publish(&api, "first").await;
    let requests = receiver.wait_for(1).await;
    requests[0].assert_verified(SECRET, true);
    requests[0].assert_verified(NEW, true);
    rotate(hours_ago(1));
    publish(&api, "second").await;
    let requests = receiver.wait_for(2).await;
    requests[1].assert_verified(SECRET, false);
    requests[1].assert_verified(NEW, true);
}

/// Retention may delete changes that a webhook has not got, for example while it was disabled.
#[on_both]
async fn deliveries_continue_at_the_oldest_change(api: Api) {
    let receiver = HookReceiver::start();
    for slug in ["a", "b", "c"] {
        publish(&api, slug).await;
    }
    Hook::each(&receiver.url()).insert(&api.server.database);
    let database = &api.server.database;
    database.execute("UPDATE webhooks SET position = (SELECT min(seq) FROM post_changes)");
    database.execute("DELETE FROM post_changes WHERE seq < (SELECT max(seq) FROM post_changes)");
    api.server.deliveries.wake();
    receiver.wait_for(1).await;
    wait_until_idle(database).await;
    assert_eq!(slugs(&receiver), ["c"]);
    let created = api.create(json!({"title": "d", "published": true})).await;
    receiver.wait_for(2).await;
    assert_eq!(receiver.requests()[1].json()["data"]["id"], created["id"]);
}

/// A copy of the database without the contents of the log assigns the positions again.
#[on_both]
async fn a_position_beyond_the_log_continues_at_its_beginning(api: Api) {
    let receiver = HookReceiver::start();
    publish(&api, "a").await;
    let database = &api.server.database;
    let url = receiver.url();
    Hook::each(&url).insert(database);
    database.execute("UPDATE webhooks SET position = 1000000, attempt = 3, burst_end = 1000001");
    api.server.deliveries.wake();
    receiver.wait_for(1).await;
    wait_until_idle(database).await;
    assert_eq!(slugs(&receiver), ["a"]);
}

/// The worker finds the next change in steps. The delivery must not search for it again in one.
#[on_both]
async fn a_rare_event_behind_a_long_backlog_is_delivered(api: Api) {
    let receiver = HookReceiver::start();
    let post = publish(&api, "a").await;
    let database = &api.server.database;
    Hook { events: r#"["post.deleted"]"#, ..Hook::each(&receiver.url()) }.insert(database);
    database.execute(
        "INSERT INTO post_changes (post_id, kind, version, slug) \
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 5000) \
         SELECT 1, 2, n, 'a' FROM numbers",
    );
    api.admin().delete(&format!("/api/posts/{}", post["id"])).await.expect(204);
    receiver.wait_for(1).await;
    wait_until_idle(database).await;
    assert_eq!(receiver.requests()[0].json()["type"], "post.deleted");
}

/// A client changes what does not affect the request while it fails: the failure counts.
#[on_both]
async fn a_rename_during_a_request_keeps_its_failure(api: Api) {
    let receiver = HookReceiver::start();
    receiver.behave(Behavior::Status(500));
    receiver.hold();
    Hook::each(&receiver.url()).create(&api);
    publish(&api, "a").await;
    receiver.wait_for(1).await;
    let database = &api.server.database;
    database.execute("UPDATE webhooks SET name = 'renamed', version = version + 1");
    receiver.release();
    wait_until("the attempt to be stored", async || attempts(database) == 1).await;
    assert!(is_true(database, "attempt = 1 AND next_attempt_at IS NOT NULL AND failing_since IS NOT NULL"));
}

/// A client changes the URL while a request to the old one fails: the failure says nothing about the new receiver.
#[on_both]
async fn a_failure_of_the_old_url_does_not_count(api: Api) {
    let (old, new) = (HookReceiver::start(), HookReceiver::start());
    old.behave(Behavior::Status(410));
    old.hold();
    let id = Hook::each(&old.url()).create(&api);
    publish(&api, "a").await;
    old.wait_for(1).await;
    api.admin().patch(&format!("/api/webhooks/{id}"), &json!({"url": new.url()})).await.expect(200);
    old.release();
    let database = &api.server.database;
    wait_until("the attempt to be stored", async || attempts(database) > 0).await;
    assert!(is_true(database, "enabled AND disabled_reason IS NULL AND failing_since IS NULL"));
    new.wait_for(1).await;
    wait_until_idle(database).await;
    assert_eq!((slugs(&old), slugs(&new)), (vec!["a".to_owned()], vec!["a".to_owned()]));
    let statuses = "SELECT count(*) AS number FROM webhook_attempts WHERE status IN (410, 200)";
    assert_eq!(database.query_number(statuses), 2, "both attempts are recorded");
}
