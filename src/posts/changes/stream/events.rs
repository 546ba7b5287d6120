//! [`EventStream`]: the body of one response.

use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::sleep;

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

/// The time without an event after which a comment is sent.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The time after a failed read until the next one, unless there is a change before.
const RETRY: Duration = Duration::from_secs(1);

/// An open stream.
pub(super) struct EventStream {
    streams: Streams,
    _slot: Slot,
    changes: ChangeWatch,
    stopping: watch::Receiver<bool>,
    /// The row that the client has received last.
    position: LogRowId,
    /// Whether all changes were sent that the last notification has announced.
    is_caught_up: bool,
    /// Sent before the events.
    first: Option<Bytes>,
}

/// What ends a wait.
enum Wake {
    /// There may be events.
    Read,
    Heartbeat,
    Stop,
}

impl EventStream {
    /// Begins after the row `after`, or at the end of the log.
    ///
    /// # Errors
    /// As many streams as allowed are open, or the first read fails. 503 if the end of the log stays unknown. It is
    /// unknown for a moment after a start or a failover. The stream waits for it, because browsers do not reconnect
    /// after a 503 (HTML standard, section "Server-sent events").
    pub(super) async fn open(streams: &Streams, client: IpAddr, after: Option<LogRowId>) -> Result<Self, ApiError> {
        let slot = streams.reserve(client)?;
        position::wait_until_settled(streams.database(), 0).await?;
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
            first,
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
            let chunk = match events.first.take() {
                Some(first) => first,
                None => events.next_chunk().await?,
            };
            Some((Ok(chunk), (events, connection)))
        })
    }

    /// Waits for events, and returns them. After a while without any, returns a comment. `None` if the instance stops.
    async fn next_chunk(&mut self) -> Option<Bytes> {
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
                    Wake::Heartbeat => return Some(frames::COMMENT),
                    Wake::Read => self.is_caught_up = false,
                }
            } else if *self.stopping.borrow() {
                return None;
            }
            match self.read().await {
                Ok(frames) if frames.is_empty() => has_failed = false,
                Ok(frames) => return Some(frames),
                Err(error) => {
                    tracing::debug!(%error, "failed to read changes for an event stream; will retry");
                    has_failed = true;
                }
            }
        }
    }

    /// Reads the events after the position, and moves the position behind them. If the log does not contain the
    /// position, moves it to the end, and returns the event that says so.
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
