//! SQLite's one writer. It carries out the writes that wait, one after the other, and commits them together: flushing
//! to disk is what a commit costs, and it costs the same for one write as for a hundred.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::result::Error as DieselError;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::db::connection::{Connection, Visibility};
use crate::db::deadline::bounded;
use crate::db::error::Error;
use crate::db::options::{PoolOptions, Purpose};
use crate::db::pool::{Connections, QUEUE, connections};
use crate::db::revision::Revision;
use crate::db::sqlite::wal::Wal;
use crate::db::stats::{Groups, Line, PoolStats, WriterStats};
use crate::db::url::DatabaseUrl;
use crate::db::write::{Abort, Atomicity};

/// Writes that are committed together at most, and how long their statements may take together: the first of them
/// waits for the last.
const GROUP: usize = 128;
const GROUP_TIME: Duration = Duration::from_millis(10);
/// How often it looks for changes by other processes while there is nothing to write.
const LOOK: Duration = Duration::from_millis(25);

pub(crate) struct Writer {
    jobs: SyncSender<Box<dyn Job>>,
    wait: Duration,
    connections: Connections,
    work: Arc<Work>,
    length: Arc<AtomicU64>,
    wal: Arc<AtomicU64>,
}

/// What operators see of it.
struct Work {
    line: Line,
    groups: Groups,
    is_writing: AtomicBool,
}

impl Writer {
    /// Starts the thread; it ends when the writer is dropped.
    pub(crate) fn start(
        url: &DatabaseUrl,
        options: PoolOptions,
        wal: Wal,
        revision: Arc<Revision>,
    ) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel(QUEUE);
        let connections = connections(url, Purpose::Write, PoolOptions { size: 1, ..options });
        let work = Arc::new(Work { line: Line::new(), groups: Groups::new(), is_writing: AtomicBool::new(false) });
        let wal_length = wal.shown_length();
        let length = Arc::new(AtomicU64::new(0));
        let thread = WriterThread {
            connections: connections.clone(),
            waiting,
            wal,
            revision,
            work: Arc::clone(&work),
            length: Arc::clone(&length),
        };
        thread::Builder::new().name("sqlite-writer".into()).spawn(move || thread.run())?;
        Ok(Self { jobs, wait: options.wait, connections, work, length, wal: wal_length })
    }

    /// Transactions that were committed.
    pub(crate) fn commits(&self) -> u64 {
        self.work.groups.commits()
    }

    /// Its one connection, and the line before it.
    pub(crate) fn pool(&self) -> PoolStats {
        let open = self.connections.state().connections.into();
        let in_use = self.work.is_writing.load(Ordering::Relaxed).into();
        PoolStats { waiting: self.length(), ..self.work.line.read("write", 1, open, in_use) }
    }

    /// What it has committed.
    pub(crate) fn reading(&self) -> WriterStats {
        self.work.groups.read(self.wal.load(Ordering::Relaxed))
    }

    /// Writes in line.
    pub(crate) fn length(&self) -> u64 {
        self.length.load(Ordering::Relaxed)
    }

    /// Runs `body`, and answers when it is committed. Where `body` fails, nothing of it is stored, or with
    /// [`Atomicity::Statement`] nothing of the statement that failed.
    pub(crate) async fn run<T: Send + 'static, R: Send + 'static>(
        &self,
        atomicity: Atomicity,
        body: impl FnOnce(&mut Connection) -> Result<T, Abort<R>> + Send + 'static,
    ) -> Result<Result<T, R>, Error> {
        bounded(self.wait_and_run(atomicity, body)).await
    }

    async fn wait_and_run<T: Send + 'static, R: Send + 'static>(
        &self,
        atomicity: Atomicity,
        body: impl FnOnce(&mut Connection) -> Result<T, Abort<R>> + Send + 'static,
    ) -> Result<Result<T, R>, Error> {
        let (answer, mut answered) = oneshot::channel();
        let is_taken = Arc::new(AtomicBool::new(false));
        let job = Write {
            body: Some(body),
            atomicity,
            outcome: None,
            queued: Instant::now(),
            is_taken: Arc::clone(&is_taken),
            answer,
        };
        self.length.fetch_add(1, Ordering::Relaxed);
        self.jobs.try_send(Box::new(job)).map_err(|error| {
            self.length.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => {
                    self.work.line.refused_full();
                    Error::Busy("queue full".into())
                }
                TrySendError::Disconnected(_) => Error::Unreachable("the writer has ended".into()),
            }
        })?;
        let outcome = match timeout(self.wait, &mut answered).await {
            Ok(outcome) => outcome,
            // Whoever takes it first decides: it is either withdrawn here or carried out there.
            Err(_elapsed) if !is_taken.swap(true, Ordering::AcqRel) => {
                self.work.line.refused_late();
                return Err(Error::Busy("the writer is busy".into()));
            }
            Err(_elapsed) => answered.await,
        };
        match outcome {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_dropped) => Err(Error::Unreachable("the writer has ended".into())),
        }
    }
}

