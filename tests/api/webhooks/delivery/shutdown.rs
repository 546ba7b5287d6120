//! The service ends its requests before it exits.

use super::{Hook, attempts, is_true, migrated, publish_by_sql, sandbox};
use crate::support::hook_receiver::HookReceiver;
use crate::support::{TestDatabase, on_both, wait_until};

#[on_both]
async fn requests_in_progress_end_and_leases_are_released(database: TestDatabase) {
    let database = migrated(database);
    let (receiver, sandbox) = (HookReceiver::start(), sandbox(&database));
    Hook::each(&receiver.url()).insert(&database);
    let mut server = sandbox.start("server", &[]);
    server.base_url().await;
    receiver.hold();
    for number in 0..20 {
        publish_by_sql(&database, &format!("post-{number}"));
    }
    receiver.wait_for(1).await;
    server.signal("TERM");
    wait_until("the shutdown to begin", async || server.stderr().contains("shutting down")).await;
    receiver.release();
    assert!(server.wait_for_exit().await.success(), "{}", server.stderr());
    assert_eq!((receiver.count(), attempts(&database)), (1, 1), "{}", server.stderr());
    assert!(is_true(&database, "lease IS NULL AND leased_until IS NULL AND attempt = 0"));
    // The next instance continues at once.
    let mut server = sandbox.start("next", &[]);
    server.base_url().await;
    receiver.wait_for(20).await;
    let log = server.final_log().await;
    assert!(!log.contains("hush"), "{log}");
}
