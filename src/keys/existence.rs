//! [`ExistenceCheck`]: finds out which of many API keys exist, with one query at a time.
//!
//! While a client guesses keys, its address may have other clients with valid keys. Every key of the address is
//! therefore checked, but the checks must not occupy the database: they are collected while a query runs, and the next
//! query checks all of them. The cost does not depend on how many clients wait, except for one index lookup per key.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::db::{Database, Timestamp};
use crate::http::ApiError;
use crate::keys::model::KeyHash;
use crate::keys::store;

/// The maximum number of keys in a query.
const MAX_BATCH: usize = 500;

/// Checks keys in batches; clones share the queue.
#[derive(Clone)]
pub struct ExistenceCheck(Arc<CheckInner>);

struct CheckInner {
    database: Database,
    queue: Mutex<CheckQueue>,
}

#[derive(Default)]
struct CheckQueue {
    waiting: Vec<Waiter>,
    /// Whether a task is checking the keys of the queue.
    is_running: bool,
}

struct Waiter {
    hash: KeyHash,
    result: oneshot::Sender<Result<bool, ApiError>>,
}

impl ExistenceCheck {
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self(Arc::new(CheckInner { database, queue: Mutex::default() }))
    }

    /// Whether the key with this hash exists and is neither revoked nor expired.
    ///
    /// # Errors
    /// The database failed.
    pub async fn exists(&self, hash: KeyHash) -> Result<bool, ApiError> {
        let (result, receiver) = oneshot::channel();
        let was_running = {
            let mut queue = self.queue();
            queue.waiting.push(Waiter { hash, result });
            std::mem::replace(&mut queue.is_running, true)
        };
        if !was_running {
            let guard = RunGuard { check: self.clone(), is_done: false };
            actix_web::rt::spawn(guard.run());
        }
        receiver.await.unwrap_or_else(|_| Err(ApiError::Internal { cause: "the key check ended early".into() }))
    }

    fn queue(&self) -> MutexGuard<'_, CheckQueue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next keys to check; empty if none wait, after which another task may start.
    fn next_batch(&self) -> Vec<Waiter> {
        let mut queue = self.queue();
        queue.waiting.retain(|waiter| !waiter.result.is_closed());
        let count = queue.waiting.len().min(MAX_BATCH);
        let batch: Vec<Waiter> = queue.waiting.drain(..count).collect();
        queue.is_running = !batch.is_empty();
        batch
    }

    async fn check(&self, batch: Vec<Waiter>) {
        let hashes: Vec<KeyHash> = batch.iter().map(|waiter| waiter.hash).collect();
        let find = move |conn: &mut _| store::existing(conn, &hashes, Timestamp::now());
        let found = self.0.database.read_inline(find).await.map_err(ApiError::from);
        for Waiter { hash, result } in batch {
            // Fails if the request has been canceled.
            let _ = result.send(found.as_ref().map(|found| found.contains(&hash)).map_err(ApiError::clone));
        }
    }
}

/// The task that checks the keys. If it ends early, the waiting requests fail, and a later one starts another task.
struct RunGuard {
    check: ExistenceCheck,
    is_done: bool,
}

impl RunGuard {
    async fn run(mut self) {
        loop {
            let batch = self.check.next_batch();
            if batch.is_empty() {
                self.is_done = true;
                return;
            }
            self.check.check(batch).await;
        }
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        // After the regular end, the queue may belong to the next task.
        if !self.is_done {
            *self.check.queue() = CheckQueue::default();
        }
    }
}
