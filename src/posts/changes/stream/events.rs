//! [`EventStream`]: the body of one response.

use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::db::ChangeWatch;
use crate::http::ApiError;
use crate::http::transport::connection_state::ConnectionState;
use crate::posts::changes::params::FeedCursors;
use crate::posts::changes::position;
use crate::posts::changes::query::LogRowId;
use crate::posts::changes::stream::frames;
use crate::posts::changes::stream::open_streams::{Slot, Streams};
use crate::posts::changes::stream::pages::StreamPage;
use crate::posts::errors::changes_not_ready;

/// A comment is sent after this time without an event.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The time from a failed read to the next one, unless there is a change before.
const RETRY: Duration = Duration::from_secs(1);
/// How long a stream stays open without its database. Another instance may still reach it.
const MAX_OUTAGE: Duration = Duration::from_secs(30);
/// The largest part of a page that is written at a time, in bytes. It fits into the write buffer that actix-http
/// allocates for each connection, so that a client that does not read occupies no further memory with its copy.
const MAX_CHUNK: usize = 4 * 1024;

/// An open stream.
pub(super) struct EventStream {
    streams: Streams,
    _slot: Slot,
    changes: ChangeWatch,
    stopping: watch::Receiver<bool>,
    /// The row that the client has received last.
    position: LogRowId,
    /// Whether all changes that the last notification has announced were sent.
    is_caught_up: bool,
    /// Sent before further events.
    unsent: Option<Bytes>,
    /// Since when reads fail.
    failing_since: Option<Instant>,
}

/// What ends a wait.
enum Wake {
    /// There may be events.
    Read,
    Heartbeat,
    Stop,
}

impl EventStream {
    /// Opens a stream that begins after the row `after`, or at the end of the log.
    ///
    /// # Errors
    /// The limit on streams is reached, or the first read fails. 503 if the end of the log stays unknown. It is unknown
    /// for a moment after a start or a failover. The stream waits for it, because browsers do not reconnect after a 503
    /// (HTML standard, section "Server-sent events").
    pub(super) async fn open(streams: &Streams, client: IpAddr, after: Option<LogRowId>) -> Result<Self, ApiError> {
        let slot = streams.reserve(client)?;
        position::wait_until_settled(streams.database(), 0).await?;
        // SQLite has no watermark that would become unknown, and an earlier stream may have read the pages.
        streams.database().ensure_responsive().await?;
        let mut changes = streams.database().watch_changes();
        let number = changes.mark_seen();
        let is_known = match after {
            Some(row) => !matches!(*streams.pages().after(number, row).await?, StreamPage::Expired),
            None => true,
        };
        let known = after.filter(|_| is_known);
        let start = match known {
            Some(row) => row,
            None => end(streams, number).await?,
        };
        let cursor = FeedCursors::new()?.after(start);
        let first = Some(if is_known { frames::start(&cursor) } else { frames::reset(&cursor) });
        let stopping = streams.stopping();
        Ok(Self {
            streams: streams.clone(),
            _slot: slot,
            changes,
            stopping,
            position: start,
            is_caught_up: known.is_none(),
            unsent: first,
            failing_since: None,
        })
    }

    /// `connection` paces the stream.
    pub(super) fn into_stream(
        self,
        connection: Option<Rc<ConnectionState>>,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold((self, connection), async |(mut events, connection)| {
            if let Some(connection) = &connection {
                connection.live_body_flushed().await;
            }
            let mut chunk = match events.unsent.take() {
                Some(unsent) => unsent,
                None => events.next_frames().await?,
            };
            if chunk.len() > MAX_CHUNK {
                events.unsent = Some(chunk.split_off(MAX_CHUNK));
            }
            if let Some(connection) = &connection {
                connection.record_live_part();
            }
            Some((Ok(chunk), (events, connection)))
        })
    }

    /// Waits for events, and returns them. After a time without events, returns a comment. Returns `None` when the
    /// instance stops, or has been without its database for too long.
    async fn next_frames(&mut self) -> Option<Bytes> {
        let heartbeat = sleep(HEARTBEAT);
        tokio::pin!(heartbeat);
        let mut has_failed = false;
        loop {
            if self.is_caught_up || has_failed {
                let wake = tokio::select! {
                    biased;
                    _ = self.stopping.wait_for(|is_stopping| *is_stopping) => Wake::Stop,
                    () = self.changes.changed() => Wake::Read,
                    () = sleep(RETRY), if has_failed => Wake::Read,
                    () = &mut heartbeat => Wake::Heartbeat,
                };
                match wake {
                    Wake::Stop => return None,
                    Wake::Heartbeat => return (!self.has_lost_database().await).then_some(frames::COMMENT),
                    Wake::Read => self.is_caught_up = false,
                }
            } else if *self.stopping.borrow() {
                return None;
            }
            let read = self.read().await;
            has_failed = read.is_err();
            self.failing_since = self.failing_since.filter(|_| has_failed);
            match read {
                Ok(frames) if frames.is_empty() => {}
                Ok(frames) => return Some(frames),
                Err(error) => {
                    tracing::debug!(%error, "failed to read changes for an event stream; will retry");
                    self.failing_since.get_or_insert_with(Instant::now);
                }
            }
        }
    }

    /// Whether changes may have been missed for too long, because the log cannot be read or the database does not
    /// respond. On SQLite, there are no polls while another process holds the write lock, but reads succeed.
    async fn has_lost_database(&self) -> bool {
        let database = self.streams.database();
        self.failing_since.is_some_and(|since| since.elapsed() >= MAX_OUTAGE)
            || database.unresponsive_for() >= MAX_OUTAGE && database.ensure_responsive().await.is_err()
    }

    /// Reads the events after the position, and moves the position to the last one. If the log does not contain the
    /// position, moves it to the end, and returns the event `reset`.
    async fn read(&mut self) -> Result<Bytes, ApiError> {
        let number = self.changes.mark_seen();
        let page = self.streams.pages().after(number, self.position).await?;
        match &*page {
            StreamPage::Events { frames, last, has_more } => {
                (self.position, self.is_caught_up) = (*last, !has_more);
                Ok(frames.clone())
            }
            StreamPage::Expired => {
                self.position = end(&self.streams, number).await?;
                self.is_caught_up = true;
                Ok(frames::reset(&FeedCursors::new()?.after(self.position)))
            }
        }
    }
}

/// The last row of the log.
async fn end(streams: &Streams, number: u64) -> Result<LogRowId, ApiError> {
    match &*streams.pages().end(number).await? {
        StreamPage::Events { last, .. } => Ok(*last),
        StreamPage::Expired => Err(changes_not_ready()),
    }
}
