//! [`QueuedWrite`]: one write in the queue of SQLite's writer thread.
//!
//! It runs the write in a savepoint and replies to the caller. It does not depend on batches or commits.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use diesel::QueryResult;
use diesel::result::Error as DieselError;
use tokio::sync::oneshot;

use crate::db::changed::Changed;
use crate::db::connection::Connection;
use crate::db::error::Error;
use crate::db::write::{Abort, Atomicity};

/// A [`QueuedWrite`] whose result types are erased.
pub(crate) trait Job: Send {
    /// Claims the write for execution. Returns `false` if its caller has been canceled, or has withdrawn it after a
    /// timeout.
    fn claim(&self) -> bool;

    fn queued_at(&self) -> Instant;

    /// Runs the write in the open transaction and keeps its result for [`Job::reply`]. A failed write rolls back its
    /// own changes only.
    ///
    /// # Errors
    /// The whole transaction has failed: none of its changes are stored.
    fn execute(&mut self, conn: &mut Connection) -> QueryResult<Changed>;

    /// Sends the result to the caller. `failure` is the reason why the transaction was not committed.
    fn reply(self: Box<Self>, failure: Option<&Error>);
}

/// The reply to a write: what its body returned, a database error, or a panic.
pub(crate) type WriteReply<T, R> = thread::Result<Result<Result<T, R>, Error>>;

pub(crate) struct QueuedWrite<F, T, R> {
    /// `None` once it has been executed.
    body: Option<F>,
    atomicity: Atomicity,
    result: Option<WriteReply<T, R>>,
    queued_at: Instant,
    claim: Claim,
    reply_to: oneshot::Sender<WriteReply<T, R>>,
}

/// Ensures that a write is either executed by the writer thread or withdrawn by its caller after a timeout. The first
/// of the two to claim it wins.
#[derive(Clone, Default)]
pub(crate) struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Returns `true` to the first caller only.
    pub(crate) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

impl<F, T, R> QueuedWrite<F, T, R> {
    pub(crate) fn new(
        atomicity: Atomicity,
        body: F,
        claim: Claim,
        reply_to: oneshot::Sender<WriteReply<T, R>>,
    ) -> Self {
        Self { body: Some(body), atomicity, result: None, queued_at: Instant::now(), claim, reply_to }
    }
}

/// Why a savepoint is rolled back.
enum SavepointError<R> {
    Aborted(Abort<R>),
    Panicked(Box<dyn Any + Send>),
}

impl<R> From<DieselError> for SavepointError<R> {
    fn from(error: DieselError) -> Self {
        Self::Aborted(Abort::Failed(error))
    }
}

impl<T: Send, R: Send, F: FnOnce(&mut Connection) -> Result<T, Abort<R>> + Send> Job for QueuedWrite<F, T, R> {
    fn claim(&self) -> bool {
        !self.reply_to.is_closed() && self.claim.take()
    }

    fn queued_at(&self) -> Instant {
        self.queued_at
    }

    fn execute(&mut self, conn: &mut Connection) -> QueryResult<Changed> {
        let Some(body) = self.body.take() else { return Ok(Changed::Nothing) };
        conn.take_changed();
        let result = run_body(conn, self.atomicity, body)?;
        let marked = conn.take_changed();
        let changed = match (&result, self.atomicity) {
            (Ok(_), _) => marked,
            (Err(_), Atomicity::Body) => Changed::Nothing,
            // The statements before the failed one stay stored, and may not have been marked.
            (Err(_), Atomicity::Statement) => Changed::Everything,
        };
        self.result = Some(match result {
            Ok(value) => Ok(Ok(Ok(value))),
            Err(SavepointError::Aborted(Abort::Rejected(rejection))) => Ok(Ok(Err(rejection))),
            Err(SavepointError::Aborted(Abort::Failed(error))) => Ok(Err(error.into())),
            Err(SavepointError::Panicked(panic)) => Err(panic),
        });
        Ok(changed)
    }

    fn reply(self: Box<Self>, failure: Option<&Error>) {
        let reply = match (self.result, failure) {
            // A rejection is replaced as well: it may depend on another write of the batch, which was not stored.
            (Some(Ok(Ok(_))) | None, Some(failure)) => Ok(Err(failure.duplicate())),
            (Some(result), _) => result,
            (None, None) => return,
        };
        // Fails if the caller has been canceled.
        let _ = self.reply_to.send(reply);
    }
}

/// Runs `body`, in a savepoint if `atomicity` requires that it is rolled back as a whole. The inner error is that of
/// `body`.
///
/// # Errors
/// The whole transaction has failed: none of its changes are stored.
fn run_body<T, R>(
    conn: &mut Connection,
    atomicity: Atomicity,
    body: impl FnOnce(&mut Connection) -> Result<T, Abort<R>>,
) -> QueryResult<Result<T, SavepointError<R>>> {
    let run_catching_panics = |conn: &mut Connection| match catch_unwind(AssertUnwindSafe(|| body(conn))) {
        Ok(result) => result.map_err(SavepointError::Aborted),
        Err(panic) => Err(SavepointError::Panicked(panic)),
    };
    match atomicity {
        Atomicity::Body => conn.savepoint(run_catching_panics).map_err(|error| match error {
            SavepointError::Aborted(Abort::Failed(error)) => error,
            SavepointError::Aborted(Abort::Rejected(_)) | SavepointError::Panicked(_) => {
                DieselError::RollbackTransaction
            }
        }),
        Atomicity::Statement => match run_catching_panics(conn) {
            Err(SavepointError::Aborted(Abort::Failed(error))) if !conn.is_in_transaction() => Err(error),
            result => Ok(result),
        },
    }
}
