//! [`ConnectionState`]: what one connection is doing, and therefore how long its client may take and how much of its
//! input is read ahead.

mod live_response;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::http::transport::connection_state::live_response::LiveResponse;
use crate::http::transport::head_memory::HeadMemory;
use crate::http::transport::memory_budget::MemoryBudget;
use crate::http::transport::write_progress::WriteProgress;

/// How long the head of a request may take, from its first byte. If the first request of a connection exceeds it, the
/// response is 408. If a later request exceeds it, the connection is closed, which RFC 9110, section 15.5.9 permits.
pub const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// How long a connection stays open without another request.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// The maximum length of an unread request body that is read and discarded, in bytes: twice the largest body of any
/// route.
const LINGER_BYTES: usize = 32 * 1024 * 1024;
/// How many bytes a connection reads at a time while it waits for a request, and how many it reads ahead while it
/// executes one. A client that pipelines can therefore occupy memory with about 40 of the shortest requests. actix-http
/// would read 128 KiB, which become several megabytes once they are parsed.
pub(crate) const READ_AHEAD: usize = 1024;
/// How many bytes of a request body a connection reads before the handler takes them.
pub(crate) const BODY_READ: usize = 8 * 1024;

/// The state of one connection.
#[derive(Debug, Default)]
pub struct ConnectionState {
    budget: Option<MemoryBudget>,
    /// Whether every request is rejected, because the client has too many connections.
    is_refused: bool,
    /// Whether a request is being executed. Its body and the database have their own deadlines.
    is_busy: Cell<bool>,
    /// Whether a response body is being sent.
    is_sending: Cell<bool>,
    /// The body that is being sent, if it has no end of its own.
    live: RefCell<Option<LiveResponse>>,
    /// Whether the handler is reading the request body.
    is_reading_body: Cell<bool>,
    /// When the last request ended or the last byte was written, whichever is later.
    idle_since: Cell<Option<Instant>>,
    /// When the first byte of the next head was read, or later, if the previous response was written after that. `None`
    /// if no head has begun.
    head_since: Cell<Option<Instant>>,
    head_memory: HeadMemory,
    /// The bytes read ahead since a request began.
    read_ahead: Cell<usize>,
    /// Wakes the connection when it may read again.
    reader: RefCell<Option<Waker>>,
    progress: WriteProgress,
    is_closing: Cell<bool>,
    /// How many bytes may still be read before the next request begins. `None`: no limit.
    unread_budget: Cell<Option<usize>>,
}

/// What a connection may read from its socket now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readable {
    /// At most this many bytes.
    AtMost(usize),
    /// Nothing, until a request ends or the client reads its response.
    Nothing,
}

impl ConnectionState {
    pub(crate) fn new(budget: Option<MemoryBudget>, is_refused: bool) -> Self {
        Self { budget, is_refused, ..Self::default() }
    }

    /// Whether the client has too many connections.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Records that the head of a request is complete. The connection is busy until the guard is dropped.
    pub fn begin_request(self: Rc<Self>) -> BusyGuard {
        self.is_busy.set(true);
        self.head_since.set(None);
        self.unread_budget.set(None);
        BusyGuard(self)
    }

    /// Records that the handler begins to read the request body, or has read it to its end.
    pub fn set_reading_body(&self, is_reading: bool) {
        if self.is_reading_body.replace(is_reading) != is_reading {
            self.wake_reader();
        }
    }

    /// Records that the body of the current response has no end of its own. The client may pause without a limit after
    /// it has read everything that was sent. When `is_stopping` is set, a client with unread data is disconnected.
    pub fn begin_live_response(&self, is_stopping: Arc<AtomicBool>) {
        self.live.replace(Some(LiveResponse::new(is_stopping)));
    }

    /// Waits until the socket has accepted what the live body has produced. Otherwise, actix-http would buffer up to 64
    /// KiB of it for each client that does not read. The body then produces the next part, and records it.
    pub async fn live_body_flushed(&self) {
        let poll =
            |cx: &mut Context<'_>| self.live.borrow().as_ref().map_or(Poll::Ready(()), |live| live.poll_flushed(cx));
        std::future::poll_fn(poll).await;
    }

    /// Records that the live body has produced a part, which the socket has not accepted yet.
    pub fn record_live_part(&self) {
        if let Some(live) = &*self.live.borrow() {
            live.set_produced();
        }
    }

    /// Records that the current request is the last one of the connection.
    pub fn close_after_request(&self) {
        self.is_closing.set(true);
    }

