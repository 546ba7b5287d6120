//! The time budget of a request for all of its database calls together.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::db::error::Error;

/// The budget of a request. When it is used up, the current call fails with [`Error::Deadline`]. A read is
/// canceled then, and a write continues.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

tokio::task_local! {
    static REMAINING: Cell<Duration>;
}

/// Runs `request` with a budget of 10 seconds for all of its database calls together. Outside of such a request, each
/// database call has a budget of 10 seconds.
pub async fn with_deadline<F: Future>(request: F) -> F::Output {
    REMAINING.scope(Cell::new(DEADLINE), request).await
}

/// Runs `call`, and subtracts the elapsed time from the request's budget.
///
/// # Errors
/// [`Error::Deadline`] if the budget is used up first.
pub(crate) async fn within_deadline<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let (remaining, started) = (REMAINING.try_with(Cell::get).unwrap_or(DEADLINE), Instant::now());
    let result = timeout(remaining, call).await.unwrap_or(Err(Error::Deadline));
    // Fails outside of a request, where there is no budget to update.
    let _ = REMAINING.try_with(|budget| budget.set(remaining.saturating_sub(started.elapsed())));
    result
}
