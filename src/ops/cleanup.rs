//! The background task that deletes expired rows.

use std::time::Duration;

use crate::db::{Database, Error, Timestamp};
use crate::http::idempotency_store;
use crate::posts::changes::log;
use crate::webhooks::delivery::store as delivery_store;

/// The time between two cleanups.
const INTERVAL: Duration = Duration::from_mins(10);

/// Deletes the expired responses to requests with `Idempotency-Key`, the expired changes of the log, and the expired
/// attempts of webhooks. If the log is empty, inserts its first row. Runs until the process ends.
pub async fn run(database: Database) {
    loop {
        if let Err(error) = delete_responses(&database).await {
            tracing::warn!(%error, "failed to delete expired idempotency keys; will retry");
        }
        if let Err(error) = begin_log(&database).await {
            tracing::warn!(%error, "failed to insert the first row of the change log; will retry");
        }
        if let Err(error) = delete_changes(&database).await {
            tracing::warn!(%error, "failed to delete expired changes; will retry");
        }
        if let Err(error) = delete_attempts(&database).await {
            tracing::warn!(%error, "failed to delete expired attempts of webhooks; will retry");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Deletes in batches. Reads first, so that a service with nothing to delete does not queue a write.
async fn delete_responses(database: &Database) -> Result<(), Error> {
    while !database.read(|conn| idempotency_store::expired(conn, Timestamp::now())).await?.is_empty() {
        if database.write(|conn| idempotency_store::remove_expired(conn, Timestamp::now())).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// An empty log has no position that a client could begin at. Reads first, so that this queues no write otherwise.
async fn begin_log(database: &Database) -> Result<(), Error> {
    if database.read(log::oldest).await?.is_none() {
        tracing::warn!("the change log is empty; inserting its first row");
        database.write(log::insert_first_row).await?;
    }
    Ok(())
}

/// Deletes expired rows of the log in steps.
async fn delete_changes(database: &Database) -> Result<(), Error> {
    let mut from = 0;
    while let Some(rows) = database.read(move |conn| log::expired(conn, from, Timestamp::now())).await? {
        from = rows.end;
        database.write(move |conn| log::remove_expired(conn, &rows)).await?;
    }
    Ok(())
}

/// The same for the attempts of webhooks. There are few, because their number is limited as well.
async fn delete_attempts(database: &Database) -> Result<(), Error> {
    let now = Timestamp::now();
    if database.read(move |conn| delivery_store::has_expired_attempts(conn, now)).await? {
        database.write(move |conn| delivery_store::remove_expired_attempts(conn, now)).await?;
    }
    Ok(())
}
