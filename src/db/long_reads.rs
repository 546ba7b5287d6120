//! [`LongReads`]: how many connections of a pool long reads may hold, so that the other calls always find one.
//!
//! | pool size | all long reads | of callers without a key | short reads and writes |
//! |---|---|---|---|
//! | 1 | 1, on an additional connection | 1 | 1 |
//! | 2 | 1 | 1 | 1 to 2 |
//! | 3 to 7 | n - 1 | 1 | 1 to n |
//! | n | n - 1 | n / 4 | 1 to n |
//!
//! SQLite runs statements on this machine's cores, so long reads of callers without a key use at most half of the
//! cores. With these shares, `bench/attack` at 1,000,000 posts makes other requests less than twice as slow, on a
//! machine with two cores; docs/design/database-access.md has the figures.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, RwLock, Semaphore};

use crate::db::error::Error;

/// How long a long read of a caller without a key may run.
pub(crate) const ANONYMOUS_TIME: Duration = Duration::from_secs(2);
/// How many long reads of callers without a key may wait for a connection.
const ANONYMOUS_QUEUE: usize = 64;

/// Who has requested a long read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requester {
    /// A caller without an API key.
    Anonymous,
    /// A caller with an API key, or a background task.
    Trusted,
}

impl Requester {
    /// The start of a long read's transaction behind a pooler, where a session has no timeout.
    pub(crate) fn transaction_start(self) -> &'static str {
        match self {
            Self::Anonymous => {
                "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL statement_timeout = '2s'; \
                 SET LOCAL max_parallel_workers_per_gather = 0"
            }
            Self::Trusted => {
                "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL statement_timeout = '10s'; \
                 SET LOCAL max_parallel_workers_per_gather = 0"
            }
        }
    }
}

/// Long reads share the read lock. Truncating the write-ahead log takes the write lock.
pub(crate) type LongReadLock = Arc<RwLock<()>>;

pub(crate) struct LongReads {
    anonymous: Arc<Semaphore>,
    anonymous_queue: Arc<Semaphore>,
    all: Arc<Semaphore>,
    /// Whether long reads have a connection that other calls do not use.
    has_own_connection: bool,
    pub(crate) lock: LongReadLock,
}

/// A long read's share of the connections.
pub(crate) struct LongReadPermit {
    _anonymous: Option<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
}

impl LongReads {
    /// `size` is the number of connections that other calls may use. `cores` is the number of this machine's cores if
    /// they run the statements. With `is_single_session`, the server has one session only, which all calls share.
    pub(crate) fn new(size: u32, cores: Option<NonZero<usize>>, is_single_session: bool) -> Self {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let anonymous = (size / 4).min(cores.map_or(usize::MAX, |cores| cores.get() / 2)).max(1);
        Self {
            anonymous: Arc::new(Semaphore::new(anonymous)),
            anonymous_queue: Arc::new(Semaphore::new(anonymous.saturating_add(ANONYMOUS_QUEUE))),
            all: Arc::new(Semaphore::new(size.saturating_sub(1).max(1))),
            has_own_connection: size == 1 && !is_single_session,
            lock: Arc::new(RwLock::new(())),
        }
    }

    /// Whether long reads have a connection that other calls do not use.
    pub(crate) fn has_own_connection(&self) -> bool {
        self.has_own_connection
    }

    /// A place in the queue. `None` for a trusted requester, whose queue is the pool's.
    pub(crate) fn enter_queue(&self, requester: Requester) -> Result<Option<OwnedSemaphorePermit>, Error> {
        match requester {
            Requester::Trusted => Ok(None),
            Requester::Anonymous => Arc::clone(&self.anonymous_queue)
                .try_acquire_owned()
                .map(Some)
                .map_err(|_| Error::Busy("the queue of long reads is full".into())),
        }
    }

    pub(crate) async fn acquire(&self, requester: Requester) -> Result<LongReadPermit, Error> {
        let acquire = async |permits: &Arc<Semaphore>| {
            Arc::clone(permits).acquire_owned().await.map_err(|error| Error::Busy(error.to_string()))
        };
        let anonymous = match requester {
            Requester::Anonymous => Some(acquire(&self.anonymous).await?),
            Requester::Trusted => None,
        };
        Ok(LongReadPermit { _anonymous: anonymous, _all: acquire(&self.all).await? })
    }

    /// The number of long reads that hold a connection of their own, besides those that other calls use.
    pub(crate) fn own_connections_in_use(&self) -> u32 {
        u32::from(self.has_own_connection && self.all.available_permits() == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_reads_leave_a_connection_to_other_calls() {
        for (size, all, anonymous, has_own) in
            [(1, 1, 1, true), (2, 1, 1, false), (3, 2, 1, false), (8, 7, 2, false), (1000, 999, 250, false)]
        {
            let limits = LongReads::new(size, None, false);
            assert_eq!(limits.all.available_permits(), all, "{size}");
            assert_eq!(limits.anonymous.available_permits(), anonymous, "{size}");
            assert_eq!(limits.has_own_connection(), has_own, "{size}");
        }
        assert!(!LongReads::new(1, None, true).has_own_connection());
        for (cores, anonymous) in [(1, 1), (2, 1), (6, 3), (64, 8)] {
            let limits = LongReads::new(32, NonZero::new(cores), false);
            assert_eq!(limits.anonymous.available_permits(), anonymous, "{cores} cores");
            assert_eq!(limits.all.available_permits(), 31);
        }
    }
}
