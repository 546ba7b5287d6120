//! [`Streams`]: counts and limits the event streams of an instance, and ends them. Contains the pages that they share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::db::Database;
use crate::http::ApiError;
use crate::http::transport::client_ip;
use crate::http::transport::memory_budget::MemoryBudget;
use crate::posts::changes::stream::pages::StreamPages;
use crate::posts::errors::{no_streams, too_many_streams};

/// A handle to the event streams of an instance; clones share their state.
#[derive(Clone)]
pub struct Streams(Arc<StreamsInner>);

struct StreamsInner {
    database: Database,
    pages: StreamPages,
    limit: usize,
    open: Mutex<OpenStreams>,
    /// The same state twice: the streams wait for the first one, and their connections read the second one.
    stop: watch::Sender<bool>,
    is_stopping: Arc<AtomicBool>,
}

#[derive(Default)]
struct OpenStreams {
    count: usize,
    /// The number of streams of each client, by [`client_ip::network_id`]. Clients on this machine are not limited.
    by_client: HashMap<u128, usize>,
}

/// Counts as an open stream until it is dropped.
pub(super) struct Slot {
    streams: Streams,
    client: Option<u128>,
}

/// A client may have at most one of this many streams, so that one client cannot occupy all of them.
const SHARE: usize = 10;
/// Each client may have at least this number of streams.
const MIN_PER_CLIENT: usize = 8;

impl Streams {
    /// `limit` is the maximum number of open streams. `budget` counts the memory of their pages.
    #[must_use]
    pub fn new(database: Database, budget: MemoryBudget, limit: usize) -> Self {
        let pages = StreamPages::new(database.clone(), budget);
        Self(Arc::new(StreamsInner {
            database,
            pages,
            limit,
            open: Mutex::default(),
            stop: watch::Sender::new(false),
            is_stopping: Arc::default(),
        }))
    }

    /// The number of open streams.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.lock().count as u64
    }

    /// The limit on [`Streams::open`].
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.0.limit as u64
    }

    /// The number of database reads for all streams together.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.0.pages.reads()
    }

    /// Ends all streams, and each later one after its first frame. Clients then reconnect to another instance.
    pub fn stop(&self) {
        self.0.is_stopping.store(true, Ordering::Relaxed);
        self.0.stop.send_replace(true);
    }

    /// # Errors
    /// The limit is reached, for all clients together or for this one, or no stream is allowed.
    pub(super) fn reserve(&self, client: IpAddr) -> Result<Slot, ApiError> {
        if self.0.limit == 0 {
            return Err(no_streams());
        }
        let client = (!client.to_canonical().is_loopback()).then(|| client_ip::network_id(client.to_canonical()));
        let limit = (self.0.limit / SHARE).max(MIN_PER_CLIENT);
        let mut open = self.lock();
        let has_too_many =
            client.is_some_and(|client| open.by_client.get(&client).is_some_and(|count| *count >= limit));
        if open.count >= self.0.limit || has_too_many {
            return Err(too_many_streams());
        }
        open.count += 1;
        if let Some(client) = client {
            *open.by_client.entry(client).or_default() += 1;
        }
        Ok(Slot { streams: self.clone(), client })
    }

    fn lock(&self) -> MutexGuard<'_, OpenStreams> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn database(&self) -> &Database {
        &self.0.database
    }

    pub(super) fn pages(&self) -> &StreamPages {
        &self.0.pages
    }

    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stop.subscribe()
    }

    /// Set when the streams end.
    pub(super) fn is_stopping(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.is_stopping)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        open.count -= 1;
        let Some(client) = self.client else { return };
        if let Some(count) = open.by_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                open.by_client.remove(&client);
            }
        }
    }
}
