//! How the database is reached: connections, waits, and the other endpoints of a PostgreSQL database.

use std::time::Duration;

use crate::db::url::DatabaseUrl;

/// How many connections, and how long a request waits for one.
#[derive(Debug, Clone, Copy)]
pub struct PoolOptions {
    /// Connections that serve reads on SQLite, and everything on PostgreSQL.
    pub size: u32,
    /// A request that waited this long for a connection is answered 503.
    pub wait: Duration,
}

/// Where else a PostgreSQL database is reached than by its URL.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// Without the pooler of that URL: the way on which changes are looked for.
    pub direct: Option<DatabaseUrl>,
    pub replica: Option<ReplicaOptions>,
}

/// Where the replica is, and what is asked of it.
#[derive(Debug, Clone)]
pub struct ReplicaOptions {
    pub url: DatabaseUrl,
    /// It is left out where it is behind for longer.
    pub max_lag: Duration,
}

/// What a connection is for. On SQLite, one that only reads refuses to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    Write,
    /// Migrations, imports and the like, which may take as long as they need.
    Command,
    /// Changes nothing, makes no file and leaves none.
    Inspect,
}
