//! [`Call`]: one use of a connection, which another thread may cancel.
//!
//! A cancellation must hit the statement of its call and no later one of the same connection:
//!
//! 1. [`Call::start`] attaches the connection. A call that was canceled before does not start.
//! 2. [`Call::cancel`] sets the flag that SQLite's statements check. For PostgreSQL it queues the call for
//!    [`postgres::cancel`](crate::db::postgres::cancel), which sends `pg_cancel_backend` from another connection.
//! 3. The sender holds a [`CancelPermit`] while `pg_cancel_backend` runs. There is none after the end of the call.
//! 4. [`Call::end_body`] waits until the permit is returned. Only then is the connection reused, and only then does a
//!    transaction end, after which a pooler lends the server session to another client. PostgreSQL ignores a
//!    cancellation that reaches an idle session.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::db::interrupt::Interrupt;
use crate::db::stats::CallStats;

/// Where calls on PostgreSQL are queued for cancellation.
pub(crate) type CancelQueue = Sender<Arc<Call>>;

pub(crate) struct Call {
    state: Mutex<CallState>,
    permit_returned: Condvar,
    queue: Option<CancelQueue>,
    stats: Arc<CallStats>,
}

struct CallState {
    phase: Phase,
    is_canceled: bool,
    has_permit: bool,
}

enum Phase {
    /// The call has no connection yet.
    Waiting,
    Running(Arc<Interrupt>),
    /// The body has ended; its transaction is being committed.
    Committing(Arc<Interrupt>),
    Ended,
}

impl Call {
    pub(crate) fn new(queue: Option<CancelQueue>, stats: Arc<CallStats>) -> Arc<Self> {
        let waiting = CallState { phase: Phase::Waiting, is_canceled: false, has_permit: false };
        Arc::new(Self { state: Mutex::new(waiting), permit_returned: Condvar::new(), queue, stats })
    }

    /// Attaches the connection. Returns `false` if the call has been canceled.
    #[must_use]
    pub(crate) fn start(&self, interrupt: &Arc<Interrupt>) -> bool {
        let mut state = self.state();
        if state.is_canceled {
            return false;
        }
        interrupt.set_canceled(false);
        state.phase = Phase::Running(Arc::clone(interrupt));
        true
    }

    /// Permits no further cancellation, and waits until one in progress has been sent. Call it before the end of a
    /// transaction behind a pooler.
    pub(crate) fn end_body(&self) {
        let mut state = self.state();
        while state.has_permit {
            state = self.permit_returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.phase = match std::mem::replace(&mut state.phase, Phase::Ended) {
            Phase::Running(interrupt) => {
                interrupt.set_canceled(false);
                Phase::Committing(interrupt)
            }
            phase => phase,
        };
    }

    /// Detaches the connection, like [`Call::end_body`]. Further calls have no effect.
    pub(crate) fn finish(&self) {
        self.end_body();
        self.state().phase = Phase::Ended;
    }

    /// Cancels the statement that is running, and prevents a call that has not started. Does not block.
    pub(crate) fn cancel(self: &Arc<Self>) {
        let mut state = self.state();
        if state.is_canceled {
            return;
        }
        state.is_canceled = true;
        let Phase::Running(interrupt) = &state.phase else { return };
        self.stats.record_canceled();
        interrupt.set_canceled(true);
        if let Some(queue) = &self.queue {
            // Fails after the thread has ended: the service is stopping.
            let _ = queue.send(Arc::clone(self));
        }
    }

    /// Shuts down the connection of a call that is overdue, because the database does not respond.
    pub(crate) fn close_connection(&self) {
        if let Phase::Running(interrupt) | Phase::Committing(interrupt) = &self.state().phase
            && !interrupt.is_unusable()
        {
            self.stats.record_closed();
            interrupt.close();
        }
    }

    /// Permits one attempt to cancel the running statement. `None` if the call has ended.
    pub(crate) fn permit_cancel(self: &Arc<Self>) -> Option<CancelPermit> {
        let mut state = self.state();
        let Phase::Running(interrupt) = &state.phase else { return None };
        let interrupt = Arc::clone(interrupt);
        state.has_permit = true;
        drop(state);
        Some(CancelPermit { call: Arc::clone(self), interrupt })
    }

    fn state(&self) -> MutexGuard<'_, CallState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to cancel the statement of a call, which cannot end meanwhile.
pub(crate) struct CancelPermit {
    call: Arc<Call>,
    pub(crate) interrupt: Arc<Interrupt>,
}

impl Drop for CancelPermit {
    fn drop(&mut self) {
        self.call.state().has_permit = false;
        self.call.permit_returned.notify_all();
    }
}

/// Cancels the call when it is dropped: its caller no longer waits for the result.
pub(crate) struct CancelOnDrop(Option<Arc<Call>>);

impl CancelOnDrop {
    pub(crate) fn new(call: &Arc<Call>) -> Self {
        Self(Some(Arc::clone(call)))
    }

    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(call) = &self.0 {
            call.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn call_ends_only_after_a_cancellation_in_progress() {
        let (queue, queued) = mpsc::channel();
        let call = Call::new(Some(queue), Arc::default());
        let interrupt = Arc::default();
        assert!(call.start(&interrupt));
        call.cancel();
        let permit = queued.recv().unwrap().permit_cancel().unwrap();
        let (ended, end) = mpsc::channel();
        let finishing = Arc::clone(&call);
        let thread = thread::spawn(move || {
            finishing.finish();
            ended.send(()).unwrap();
        });
        // The statement has ended, but its connection is not free while the cancellation is being sent.
        assert!(end.recv_timeout(std::time::Duration::from_millis(50)).is_err());
        assert!(interrupt.is_canceled());
        drop(permit);
        end.recv().unwrap();
        thread.join().unwrap();
        assert!(call.permit_cancel().is_none(), "a call that has ended was canceled");
        assert!(!interrupt.is_canceled(), "the next statement would be canceled");
    }

    #[test]
    fn canceled_call_does_not_start() {
        let call = Call::new(None, Arc::default());
        drop(CancelOnDrop::new(&call));
        assert!(!call.start(&Arc::default()));
        let call = Call::new(None, Arc::default());
        CancelOnDrop::new(&call).disarm();
        assert!(call.start(&Arc::default()));
    }
}