    /// Whether the last request has arrived. Whatever follows must not be executed (RFC 9112, section 9.6).
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing.get()
    }

    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        let exceeds = |since: Option<Instant>, limit| since.is_some_and(|since| now.duration_since(since) >= limit);
        let head = self.head_since.get();
        let is_next_request_late =
            if head.is_some() { exceeds(head, HEAD_DEADLINE) } else { exceeds(self.idle_since.get(), KEEP_ALIVE) };
        // While there is a response, the next head may wait behind it, so that time does not count.
        let is_responding = self.is_responding() || self.progress.is_stalled();
        self.is_too_slow(now) || self.delays_shutdown() || (!is_responding && is_next_request_late)
    }

    /// Whether the server waits for the client to read a live response. The client can request the rest elsewhere.
    fn delays_shutdown(&self) -> bool {
        let live = self.live.borrow();
        self.progress.is_stalled() && live.as_ref().is_some_and(LiveResponse::is_stopping)
    }

    /// Whether a request is being executed or a response body is being sent.
    fn is_responding(&self) -> bool {
        self.is_busy.get() || self.is_sending.get()
    }

    fn is_too_slow(&self, now: Instant) -> bool {
        self.progress.is_too_slow(now, self.budget.as_ref().is_some_and(MemoryBudget::is_scarce))
    }

    /// Whether no request is being executed, no response is waiting to be written, and no head has begun to arrive.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_busy.get() && self.head_since.get().is_none() && !self.progress.is_stalled()
    }

    /// Whether the limit of discarded bytes is reached, or no memory is left for a long head.
    pub(crate) fn is_input_exhausted(&self) -> bool {
        self.unread_budget.get() == Some(0) || !self.head_memory.reserve(self.budget.as_ref())
    }

    /// What may be read now. If it is nothing, the connection is woken later.
    pub(crate) fn readable(&self, cx: &Context<'_>) -> Readable {
        let is_responding = self.is_responding();
        if self.progress.is_stalled() {
            // The connection is woken when the socket can be written to.
            return Readable::Nothing;
        }
        if self.is_reading_body.get() || (self.unread_budget.get().is_some() && !is_responding) {
            return Readable::AtMost(BODY_READ);
        }
        if !is_responding {
            self.read_ahead.set(0);
            return Readable::AtMost(READ_AHEAD);
        }
        match READ_AHEAD.saturating_sub(self.read_ahead.get()) {
            0 => {
                *self.reader.borrow_mut() = Some(cx.waker().clone());
                Readable::Nothing
            }
            bytes => Readable::AtMost(bytes),
        }
    }

    pub(crate) fn record_read(&self, count: usize) {
        self.unread_budget.set(self.unread_budget.get().map(|budget| budget.saturating_sub(count)));
        if self.is_reading_body.get() {
            return;
        }
        if self.is_responding() {
            self.read_ahead.set(self.read_ahead.get() + count);
        } else if self.unread_budget.get().is_none() {
            self.head_memory.record(count);
        }
        if !self.is_busy.get() && self.head_since.get().is_none() {
            self.head_since.set(Some(Instant::now()));
        }
    }

    pub(crate) fn record_written(&self, count: usize) {
        self.progress.record_written(count);
        let now = Some(Instant::now());
        self.idle_since.set(now);
        // A head that waited behind the response gets its full time again.
        if self.head_since.get().is_some() {
            self.head_since.set(now);
        }
    }

    pub(crate) fn record_stalled(&self) {
        self.progress.record_stalled();
    }

    /// Records that the socket has accepted everything that was to be written.
    pub(crate) fn record_flushed(&self) {
        let live = self.live.borrow();
        if !self.is_sending.get() || live.is_some() {
            self.progress.end_response();
        }
        if let Some(live) = &*live {
            live.set_flushed();
        }
    }

    fn end_request(&self) {
        self.is_busy.set(false);
        self.is_reading_body.set(false);
        self.idle_since.set(Some(Instant::now()));
        self.head_memory.clear();
        self.wake_reader();
    }

    #[cfg(test)]
    pub(crate) fn set_idle_since(&self, since: Instant) {
        self.idle_since.set(Some(since));
    }

    fn wake_reader(&self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// Marks the connection as busy until it is dropped.
#[derive(Debug)]
pub struct BusyGuard(Rc<ConnectionState>);

impl BusyGuard {
    /// Limits how much of the request body is still read, because the response is ready and the rest is discarded.
    pub fn discard_unread(&self) {
        self.0.unread_budget.set(Some(LINGER_BYTES));
    }

    /// Records that a response body is being sent, until the guard is dropped.
    #[must_use]
    pub fn begin_response(&self) -> SendGuard {
        self.0.is_sending.set(true);
        SendGuard(Rc::clone(&self.0))
    }
}

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

/// Marks the connection as sending a response body until it is dropped.
#[derive(Debug)]
pub struct SendGuard(Rc<ConnectionState>);

impl Drop for SendGuard {
    fn drop(&mut self) {
        self.0.is_sending.set(false);
        self.0.live.take();
        let now = Some(Instant::now());
        self.0.idle_since.set(now);
        if self.0.head_since.get().is_some() {
            self.0.head_since.set(now);
        }
        self.0.wake_reader();
    }
}
