//! Several instances, and instances that are killed or frozen.

use futures_util::future::join_all;
use serde_json::json;

use super::{Hook, hours_ago, is_postgres, is_true, migrated, publish_by_sql, sandbox, slugs, wait_until_idle};
use crate::support::api::ADMIN_KEY;
use crate::support::database::execute;
use crate::support::hook_receiver::HookReceiver;
use crate::support::program::Process;
use crate::support::{TestDatabase, on_both, wait_for, wait_until};

/// Ends the leases, as if their time had passed.
fn expire_leases(database: &TestDatabase) {
    database.execute(&format!("UPDATE webhooks SET leased_until = '{}' WHERE leased_until IS NOT NULL", hours_ago(1)));
}

#[on_both]
async fn a_request_before_a_kill_comes_again_with_its_id(database: TestDatabase) {
    let database = migrated(database);
    let (receiver, sandbox) = (HookReceiver::start(), sandbox(&database));
    for (round, hook) in [Hook::each(&receiver.url()), Hook::burst(&receiver.url())].into_iter().enumerate() {
        let before = receiver.count();
        database.execute("DELETE FROM webhooks");
        hook.insert(&database);
        let mut server = sandbox.start(&format!("killed-{round}"), &[]);
        server.base_url().await;
        receiver.hold();
        publish_by_sql(&database, &format!("post-{round}"));
        receiver.wait_for(before + 1).await;
        // The response arrives, but its outcome cannot be stored.
        let mut conn = database.connect();
        execute(&mut conn, if is_postgres(&database) { "BEGIN" } else { "BEGIN IMMEDIATE" });
        if is_postgres(&database) {
            execute(&mut conn, "LOCK TABLE webhooks IN EXCLUSIVE MODE");
        }
        let responses = receiver.responses();
        receiver.release();
        wait_until("the response to be sent", async || receiver.responses() > responses).await;
        server.kill();
        execute(&mut conn, "ROLLBACK");
        drop(conn);
        database.wait_for_other_sessions_to_end().await;
        assert!(is_true(&database, "lease IS NOT NULL"), "the outcome was stored");
        expire_leases(&database);
        let mut server = sandbox.start(&format!("next-{round}"), &[]);
        server.base_url().await;
        let requests = receiver.wait_for(before + 2).await;
        assert_eq!(requests[before].id(), requests[before + 1].id());
        wait_until_idle(&database).await;
        assert_eq!(receiver.count(), before + 2);
        server.kill();
        database.wait_for_other_sessions_to_end().await;
    }
}

/// A process that was killed before it could send has only claimed the webhook.
#[on_both]
async fn a_request_that_was_not_sent_before_a_kill_is_sent(database: TestDatabase) {
    let database = migrated(database);
    let (receiver, sandbox) = (HookReceiver::start(), sandbox(&database));
    Hook::each(&receiver.url()).insert(&database);
    publish_by_sql(&database, "a");
    database.execute(&format!("UPDATE webhooks SET lease = 'of a killed process', leased_until = '{}'", hours_ago(-1)));
    let mut server = sandbox.start("server", &[]);
    server.base_url().await;
    publish_by_sql(&database, "b");
    expire_leases(&database);
    receiver.wait_for(2).await;
    assert_eq!(slugs(&receiver), ["a", "b"]);
}

#[on_both]
async fn two_instances_send_each_change_once(database: TestDatabase) {
    if !is_postgres(&database) {
        return;
    }
    let database = migrated(database);
    let (receiver, sandbox) = (HookReceiver::start(), sandbox(&database));
    Hook::each(&receiver.url()).insert(&database);
    let mut servers = [sandbox.start("first", &[]), sandbox.start("second", &[])];
    join_all(servers.iter_mut().map(Process::base_url)).await;
    let expected: Vec<String> = (0..60).map(|number| format!("post-{number}")).collect();
    for slug in &expected {
        publish_by_sql(&database, slug);
        tokio::task::yield_now().await;
    }
    receiver.wait_for(60).await;
    wait_until_idle(&database).await;
    assert_eq!(slugs(&receiver), expected);
    assert_eq!(receiver.max_in_flight(), 1);
}

