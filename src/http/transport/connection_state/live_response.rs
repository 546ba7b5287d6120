//! [`LiveResponse`]: a response body without an end of its own, such as an event stream.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

/// The state of the body while it is being sent.
#[derive(Debug)]
pub(super) struct LiveResponse {
    is_stopping: Arc<AtomicBool>,
    /// Whether the socket has accepted what the body has produced.
    is_flushed: Cell<bool>,
    /// Wakes the body after that.
    body: RefCell<Option<Waker>>,
}

impl LiveResponse {
    /// `is_stopping` is set when the server is finishing its requests.
    pub(super) fn new(is_stopping: Arc<AtomicBool>) -> Self {
        Self { is_stopping, is_flushed: Cell::new(true), body: RefCell::default() }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Ready when the socket has accepted what the body has produced. The body then produces the next part.
    pub(super) fn poll_flushed(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_flushed.get() {
            return Poll::Ready(());
        }
        self.body.replace(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Records that the body has produced a part.
    pub(super) fn set_produced(&self) {
        self.is_flushed.set(false);
    }

    /// Records that the socket has accepted everything.
    pub(super) fn set_flushed(&self) {
        self.is_flushed.set(true);
        self.body.take().into_iter().for_each(Waker::wake);
    }
}
