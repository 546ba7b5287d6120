//! The database layer: connections, pools, transactions, migrations, and change detection.
//!
//! [`Database::read`] and [`Database::write`] run a closure with a [`Connection`] on a thread that may block. The wait
//! for a connection, the length of its queue, and the duration of a call are limited. SQLite has a pool of readers and
//! one writer thread. PostgreSQL has one pool for reads and writes, and an optional pool on a replica for
//! [`Database::read_public`]. [`Database::revision`] lets caches decide whether their entries are still current.
//!
//! This module contains the names of the tables, but no columns, no queries on posts or keys, and no HTTP types. Its
//! files import each other by module, never through the re-exports below.

mod cached;
mod call;
mod change_signal;
mod changed;
pub(crate) mod connection;
mod database;
mod deadline;
mod error;
mod fixed_sql;
mod inline_pause;
mod inline_searches;
pub mod inspect;
mod instrumentation;
mod interrupt;
mod latest_changes;
mod limited;
mod long_reads;
pub mod migrations;
mod monitoring;
mod options;
mod pool;
mod pooled_connection;
pub mod postgres;
mod request_context;
mod revision;
mod search_reads;
mod sequences;
pub mod sqlite;
mod stats;
mod tables;
pub(crate) mod timestamp;
mod transaction;
mod untyped;
mod url;
mod watchdog;
mod watermark;
mod write;

pub(crate) use cached::Cached;
pub use change_signal::ChangeWatch;
#[cfg(test)]
pub(crate) use changed::Changed;
pub use changed::Dependency;
pub(crate) use connection::on;
pub use connection::{Backend, ConnectError, Connection, Visibility};
pub use database::Database;
pub use deadline::with_deadline;
pub use error::Error;
pub(crate) use fixed_sql::{BindValue, FixedSql};
pub use instrumentation::{is_instrumented, log_slow_queries};
pub(crate) use limited::Limited;
pub use options::{Endpoints, PoolOptions, ReplicaOptions};
pub use postgres::identity::is_same_database;
pub use request_context::{RequestContext, with_request_id};
pub(crate) use revision::Revision;
pub use sequences::{MAX_ID, Sequence};
pub use sqlite::backup::{Backup, BackupError};
pub(crate) use sqlite::cancel::condition as not_canceled_on_sqlite;
pub use stats::{CallCounts, EndpointStatus, PoolStats, WriterStats};
pub use tables::Table;
pub use timestamp::{InvalidTimestamp, Timestamp, Timestamptz};
pub(crate) use untyped::Untyped;
pub use url::{DatabaseUrl, InvalidUrl, PostgresUrl};
pub use watermark::Settled;
pub use write::Atomicity;