struct WriterThread {
    connections: Connections,
    waiting: Receiver<Box<dyn Job>>,
    wal: Wal,
    revision: Arc<Revision>,
    work: Arc<Work>,
    length: Arc<AtomicU64>,
}

impl WriterThread {
    fn run(mut self) {
        loop {
            match self.waiting.recv_timeout(LOOK) {
                Ok(first) => {
                    self.work.is_writing.store(true, Ordering::Relaxed);
                    self.carry_out(first);
                    self.work.is_writing.store(false, Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.wal.keep_short(&self.connections);
        }
    }

    fn carry_out(&mut self, first: Box<dyn Job>) {
        if !self.take(&*first) {
            return;
        }
        let mut pooled = match self.connections.get() {
            Ok(pooled) => pooled,
            Err(error) => return first.answer(Some(&Error::Unreachable(error.to_string()))),
        };
        let mut next = Some(first);
        let mut group = Vec::new();
        let mut publicity = Visibility::Private;
        let started = Instant::now();
        let committed = pooled.run(|conn| {
            conn.transaction(|conn| {
                let began = Instant::now();
                self.note_changes(conn, began)?;
                while let Some(mut job) = next.take() {
                    let done = job.carry_out(conn);
                    group.push(job);
                    publicity = publicity.max(done?);
                    if group.len() < GROUP && began.elapsed() < GROUP_TIME {
                        next = std::iter::from_fn(|| self.waiting.try_recv().ok()).find(|job| self.take(&**job));
                    }
                }
                Ok::<_, DieselError>(())
            })
        });
        if matches!(committed, Err(Error::Full(_))) {
            self.wal.note_full_disk();
        }
        if committed.is_ok() {
            self.work.groups.committed(group.len(), started);
        }
        // Before anyone is told: who reads after that must not be shown what was there before. A commit that failed
        // may have been stored all the same.
        if publicity == Visibility::Public || committed.is_err() {
            self.revision.advance();
        }
        // One is still next where the transaction could not begin.
        for job in group.into_iter().chain(next) {
            job.answer(committed.as_ref().err());
        }
    }

    fn take(&self, job: &dyn Job) -> bool {
        self.length.fetch_sub(1, Ordering::Relaxed);
        let is_taken = job.take();
        if is_taken {
            self.work.line.served(job.queued().elapsed());
        }
        is_taken
    }

    /// Nobody can commit between this look and the end of the transaction that it is in.
    fn note_changes(&self, conn: &mut Connection, moment: Instant) -> QueryResult<()> {
        if conn.changed_elsewhere()? {
            self.revision.advance();
        }
        self.revision.looked(moment);
        Ok(())
    }

    fn look(&self) {
        let now = Instant::now();
        let looked =
            self.connections.get().map_err(|error| error.to_string()).and_then(|mut pooled| {
                pooled.run(|conn| self.note_changes(conn, now)).map_err(|error| error.to_string())
            });
        if let Err(error) = looked {
            tracing::debug!(error, "changes by other processes cannot be looked for");
        }
    }
}

/// A write that waits.
trait Job: Send {
    /// Takes it for carrying out; `false` where nobody waits for it any more.
    fn take(&self) -> bool;

    /// Since when it waits.
    fn queued(&self) -> Instant;

    /// Carries it out in a part of the transaction that is undone where it fails.
    ///
    /// # Errors
    /// The transaction as a whole is lost.
    fn carry_out(&mut self, conn: &mut Connection) -> QueryResult<Visibility>;

    /// Tells its caller what became of it, or why the transaction it was in was not committed.
    fn answer(self: Box<Self>, failure: Option<&Error>);
}

/// What a write answered or refused, or its panic.
type Outcome<T, R> = thread::Result<Result<Result<T, R>, Error>>;

struct Write<F, T, R> {
    body: Option<F>,
    atomicity: Atomicity,
    outcome: Option<Outcome<T, R>>,
    queued: Instant,
    is_taken: Arc<AtomicBool>,
    answer: oneshot::Sender<Outcome<T, R>>,
}

/// Why a part of a transaction is undone.
enum Undo<R> {
    Aborted(Abort<R>),
    Panicked(Box<dyn std::any::Any + Send>),
}

impl<R> From<DieselError> for Undo<R> {
    fn from(error: DieselError) -> Self {
        Self::Aborted(Abort::Failed(error))
    }
}

impl<T: Send, R: Send, F: FnOnce(&mut Connection) -> Result<T, Abort<R>> + Send> Job for Write<F, T, R> {
    fn take(&self) -> bool {
        !self.answer.is_closed() && !self.is_taken.swap(true, Ordering::AcqRel)
    }

    fn queued(&self) -> Instant {
        self.queued
    }

    fn carry_out(&mut self, conn: &mut Connection) -> QueryResult<Visibility> {
        let Some(body) = self.body.take() else { return Ok(Visibility::Private) };
        conn.take_visibility();
        let work = |conn: &mut Connection| match catch_unwind(AssertUnwindSafe(|| body(conn))) {
            Ok(result) => result.map_err(Undo::Aborted),
            Err(panic) => Err(Undo::Panicked(panic)),
        };
        let done = match self.atomicity {
            Atomicity::Body => conn.savepoint(work).map_err(|lost| match lost {
                Undo::Aborted(Abort::Failed(error)) => error,
                Undo::Aborted(Abort::Refused(_)) | Undo::Panicked(_) => DieselError::RollbackTransaction,
            })?,
            Atomicity::Statement => match work(conn) {
                Err(Undo::Aborted(Abort::Failed(error))) if !conn.is_in_transaction() => return Err(error),
                done => done,
            },
        };
        let publicity = match (&done, self.atomicity) {
            (Err(_), Atomicity::Body) => Visibility::Private,
            // What came before the statement that failed stays.
            _ => conn.take_visibility(),
        };
        self.outcome = Some(match done {
            Ok(value) => Ok(Ok(Ok(value))),
            Err(Undo::Aborted(Abort::Refused(refusal))) => Ok(Ok(Err(refusal))),
            Err(Undo::Aborted(Abort::Failed(error))) => Ok(Err(error.into())),
            Err(Undo::Panicked(panic)) => Err(panic),
        });
        Ok(publicity)
    }

    fn answer(self: Box<Self>, failure: Option<&Error>) {
        let outcome = match (self.outcome, failure) {
            // A refusal, too, may have gone by what another write of the group had stored.
            (Some(Ok(Ok(_))) | None, Some(failure)) => Ok(Err(failure.again())),
            (Some(outcome), _) => outcome,
            // It was never carried out.
            (None, None) => return,
        };
        // Who has gone needs no answer.
        let _ = self.answer.send(outcome);
    }
}
