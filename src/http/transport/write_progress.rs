//! [`WriteProgress`]: whether the client of a connection reads its response fast enough.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// What a client must read of its response while it keeps the socket's send buffer full.
struct MinProgress {
    period: Duration,
    /// The minimum in each period, in bytes. The kernel accepts at least 32 KiB at a time, see `listen`.
    bytes: usize,
}

/// 4.3 KiB per second.
const MINIMUM: MinProgress = MinProgress { period: Duration::from_secs(30), bytes: 128 * 1024 };
/// Applies while the memory for responses is scarce: 3.2 KiB per second, but the client may pause for less time.
const MINIMUM_IF_SCARCE: MinProgress = MinProgress { period: Duration::from_secs(10), bytes: 32 * 1024 };

#[derive(Debug, Default)]
pub(crate) struct WriteProgress {
    is_stalled: Cell<bool>,
    /// The beginning of the current period, and the bytes written since. `None` if the send buffer has not been full
    /// during the current response.
    period: Cell<Option<(Instant, usize)>>,
}

impl WriteProgress {
    /// Whether the send buffer is full.
    pub(crate) fn is_stalled(&self) -> bool {
        self.is_stalled.get()
    }

    pub(crate) fn record_stalled(&self) {
        self.is_stalled.set(true);
        if self.period.get().is_none() {
            self.period.set(Some((Instant::now(), 0)));
        }
    }

    pub(crate) fn record_written(&self, count: usize) {
        self.is_stalled.set(false);
        self.period.set(self.period.get().map(|(since, bytes)| (since, bytes + count)));
    }

    /// Records that the socket has accepted the whole response.
    pub(crate) fn end_response(&self) {
        self.period.set(None);
    }

    /// Whether the client has read less than the minimum in the last period. If not, and the period is over, begins the
    /// next one.
    pub(crate) fn is_too_slow(&self, now: Instant, is_scarce: bool) -> bool {
        let Some((since, bytes)) = self.period.get() else { return false };
        let minimum = if is_scarce { MINIMUM_IF_SCARCE } else { MINIMUM };
        if now.duration_since(since) < minimum.period {
            return false;
        }
        if bytes < minimum.bytes {
            return true;
        }
        self.period.set(Some((now, 0)));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[test]
    fn a_client_must_read_a_minimum_in_each_period() {
        let progress = WriteProgress::default();
        assert!(!progress.is_too_slow(after(31), false));
        progress.record_stalled();
        assert!(!progress.is_too_slow(after(29), false));
        assert!(progress.is_too_slow(after(31), false));
        progress.record_written(MINIMUM.bytes - 1);
        assert!(!progress.is_stalled());
        assert!(progress.is_too_slow(after(31), false));
        progress.record_written(1);
        assert!(!progress.is_too_slow(after(31), false), "the next period begins");
        progress.record_stalled();
        assert!(!progress.is_too_slow(after(60), false));
        assert!(progress.is_too_slow(after(62), false));
        progress.end_response();
        assert!(!progress.is_too_slow(after(100), false));
    }

    #[test]
    fn periods_are_shorter_while_memory_is_scarce() {
        let progress = WriteProgress::default();
        progress.record_stalled();
        assert!(!progress.is_too_slow(after(11), false));
        assert!(progress.is_too_slow(after(11), true));
    }
}
