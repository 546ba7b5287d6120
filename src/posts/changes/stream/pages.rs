//! [`StreamPages`]: the parts of the log that event streams send. Streams at the same position share one database read
//! and one copy of the bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::web::Bytes;
use diesel::QueryResult;

use crate::db::{Connection, Database};
use crate::http::ApiError;
use crate::http::middleware::cache::generations::Generations;
use crate::http::middleware::cache::weight::Weight;
use crate::http::transport::memory_budget::{MemoryBudget, Reservation};
use crate::keys::auth::Caller;
use crate::posts::changes::log;
use crate::posts::changes::log::{FoundRow, LogRow, RowLimit};
use crate::posts::changes::page::read_settled;
use crate::posts::changes::params::FeedCursors;
use crate::posts::changes::query::LogRowId;
use crate::posts::changes::stream::frames;
use crate::posts::errors::changes_not_ready;

/// The memory for the pages that streams share, in bytes: about 60 pages. All streams at the end of the log share one
/// page.
const CAPACITY: u64 = 1024 * 1024;
/// The memory that a read reserves, in bytes.
const MAX_ROW_BYTES: usize = 48 * 1024;
/// The key of the end of the log. It differs from every cursor.
const END: &str = "end";

/// A part of the log.
#[derive(Debug)]
pub(super) enum StreamPage {
    Events {
        /// Empty if there is no change after the position.
        frames: Bytes,
        /// The last row of the page, or the position if the page is empty.
        last: LogRowId,
        /// Whether there were more rows when the page was read.
        has_more: bool,
    },
    /// The log does not contain the row of the position.
    Expired,
}

impl Weight for StreamPage {
    fn weight(&self) -> usize {
        match self {
            Self::Events { frames, .. } => frames.len(),
            Self::Expired => 0,
        }
    }
}

pub(super) struct StreamPages {
    database: Database,
    budget: MemoryBudget,
    /// By the number of the last notification before the read, see
    /// [`ChangeWatch::mark_seen`](crate::db::ChangeWatch::mark_seen).
    pages: Generations<StreamPage>,
    reads: Arc<AtomicU64>,
}

impl StreamPages {
    pub(super) fn new(database: Database, budget: MemoryBudget) -> Self {
        Self { database, budget, pages: Generations::new(CAPACITY), reads: Arc::default() }
    }

    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// The changes after `position`, including those that notification `number` has announced.
    ///
    /// # Errors
    /// Those of the read. 503 while the end of the log is unknown.
    pub(super) async fn after(&self, number: u64, position: LogRowId) -> Result<Arc<StreamPage>, ApiError> {
        type Rows = Option<Vec<FoundRow>>;
        let cursors = FeedCursors::new()?;
        let find = move |conn: &mut Connection, settled| log::rows_after(conn, position, settled, RowLimit::Stream);
        let bytes = |rows: &Rows| rows.iter().flatten().map(|(_, row)| row.as_ref().map_or(0, LogRow::memory)).sum();
        let render = move |rows: Rows, memory: Reservation| {
            let Some(rows) = rows else { return Ok(StreamPage::Expired) };
            let (frames, count) = frames::events(cursors, rows.get(..RowLimit::Stream.rows()).unwrap_or(&rows));
            let last = count.checked_sub(1).and_then(|last| rows.get(last)).map_or(position, |(id, _)| *id);
            Ok(StreamPage::Events { frames: memory.attach(frames)?, last, has_more: count < rows.len() })
        };
        self.read(number, &cursors.after(position), Some(position.seq), find, bytes, render).await
    }

    /// The last row of the log, in a page without events.
    ///
    /// # Errors
    /// Those of the read. 503 while the end of the log is unknown.
    pub(super) async fn end(&self, number: u64) -> Result<Arc<StreamPage>, ApiError> {
        let render = |row: Option<LogRowId>, _| {
            let last = row.ok_or_else(changes_not_ready)?;
            Ok(StreamPage::Events { frames: Bytes::new(), last, has_more: false })
        };
        self.read(number, END, None, log::newest, |_| 0, render).await
    }

    /// Returns the page if another stream has read it. Otherwise, reads it.
    async fn read<T: Send + 'static>(
        &self,
        number: u64,
        key: &str,
        after: Option<i64>,
        find: impl Fn(&mut Connection, i64) -> QueryResult<T> + Send + Sync + 'static,
        bytes: impl Fn(&T) -> usize + Send + Sync + 'static,
        render: impl FnOnce(T, Reservation) -> Result<StreamPage, ApiError> + 'static,
    ) -> Result<Arc<StreamPage>, ApiError> {
        let (database, budget, reads) = (self.database.clone(), self.budget.clone(), Arc::clone(&self.reads));
        let read = async move {
            reads.fetch_add(1, Ordering::Relaxed);
            let caller = Caller::Anonymous;
            let (value, memory) = read_settled(&database, &budget, caller, after, MAX_ROW_BYTES, find, bytes).await?;
            render(value, memory)
        };
        self.pages.at(number).get_or_fill(key, read).await
    }
}
