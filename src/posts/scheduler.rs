//! The task that publishes posts when their time has come. Every instance runs it; together they publish each post
//! once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::db::{Database, Error, Timestamp};
use crate::posts::publish;
use crate::telemetry::histogram::{Histogram, HistogramSnapshot};

/// How often it looks. It sleeps by a clock that nobody sets and compares with the one that people set, so that a step
/// of that clock is noticed at the next look.
const INTERVAL: Duration = Duration::from_millis(250);
/// Posts that are published in one transaction; more that are overdue follow at once.
const BATCH: i64 = 100;

/// What the task has done so far.
#[derive(Debug)]
pub struct Progress {
    published: AtomicU64,
    last_lag: AtomicI64,
    lags: Histogram,
    /// Microseconds since 1970; 0: never.
    looked_at: AtomicI64,
}

/// In microseconds: from one look to the next, to an hour in which nothing ran.
const LAGS: &[u64] = &[
    100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 15_000_000, 60_000_000, 300_000_000, 900_000_000,
    3_600_000_000,
];

impl Default for Progress {
    fn default() -> Self {
        Self {
            published: AtomicU64::new(0),
            last_lag: AtomicI64::new(0),
            lags: Histogram::of_durations(LAGS),
            looked_at: AtomicI64::new(0),
        }
    }
}

impl Progress {
    /// How long after its time each post was published.
    pub fn lags(&self) -> HistogramSnapshot {
        self.lags.snapshot()
    }

    /// When this instance has last published what was due, or found that nothing was; `None`: not yet.
    pub fn looked_at(&self) -> Option<Timestamp> {
        Some(self.looked_at.load(Ordering::Relaxed))
            .filter(|time| *time > 0)
            .and_then(|time| Timestamp::from_microseconds(time).ok())
    }

    /// Posts that this instance has published.
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// How long after its time the most overdue post of the last batch was published.
    pub fn last_lag(&self) -> Duration {
        Duration::from_micros(self.last_lag.load(Ordering::Relaxed).try_into().unwrap_or(0))
    }
}

/// Publishes due posts for ever.
pub async fn run(database: Database, progress: Arc<Progress>) {
    let mut is_failing = false;
    loop {
        match publish_batch(&database, &progress).await {
            Ok(published) => {
                progress.looked_at.store(Timestamp::now().as_microseconds(), Ordering::Relaxed);
                if is_failing {
                    tracing::info!("scheduled posts are published again");
                }
                is_failing = false;
                if i64::try_from(published).is_ok_and(|published| published == BATCH) {
                    continue;
                }
            }
            Err(error) => {
                if !is_failing {
                    tracing::warn!(%error, "scheduled posts cannot be published; trying on");
                }
                is_failing = true;
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn publish(database: &Database, ids: Vec<i64>, now: Timestamp) -> Result<Vec<Timestamp>, Error> {
    database.write_each(move |conn| publish::publish_due(conn, &ids, now)).await
}

/// Answers how many posts were published.
async fn publish_batch(database: &Database, progress: &Progress) -> Result<usize, Error> {
    let now = Timestamp::now();
    // A read, so that a service with nothing to publish never asks for the writer.
    let ids = database.read(move |conn| publish::due(conn, now, BATCH)).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let due_at = match publish(database, ids.clone(), now).await {
        Err(Error::Query(error)) => {
            // One post that cannot be published must not keep the others back.
            tracing::error!(%error, "a batch of scheduled posts cannot be published; trying one by one");
            let mut due_at = Vec::new();
            for id in ids {
                match publish(database, vec![id], now).await {
                    Ok(published) => due_at.extend(published),
                    Err(error) => tracing::error!(%error, post = id, "a scheduled post cannot be published"),
                }
            }
            due_at
        }
        due_at => due_at?,
    };
    let lag = |due_at: &Timestamp| now.as_microseconds() - due_at.as_microseconds();
    if let Some(oldest) = due_at.iter().min() {
        progress.last_lag.store(lag(oldest), Ordering::Relaxed);
    }
    for due_at in &due_at {
        progress.lags.record_duration(Duration::from_micros(lag(due_at).try_into().unwrap_or(0)));
    }
    progress.published.fetch_add(due_at.len() as u64, Ordering::Relaxed);
    Ok(due_at.len())
}
