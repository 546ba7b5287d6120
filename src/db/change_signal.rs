//! [`ChangeSignal`]: wakes the tasks that wait for new rows of the log of changes.
//!
//! The signal counts its notifications. A waiter compares the count with the one that it had seen before its last read,
//! so it misses no change between a read and the following wait. Waiters do not poll, and the cost of a notification
//! does not depend on their number.

use std::sync::Weak;
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

/// The time between two notifications of [`start_ticker`].
const TICK: Duration = Duration::from_secs(1);

/// Counts notifications; clones share the count.
#[derive(Clone)]
pub(crate) struct ChangeSignal(watch::Sender<u64>);

impl ChangeSignal {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Announces that the log may have new rows. Readers must be able to see them by now.
    pub(crate) fn notify(&self) {
        self.0.send_modify(|number| *number += 1);
    }

    pub(crate) fn watch(&self) -> ChangeWatch {
        ChangeWatch(self.0.subscribe())
    }

    fn is_watched(&self) -> bool {
        self.0.receiver_count() > 0
    }
}

/// Waits for changes, see [`Database::watch_changes`](crate::db::Database::watch_changes).
#[derive(Debug, Clone)]
pub struct ChangeWatch(watch::Receiver<u64>);

impl ChangeWatch {
    /// The number of notifications so far. Marks them as seen: what is read from now on contains the changes that they
    /// announced.
    pub fn mark_seen(&mut self) -> u64 {
        *self.0.borrow_and_update()
    }

    /// Waits for a notification that has not been seen, and marks it as seen. Returns at once if there has been one
    /// since the last call of [`ChangeWatch::mark_seen`] or of this function. Canceling the wait loses no notification.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // The database has been closed.
            std::future::pending::<()>().await;
        }
    }
}

/// Starts a thread that notifies once a second while there are waiters, for a database whose changes by other processes
/// are not detected. It ends when `owner` is dropped.
pub(crate) fn start_ticker<T: Send + Sync + 'static>(signal: ChangeSignal, owner: Weak<T>) -> std::io::Result<()> {
    let run = move || {
        while owner.strong_count() > 0 {
            thread::park_timeout(TICK);
            if signal.is_watched() {
                signal.notify();
            }
        }
    };
    thread::Builder::new().name("change-ticker".into()).spawn(run).map(drop)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_change_between_the_read_and_the_wait_is_not_missed() {
        let signal = ChangeSignal::new();
        let mut watch = signal.watch();
        assert!(watch.changed().now_or_never().is_none());
        assert_eq!(watch.mark_seen(), 0);
        signal.notify();
        signal.notify();
        assert!(watch.changed().now_or_never().is_some());
        assert!(watch.changed().now_or_never().is_none(), "both notifications have been seen");
        signal.notify();
        assert_eq!(watch.mark_seen(), 3);
        assert!(watch.changed().now_or_never().is_none());
    }

    #[test]
    fn each_waiter_gets_each_notification() {
        let signal = ChangeSignal::new();
        let mut watches = [signal.watch(), signal.watch()];
        signal.notify();
        assert!(watches.iter_mut().all(|watch| watch.changed().now_or_never().is_some()));
        assert!(signal.is_watched());
        drop(watches);
        assert!(!signal.is_watched());
    }
}
