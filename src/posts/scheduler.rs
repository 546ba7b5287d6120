//! The task that publishes scheduled posts when they are due. Every instance runs it, and each post is published once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::db::{Database, Error, Timestamp};
use crate::posts::publish;
use crate::telemetry::histogram::{Histogram, HistogramSnapshot};

/// The time between two polls. The task waits by the monotonic clock, but compares due times with the wall clock. So a
/// change of the wall clock takes effect at the next poll.
const INTERVAL: Duration = Duration::from_millis(250);
/// The maximum number of posts that one transaction publishes. After a full batch, the next poll follows at once.
const BATCH: usize = 100;

/// Statistics of the scheduler of this instance.
#[derive(Debug)]
pub struct SchedulerStats {
    lags: Histogram,
    /// In microseconds since 1970. 0 before the first successful poll.
    polled_at: AtomicI64,
}

/// The bucket bounds of the lag in microseconds: from less than a poll interval up to an outage of an hour.
const LAG_BUCKETS: &[u64] = &[
    100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 15_000_000, 60_000_000, 300_000_000, 900_000_000,
    3_600_000_000,
];

impl Default for SchedulerStats {
    fn default() -> Self {
        Self { lags: Histogram::of_durations(LAG_BUCKETS), polled_at: AtomicI64::new(0) }
    }
}

impl SchedulerStats {
    /// The time between the due time and the publication of each post.
    pub fn lags(&self) -> HistogramSnapshot {
        self.lags.snapshot()
    }

    /// When the last successful poll ended; `None` before the first one.
    pub fn polled_at(&self) -> Option<Timestamp> {
        Some(self.polled_at.load(Ordering::Relaxed))
            .filter(|time| *time > 0)
            .and_then(|time| Timestamp::from_microseconds(time).ok())
    }
}

/// Polls for due posts and publishes them. Never returns.
pub async fn poll(database: Database, stats: Arc<SchedulerStats>) {
    let mut is_failing = false;
    loop {
        match publish_batch(&database, &stats).await {
            Ok(published) => {
                stats.polled_at.store(Timestamp::now().as_microseconds(), Ordering::Relaxed);
                if is_failing {
                    tracing::info!("scheduled posts are being published again");
                }
                is_failing = false;
                if published == BATCH {
                    continue;
                }
            }
            Err(error) => {
                if !is_failing {
                    tracing::warn!(%error, "failed to publish scheduled posts; will retry");
                }
                is_failing = true;
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Publishes at most [`BATCH`] due posts, and returns how many.
async fn publish_batch(database: &Database, stats: &SchedulerStats) -> Result<usize, Error> {
    let now = Timestamp::now();
    // Reads first, so that a poll without due posts does not queue a write. Few rows by index, so it does not wait for
    // long reads.
    let ids = database.read_inline(move |conn| publish::find_due(conn, now, BATCH)).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let due_at = match publish(database, ids.clone(), now).await {
        Err(Error::Query(error)) => {
            let due = ids.len();
            tracing::error!(%error, due, "failed to publish a batch of scheduled posts; publishing each separately");
            publish_separately(database, ids, now).await
        }
        due_at => due_at?,
    };
    let lag = |due_at: &Timestamp| now.as_microseconds() - due_at.as_microseconds();
    for due_at in &due_at {
        stats.lags.record_duration(Duration::from_micros(lag(due_at).try_into().unwrap_or(0)));
    }
    Ok(due_at.len())
}

async fn publish(database: &Database, ids: Vec<i64>, now: Timestamp) -> Result<Vec<Timestamp>, Error> {
    database.write_each(move |conn| publish::publish_due(conn, &ids, now)).await
}

/// Publishes each post in its own transaction, so that a failure does not block the other posts.
async fn publish_separately(database: &Database, ids: Vec<i64>, now: Timestamp) -> Vec<Timestamp> {
    let mut due_at = Vec::new();
    for id in ids {
        match publish(database, vec![id], now).await {
            Ok(published) => due_at.extend(published),
            Err(error) => tracing::error!(%error, post = id, "failed to publish a scheduled post; will retry"),
        }
    }
    due_at
}
