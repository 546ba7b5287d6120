//! [`Writer`]: the handle to SQLite's writer thread. It queues writes and waits for their replies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::db::connection::Connection;
use crate::db::deadline::within_deadline;
use crate::db::error::Error;
use crate::db::options::{PoolOptions, Purpose};
use crate::db::pool::QUEUE_LIMIT;
use crate::db::pooled_connection::{ConnectionPool, connections};
use crate::db::revision::Revision;
use crate::db::sqlite::queued_write::{Claim, Job, QueuedWrite};
use crate::db::sqlite::wal::Wal;
use crate::db::sqlite::writer_thread::{WriterActivity, WriterThread};
use crate::db::stats::{PoolStats, WriterStats};
use crate::db::url::DatabaseUrl;
use crate::db::write::{Abort, Atomicity};

pub(crate) struct Writer {
    queue: SyncSender<Box<dyn Job>>,
    /// How long a write may wait in the queue.
    wait: Duration,
    connections: ConnectionPool,
    activity: Arc<WriterActivity>,
    /// In bytes.
    wal_length: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread. It ends when the writer is dropped.
    pub(crate) fn start(
        url: &DatabaseUrl,
        options: PoolOptions,
        wal: Wal,
        revision: Arc<Revision>,
    ) -> std::io::Result<Self> {
        let (sender, queue) = sync_channel(QUEUE_LIMIT);
        let connections = connections(url, Purpose::Write, PoolOptions { size: 1, ..options });
        let activity = Arc::new(WriterActivity::new());
        let wal_length = wal.last_length();
        let thread =
            WriterThread { connections: connections.clone(), queue, wal, revision, activity: Arc::clone(&activity) };
        thread::Builder::new().name("sqlite-writer".into()).spawn(move || thread.run())?;
        Ok(Self { queue: sender, wait: options.wait, connections, activity, wal_length })
    }

    /// The single connection and its queue, described as a pool.
    pub(crate) fn pool_stats(&self) -> PoolStats {
        let open = self.connections.state().connections.into();
        let in_use = self.activity.is_writing.load(Ordering::Relaxed).into();
        PoolStats {
            waiting: self.activity.queued.load(Ordering::Relaxed),
            ..self.activity.queue.snapshot("write", 1, open, in_use)
        }
    }

    pub(crate) fn stats(&self) -> WriterStats {
        self.activity.commits.snapshot(self.wal_length.load(Ordering::Relaxed))
    }

    /// Queues `body`, and returns when its batch is committed. If `body` fails, all of it is rolled back, or with
    /// [`Atomicity::Statement`] only the statement that failed.
    pub(crate) async fn run<T: Send + 'static, R: Send + 'static>(
        &self,
        atomicity: Atomicity,
        body: impl FnOnce(&mut Connection) -> Result<T, Abort<R>> + Send + 'static,
    ) -> Result<Result<T, R>, Error> {
        within_deadline(self.enqueue_and_wait(atomicity, body)).await
    }

    async fn enqueue_and_wait<T: Send + 'static, R: Send + 'static>(
        &self,
        atomicity: Atomicity,
        body: impl FnOnce(&mut Connection) -> Result<T, Abort<R>> + Send + 'static,
    ) -> Result<Result<T, R>, Error> {
        let (reply_to, mut reply) = oneshot::channel();
        let claim = Claim::default();
        self.enqueue(Box::new(QueuedWrite::new(atomicity, body, claim.clone(), reply_to)))?;
        let reply = match timeout(self.wait, &mut reply).await {
            Ok(reply) => reply,
            // Withdraws the write, unless the thread has claimed it.
            Err(_elapsed) if claim.take() => {
                self.activity.queue.record_rejected_timeout();
                return Err(Error::Busy("timed out waiting for the writer".into()));
            }
            Err(_elapsed) => reply.await,
        };
        match reply {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_dropped) => Err(Error::Unreachable("the writer thread has ended".into())),
        }
    }

    fn enqueue(&self, job: Box<dyn Job>) -> Result<(), Error> {
        self.activity.queued.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(job).map_err(|error| {
            self.activity.queued.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => {
                    self.activity.queue.record_rejected_full();
                    Error::Busy("queue full".into())
                }
                TrySendError::Disconnected(_) => Error::Unreachable("the writer thread has ended".into()),
            }
        })
    }
}
