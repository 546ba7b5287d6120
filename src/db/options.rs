//! Connection settings: pool size, wait times, and the additional endpoints of a PostgreSQL database.

use std::time::Duration;

use crate::db::url::DatabaseUrl;

/// The size of each pool, and how long a request may wait for a connection.
#[derive(Debug, Clone, Copy)]
pub struct PoolOptions {
    /// The maximum number of connections per pool. SQLite's writer, PostgreSQL's change poller, and the thread that
    /// cancels statements on PostgreSQL have one more each. A pool of one connection has another one for long reads.
    pub size: u32,
    /// A request that has waited this long for a connection fails with [`Error::Busy`](crate::db::error::Error::Busy).
    pub wait: Duration,
    /// How long a connection to PostgreSQL uses the plans of its prepared statements. The plan for a small table can
    /// be a scan of the table, and PostgreSQL keeps it until it collects statistics again, which can be after minutes
    /// or never.
    pub plan_lifetime: Duration,
}

/// Planning a statement takes less than a millisecond, so repeating it at this interval costs little.
const PLAN_LIFETIME: Duration = Duration::from_secs(10);

impl PoolOptions {
    /// Options with the default lifetime of plans.
    #[must_use]
    pub fn new(size: u32, wait: Duration) -> Self {
        Self { size, wait, plan_lifetime: PLAN_LIFETIME }
    }
}

/// The URLs of a PostgreSQL database in addition to `DATABASE_URL`.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// A URL that bypasses the pooler. The change poller uses it, and the thread that cancels
    /// statements.
    pub direct: Option<DatabaseUrl>,
    pub replica: Option<ReplicaOptions>,
}

/// A streaming replica, and the lag that is accepted.
#[derive(Debug, Clone)]
pub struct ReplicaOptions {
    pub url: DatabaseUrl,
    /// A replica that lags further behind the primary is marked unhealthy and gets no reads.
    pub max_lag: Duration,
}

/// What a connection is used for. It determines the session's timeouts and, on SQLite, whether it may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reads for requests. A SQLite connection rejects writes.
    Read,
    /// Writes for requests, and on PostgreSQL reads as well.
    Write,
    /// Migrations, imports, and other commands. Their statements have no timeout.
    Command,
    /// Diagnostics. They change no data, and create and leave no file.
    Inspect,
}
