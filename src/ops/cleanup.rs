//! The task that removes what has expired.

use std::time::Duration;

use crate::db::{Database, Error, Timestamp};
use crate::http::idempotency_store;

const INTERVAL: Duration = Duration::from_mins(10);

/// Removes expired answers to requests with `Idempotency-Key`, for ever.
pub async fn run(database: Database) {
    loop {
        match remove_some(&database).await {
            // There may be more.
            Ok(removed) if removed > 0 => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "expired idempotency keys cannot be removed; trying on"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn remove_some(database: &Database) -> Result<usize, Error> {
    // A read, so that a service with nothing to remove never asks for the writer.
    if database.read(|conn| idempotency_store::expired(conn, Timestamp::now())).await?.is_empty() {
        return Ok(0);
    }
    database.write(|conn| idempotency_store::remove_expired(conn, Timestamp::now())).await
}
