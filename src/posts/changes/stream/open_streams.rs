//! [`Streams`]: the event streams of an instance: how many are open, the pages that they share, and their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use crate::db::{ChangeWatch, Database};
use crate::http::ApiError;
use crate::http::transport::memory_budget::MemoryBudget;
use crate::posts::changes::stream::pages::StreamPages;
use crate::posts::errors::too_many_streams;

/// A handle to the event streams of an instance; clones share their state.
#[derive(Clone)]
pub struct Streams(Arc<StreamsInner>);

struct StreamsInner {
    database: Database,
    pages: StreamPages,
    limit: usize,
    open: AtomicUsize,
    is_stopping: watch::Sender<bool>,
}

/// The place of one stream among those that may be open. Its drop frees the place.
pub(super) struct Slot(Streams);

impl Streams {
    /// At most `limit` streams may be open. `budget` counts the memory of their pages.
    #[must_use]
    pub fn new(database: Database, budget: MemoryBudget, limit: usize) -> Self {
        let pages = StreamPages::new(database.clone(), budget);
        Self(Arc::new(StreamsInner {
            database,
            pages,
            limit,
            open: AtomicUsize::new(0),
            is_stopping: watch::Sender::new(false),
        }))
    }

    /// The number of open streams.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.0.open.load(Ordering::Relaxed) as u64
    }

    /// The limit on [`Streams::open`].
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.0.limit as u64
    }

    /// Database reads for all streams together.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.0.pages.reads()
    }

    /// Ends all streams, and each later one after its first frame. Clients reconnect, to another instance.
    pub fn stop(&self) {
        self.0.is_stopping.send_replace(true);
    }

    /// # Errors
    /// The limit is reached.
    pub(super) fn reserve(&self) -> Result<Slot, ApiError> {
        let next = |open: usize| (open < self.0.limit).then_some(open + 1);
        let reserved = self.0.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        reserved.map(|_| Slot(self.clone())).map_err(|_| too_many_streams())
    }

    pub(super) fn watch_changes(&self) -> ChangeWatch {
        self.0.database.watch_changes()
    }

    pub(super) fn pages(&self) -> &StreamPages {
        &self.0.pages
    }

    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.is_stopping.subscribe()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
