//! The database: [`Database::read`] and [`Database::write`] run a closure with a [`Connection`] on a thread that may block,
//! bounded in time and in queue length.
//!
//! SQLite has a pool of readers and exactly one writer. PostgreSQL has one pool for both, and with a replica a second one
//! for [`Database::read_public`]. [`Database::revision`] tells caches whether what they hold is still current.
//!
//! This module knows no post, no key, and no HTTP type. Its files import each other by module, never from this one.

pub(crate) mod connection;
mod database;
mod deadline;
mod error;
mod fixed_sql;
pub mod inspect;
mod instrumentation;
pub mod migrations;
mod options;
mod pool;
pub mod postgres;
mod request_context;
mod revision;
mod sequences;
pub mod sqlite;
mod stats;
pub(crate) mod timestamp;
mod url;
mod write;

pub(crate) use connection::on;
pub use connection::{Backend, ConnectError, Connection, Visibility};
pub use database::Database;
pub use deadline::with_deadline;
pub use error::Error;
pub(crate) use fixed_sql::{BindValue, FixedSql};
pub use instrumentation::{is_instrumented, log_slow_queries};
pub use options::{Endpoints, PoolOptions, ReplicaOptions};
pub use postgres::identity::is_same_database;
pub use request_context::{RequestContext, with_request_id};
pub use sequences::{MAX_ID, Sequence};
pub use sqlite::backup::{Backup, BackupError};
pub use stats::{EndpointStatus, PoolStats, WriterStats};
pub use timestamp::{InvalidTimestamp, Timestamp, Timestamptz};
pub use url::{DatabaseUrl, InvalidUrl, PostgresUrl};
pub use write::Atomicity;