/// The other instance takes over when the lease ends. The frozen one must not move the position back when it continues.
#[on_both]
async fn a_frozen_instance_cannot_move_the_position_back(database: TestDatabase) {
    if !is_postgres(&database) {
        return;
    }
    let database = migrated(database);
    let (receiver, sandbox) = (HookReceiver::start(), sandbox(&database));
    Hook::each(&receiver.url()).insert(&database);
    let mut frozen = sandbox.start("frozen", &[]);
    frozen.base_url().await;
    receiver.hold();
    publish_by_sql(&database, "first");
    receiver.wait_for(1).await;
    frozen.signal("STOP");
    // The start of the other instance may take longer than a lease lasts.
    database.execute(&format!("UPDATE webhooks SET leased_until = '{}'", hours_ago(-1)));
    let mut other = sandbox.start("other", &[]);
    other.base_url().await;
    publish_by_sql(&database, "second");
    assert_eq!(receiver.count(), 1, "the lease holds");
    receiver.release();
    expire_leases(&database);
    receiver.wait_for(3).await;
    wait_until_idle(&database).await;
    let position = super::number(&database, "position");
    assert_eq!(slugs(&receiver), ["first", "first", "second"]);
    frozen.signal("CONT");
    publish_by_sql(&database, "third");
    receiver.wait_for(4).await;
    wait_until_idle(&database).await;
    let log = frozen.final_log().await;
    assert_eq!(slugs(&receiver), ["first", "first", "second", "third"], "{log}");
    assert!(super::number(&database, "position") > position);
    assert_eq!(receiver.max_in_flight(), 1);
}

/// A client moves the position while a request is in progress. The outcome of that request must not undo this.
#[on_both]
async fn a_replay_is_not_undone_by_a_request_in_progress(database: TestDatabase) {
    let database = migrated(database);
    let (receiver, sandbox) = (HookReceiver::start(), sandbox(&database));
    let id = Hook::each(&receiver.url()).insert(&database);
    let mut server = sandbox.start("server", &[]);
    server.base_url().await;
    for slug in ["a", "b"] {
        publish_by_sql(&database, slug);
    }
    receiver.wait_for(2).await;
    wait_until_idle(&database).await;
    receiver.hold();
    publish_by_sql(&database, "c");
    receiver.wait_for(3).await;
    // The end of the request ends the lease. Otherwise, the replay would begin after an hour.
    database.execute(&format!("UPDATE webhooks SET leased_until = '{}'", hours_ago(-1)));
    replay(&server.base_url().await, id).await;
    receiver.release();
    receiver.wait_for(6).await;
    wait_until_idle(&database).await;
    assert_eq!(slugs(&receiver), ["a", "b", "c", "a", "b", "c"]);
    assert_eq!(receiver.max_in_flight(), 1);
}

/// Another instance has taken over before the replay. The end of this request is not the end of its request.
#[on_both]
async fn a_replay_leaves_the_lease_of_another_instance(database: TestDatabase) {
    let database = migrated(database);
    let (receiver, sandbox) = (HookReceiver::start(), sandbox(&database));
    let id = Hook::each(&receiver.url()).insert(&database);
    let mut server = sandbox.start("server", &[]);
    let base_url = server.base_url().await;
    receiver.hold();
    publish_by_sql(&database, "a");
    receiver.wait_for(1).await;
    database.execute(&format!("UPDATE webhooks SET lease = 'other', leased_until = '{}'", hours_ago(-1)));
    replay(&base_url, id).await;
    replay(&base_url, id).await;
    receiver.release();
    server.final_log().await;
    assert!(is_true(&database, "lease = 'revoked:other' AND leased_until IS NOT NULL"));
    assert_eq!(receiver.count(), 1);
}

/// Replays all changes of the last hour.
async fn replay(base_url: &str, id: i64) {
    let (client, url) = (reqwest::Client::new(), format!("{base_url}/api/webhooks/{id}/replay"));
    let body = json!({"since": hours_ago(1)});
    let response = wait_for("the log of changes to be ready", async || {
        let response = client.post(&url).bearer_auth(ADMIN_KEY).json(&body).send().await.unwrap();
        Some(response).filter(|response| response.status() != 503)
    })
    .await;
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
}
