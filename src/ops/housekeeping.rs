//! The task that removes what has expired.

use std::time::Duration;

use crate::db::{Database, Timestamp};
use crate::idempotency;

const INTERVAL: Duration = Duration::from_mins(10);

/// Removes expired answers to requests with `Idempotency-Key`, for ever.
pub async fn run(database: Database) {
    loop {
        match database.write(|conn| idempotency::remove_expired(conn, Timestamp::now())).await {
            // There may be more.
            Ok(removed) if removed > 0 => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "expired idempotency keys cannot be removed; trying on"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
