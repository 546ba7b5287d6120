//! Polling with one generous bound.

use std::time::{Duration, Instant};

/// The longest wait for any condition. A condition normally holds within milliseconds; two minutes cover a machine with
/// many more runnable threads than cores, where 30 seconds were too few.
pub(crate) const WAIT_LIMIT: Duration = Duration::from_mins(2);

/// Polls until the condition is true. Panics after [`WAIT_LIMIT`].
pub(crate) async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    wait_for(what, async || condition().await.then_some(())).await;
}

/// Polls until `find` returns a value, and returns it. Panics after [`WAIT_LIMIT`].
pub(crate) async fn wait_for<T>(what: &str, mut find: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = find().await {
            return found;
        }
        assert!(start.elapsed() < WAIT_LIMIT, "timed out after {WAIT_LIMIT:?} waiting for: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
