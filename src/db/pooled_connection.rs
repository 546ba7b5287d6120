//! The r2d2 pool: opens connections on first use, and checks them before they are used again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::QueryResult;

use crate::db::call::Call;
use crate::db::connection::{ConnectError, Connection};
use crate::db::error::Error;
use crate::db::options::{PoolOptions, Purpose};
use crate::db::url::DatabaseUrl;
use crate::db::watchdog;

/// A connection that has been idle for longer is pinged before use.
const PING_AFTER: Duration = Duration::from_secs(1);
/// A connection whose ping takes longer is shut down and replaced.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) type ConnectionPool = r2d2::Pool<ConnectionManager>;

/// An r2d2 pool that opens each connection on first use.
///
/// `connection_timeout` is set because r2d2's default is 30 s. The wait can exceed it if a ping hangs, so callers have
/// a timeout of their own.
pub(crate) fn connections(url: &DatabaseUrl, purpose: Purpose, options: PoolOptions) -> ConnectionPool {
    r2d2::Pool::builder()
        .max_size(options.size)
        .min_idle(Some(0))
        .connection_timeout(options.wait)
        .test_on_check_out(true)
        .error_handler(Box::new(r2d2::LoggingErrorHandler))
        .build_unchecked(ConnectionManager {
            url: url.clone(),
            purpose,
            plan_lifetime: options.plan_lifetime,
            broken_at: Mutex::default(),
        })
}

/// Opens and checks connections for r2d2.
pub(crate) struct ConnectionManager {
    url: DatabaseUrl,
    purpose: Purpose,
    plan_lifetime: Duration,
    /// When a connection was last found broken. The others may be broken as well, so each is pinged before its next
    /// use.
    broken_at: Mutex<Option<Instant>>,
}

/// A connection of the pool, with the time at which it last worked.
pub(crate) struct PooledConnection {
    pub(crate) connection: Connection,
    /// `None` after a lost connection or a panic: the next use pings first.
    verified_at: Option<Instant>,
    /// When the plans of prepared statements were last renewed.
    planned_at: Instant,
}

impl PooledConnection {
    pub(crate) fn run<T>(&mut self, body: impl FnOnce(&mut Connection) -> QueryResult<T>) -> Result<T, Error> {
        self.connection.ensure_files_intact()?;
        self.verified_at = None;
        let result = body(&mut self.connection);
        if let Err(error) = &result {
            self.connection.record_error(error);
        }
        let result = result.map_err(Error::from);
        if !matches!(result, Err(Error::Unreachable(_))) {
            self.verified_at = Some(Instant::now());
        }
        result
    }

    /// Runs `body` as `call`, which other threads may cancel.
    ///
    /// # Errors
    /// [`Error::Deadline`] if it has been canceled before.
    pub(crate) fn run_call<T>(
        &mut self,
        call: &Arc<Call>,
        body: impl FnOnce(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        if !call.start(&self.connection.interrupt) {
            return Err(Error::Deadline);
        }
        let result = self.run(body);
        call.finish();
        result
    }
}

impl r2d2::ManageConnection for ConnectionManager {
    type Connection = PooledConnection;
    type Error = ManagerError;

    fn connect(&self) -> Result<PooledConnection, ManagerError> {
        let connection = Connection::open_for(&self.url, self.purpose)?;
        let now = Instant::now();
        Ok(PooledConnection { connection, verified_at: Some(now), planned_at: now })
    }

    /// A ping costs a round trip to PostgreSQL, so a connection that worked within the last second is not pinged.
    fn is_valid(&self, pooled: &mut PooledConnection) -> Result<(), ManagerError> {
        let broken_at = *self.broken_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_verified = pooled.verified_at.is_some_and(|at| at.elapsed() < PING_AFTER && Some(at) > broken_at);
        let has_old_plans = pooled.planned_at.elapsed() >= self.plan_lifetime;
        if is_verified && !has_old_plans {
            return Ok(());
        }
        let _guard = watchdog::watch_connection(&pooled.connection.interrupt, PING_TIMEOUT);
        if !is_verified {
            pooled.connection.ping_idle()?;
        }
        if has_old_plans {
            pooled.connection.renew_plans()?;
            pooled.planned_at = Instant::now();
        }
        pooled.verified_at = Some(Instant::now());
        Ok(())
    }

    fn has_broken(&self, pooled: &mut PooledConnection) -> bool {
        let is_broken = pooled.connection.is_broken();
        if is_broken {
            *self.broken_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        is_broken
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ManagerError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Ping(#[from] diesel::result::Error),
}
