//! The background task that deletes expired rows.

use std::time::Duration;

use crate::db::{Database, Error, Timestamp};
use crate::http::idempotency_store;

/// The time between two cleanups.
const INTERVAL: Duration = Duration::from_mins(10);

/// Deletes the expired responses to requests with `Idempotency-Key`. Runs until the process ends.
pub async fn run(database: Database) {
    loop {
        match delete_batch(&database).await {
            // More expired rows may remain.
            Ok(deleted) if deleted > 0 => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "failed to delete expired idempotency keys; will retry"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Returns the number of deleted rows.
async fn delete_batch(database: &Database) -> Result<usize, Error> {
    // Reads first, so that a service with nothing to delete does not queue a write.
    if database.read(|conn| idempotency_store::expired(conn, Timestamp::now())).await?.is_empty() {
        return Ok(0);
    }
    database.write(|conn| idempotency_store::remove_expired(conn, Timestamp::now())).await
}
