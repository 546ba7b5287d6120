//! Whether the database responds, its revision, and its state for metrics: endpoints, pools, and errors.

use std::sync::Arc;
use std::time::Duration;

use crate::db::connection::Connection;
use crate::db::database::Database;
use crate::db::error::Error;
use crate::db::postgres::replica::Replica;
use crate::db::revision::Revision;
use crate::db::sqlite::writer::Writer;
use crate::db::stats::{EndpointStatus, PoolStats, WriterStats};

/// The timeout of [`Database::endpoint_status`].
const STATUS_TIMEOUT: Duration = Duration::from_secs(3);
/// How long after a poll the database still counts as responding.
const RECENT_POLL: Duration = Duration::from_secs(2);

impl Database {
    /// Makes one round trip to the database, to check that it responds. On SQLite also checks that its files are
    /// neither removed, nor replaced, nor read-only.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read_inline(Connection::check_readiness).await
    }

    /// The revision, for caches that also distinguish which post has changed.
    pub(crate) fn revisions(&self) -> Arc<Revision> {
        Arc::clone(&self.0.revision)
    }

    /// Checks whether each endpoint responds, within 3 seconds. If the primary's pool is busy, the primary counts as up
    /// while the change poller still polls it. The replica counts as up while it is healthy.
    pub async fn endpoint_status(&self) -> Vec<EndpointStatus> {
        let is_up = match tokio::time::timeout(STATUS_TIMEOUT, self.ping()).await {
            Ok(Ok(())) => true,
            // All connections are in use, either by slow queries or because the database hangs. The poller has a
            // connection of its own, so its polls distinguish the two cases.
            Ok(Err(Error::Busy(_))) | Err(_) => self.revision().is_some(),
            Ok(Err(_)) => false,
        };
        let replica = self.is_replica_healthy().map(|is_up| EndpointStatus { name: "replica", is_up });
        [EndpointStatus { name: "primary", is_up }].into_iter().chain(replica).collect()
    }

    /// How long the database has not responded to the polls for changes. Zero if it is not polled, because it is a
    /// PostgreSQL server with a single session.
    #[must_use]
    pub fn unresponsive_for(&self) -> Duration {
        if self.0.is_polled { self.0.revision.silence() } else { Duration::ZERO }
    }

    /// Checks that the database can be read. Costs nothing while it responds to polls.
    ///
    /// # Errors
    /// The database does not respond, or SQLite's files were removed or replaced.
    pub async fn ensure_responsive(&self) -> Result<(), Error> {
        if self.0.is_polled && self.unresponsive_for() < RECENT_POLL {
            return Ok(());
        }
        let check = |conn: &mut Connection| {
            conn.verify_files()?;
            conn.ping_idle()
        };
        self.read_inline(check).await
    }

    /// The number of reads that the replica has served. `None` without a replica.
    #[must_use]
    pub fn replica_reads(&self) -> Option<u64> {
        self.0.replica.as_ref().map(Replica::reads)
    }

    /// Whether the replica responds, is a standby of the primary, and lags within the limit. `None` without a replica.
    #[must_use]
    pub fn is_replica_healthy(&self) -> Option<bool> {
        self.0.replica.as_ref().map(Replica::is_healthy)
    }

    /// The current state of each pool.
    #[must_use]
    pub fn pool_stats(&self) -> Vec<PoolStats> {
        let others = [self.0.writer.as_ref().map(Writer::pool_stats), self.0.replica.as_ref().map(Replica::pool_stats)];
        [self.0.pool.stats()].into_iter().chain(others.into_iter().flatten()).collect()
    }

    /// Statistics of SQLite's writer. `None` on PostgreSQL.
    #[must_use]
    pub fn writer_stats(&self) -> Option<WriterStats> {
        self.0.writer.as_ref().map(Writer::stats)
    }

    /// The number of failed calls by kind of [`Error`]: `busy`, `unreachable`, `read_only`, `full`, `deadline`,
    /// `query`, and `too_expensive`.
    #[must_use]
    pub fn error_counts(&self) -> Vec<(&'static str, u64)> {
        self.0.errors.snapshot()
    }

    /// How long the oldest change has been waiting until the log is complete up to it. Zero if none is waiting.
    #[must_use]
    pub fn unsettled_for(&self) -> Duration {
        self.0.watermark.unsettled_for()
    }
}
