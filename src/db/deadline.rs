//! How long a request may wait for the database in all, however often it asks.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::db::error::Error;

/// A request that has waited so long is answered without the database; a query that runs serves nobody then, and its
/// connection serves again when it ends.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

tokio::task_local! {
    static LEFT: Cell<Duration>;
}

/// Runs `request`, whose questions to the database may take 10 seconds together; each one that finds no time left is
/// answered [`Error::Deadline`]. Outside of such a request, each question has 10 seconds of its own.
pub async fn with_deadline<F: Future>(request: F) -> F::Output {
    LEFT.scope(Cell::new(DEADLINE), request).await
}

/// Gives `work` up where it takes longer than the request has left.
pub(crate) async fn bounded<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let (left, began) = (LEFT.try_with(Cell::get).unwrap_or(DEADLINE), Instant::now());
    let done = timeout(left, work).await.unwrap_or(Err(Error::Deadline));
    // There is nothing to note outside of a request.
    let _ = LEFT.try_with(|time| time.set(left.saturating_sub(began.elapsed())));
    done
}
