//! [`Revision`]: a number that changes whenever public data may have changed, and the number of the latest change to
//! each post. Caches store the number with their entries.
//!
//! 1. A write of this instance advances the number after its commit and before its response.
//! 2. A poller (the SQLite writer thread or the PostgreSQL change poller) looks for changes by other processes. It
//!    advances the number when it finds one, and then records when the poll began.
//! 3. A reader gets the number before it queries the database, and stores its result under that number. The result is
//!    current until the data that it depends on changes: [`Revision::is_current`].
//! 4. If the last poll is older than the time to live, the number is unknown, and readers must not use a cache.
//!
//! A result that depends on one post is current while the number of the post's latest change is not above its own.
//! [`Revision::advance`] makes this true for each change C:
//!
//! 1. It loads the number n after C has been committed, gives the post of C the number n + 1, and then increments the
//!    number.
//! 2. A read that does not contain C got its number before C was committed, and so before that load. Numbers never
//!    decrease, so its number is at most n, and it is not current after step 1.
//! 3. A read whose number is at least n + 1 got it after the load, and so after C was committed. It contains C, and it
//!    is current. The number reaches n + 1 in step 1, perhaps by the increment of a concurrent change.
//!
//! A replica does not change this: the LSN that it must have replayed rises before the load.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::db::change_signal::ChangeSignal;
use crate::db::changed::{Changed, Dependency};
use crate::db::latest_changes::LatestChanges;

pub(crate) struct Revision {
    number: AtomicU64,
    latest_changes: LatestChanges,
    /// How long a poll stays valid. This bounds how stale a cached response can be.
    ttl: Duration,
    start: Instant,
    /// When the last successful poll began, in microseconds after `start`, plus one. 0: there is no valid poll.
    polled_at: AtomicU64,
    /// The same without the one. Remains when the number becomes unknown. 0: there was no poll yet.
    responded_at: AtomicU64,
    /// Notified when the number advances.
    signal: Option<ChangeSignal>,
    /// Whether the log already reports that polling has stopped.
    is_outage_logged: AtomicBool,
}

impl Revision {
    pub(crate) fn new(ttl: Duration, signal: Option<ChangeSignal>) -> Self {
        Self {
            number: AtomicU64::new(0),
            latest_changes: LatestChanges::new(),
            ttl,
            start: Instant::now(),
            polled_at: AtomicU64::new(0),
            responded_at: AtomicU64::new(0),
            signal,
            is_outage_logged: AtomicBool::new(true),
        }
    }

    /// The current number. `None` if the last poll is too old to rule out an unnoticed change.
    pub(crate) fn current(&self) -> Option<u64> {
        let polled_at = self.polled_at.load(Ordering::Acquire);
        let is_valid = polled_at > 0 && self.elapsed() < polled_at + micros(self.ttl);
        if is_valid {
            return Some(self.number.load(Ordering::SeqCst));
        }
        if polled_at > 0 && !self.is_outage_logged.swap(true, Ordering::Relaxed) {
            tracing::debug!("cannot detect external changes; caching is disabled until the next successful poll");
        }
        None
    }

    /// Whether a result with this dependency, whose read began at the number `since`, is as it would be read now.
    pub(crate) fn is_current(&self, since: u64, dependency: Dependency) -> bool {
        match dependency {
            Dependency::Post(id) => self.latest_changes.of(id) <= since,
            Dependency::Everything => self.number.load(Ordering::SeqCst) == since,
        }
    }

    /// Changes the number after a change was committed. This invalidates the results that were read before and depend
    /// on it.
    pub(crate) fn advance(&self, changed: &Changed) {
        // The order of these steps matters, see the module's documentation.
        let next = self.number.load(Ordering::SeqCst) + 1;
        self.latest_changes.record(changed, next);
        self.number.fetch_add(1, Ordering::SeqCst);
        if let Some(signal) = &self.signal {
            signal.notify();
        }
    }

    /// Records a successful poll that began at `started`. The caller has already advanced the number for every change
    /// committed before then.
    pub(crate) fn record_poll(&self, started: Instant) {
        let polled_at = micros(started.duration_since(self.start));
        self.polled_at.store(polled_at + 1, Ordering::Release);
        self.responded_at.store(polled_at, Ordering::Relaxed);
        self.is_outage_logged.store(false, Ordering::Relaxed);
    }

    /// Makes the number unknown until the next successful poll.
    pub(crate) fn invalidate(&self) {
        self.polled_at.store(0, Ordering::Release);
    }

    /// The time since the last successful poll, or since the start.
    pub(crate) fn silence(&self) -> Duration {
        Duration::from_micros(self.elapsed().saturating_sub(self.responded_at.load(Ordering::Relaxed)))
    }

    fn elapsed(&self) -> u64 {
        micros(self.start.elapsed())
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    fn polled() -> Revision {
        let revision = Revision::new(Duration::from_hours(1), None);
        revision.record_poll(Instant::now());
        revision
    }

    #[test]
    fn a_result_is_current_until_its_dependency_changes() {
        let revision = polled();
        let is_current = |since| [Dependency::Post(1), Dependency::Everything].map(|on| revision.is_current(since, on));
        let first = revision.current().unwrap();
        assert_eq!(is_current(first), [true, true]);
        revision.advance(&Changed::Posts(vec![2, 3]));
        assert_eq!(is_current(first), [true, false]);
        let second = revision.current().unwrap();
        assert_eq!(is_current(second), [true, true]);
        revision.advance(&Changed::Posts(vec![4, 1]));
        assert_eq!((is_current(first), is_current(second)), ([false, false], [false, false]));
        let third = revision.current().unwrap();
        revision.advance(&Changed::Posts(Vec::new()));
        assert_eq!(is_current(third), [true, false]);
        revision.advance(&Changed::Everything);
        assert_eq!(is_current(third), [false, false]);
        assert_eq!(is_current(revision.current().unwrap()), [true, true]);
    }

    /// Each post has a version in memory. A write raises it and then advances the revision. A result must not be
    /// current once a later version is acknowledged.
    #[test]
    fn concurrent_changes_leave_no_outdated_result_current() {
        const WRITES: u64 = 2_000;
        let (revision, is_done) = (polled(), AtomicBool::new(false));
        let [stored, acknowledged] = [(); 2].map(|()| [(); 4].map(|()| AtomicU64::new(0)));
        thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|post: usize| {
                    let (revision, stored, acknowledged) = (&revision, &stored, &acknowledged);
                    scope.spawn(move || {
                        for version in 1..=WRITES {
                            stored[post].store(version, Ordering::SeqCst);
                            revision.advance(&Changed::Posts(vec![i64::try_from(post).unwrap()]));
                            acknowledged[post].store(version, Ordering::SeqCst);
                        }
                    })
                })
                .collect();
            for post in 0..4 {
                let (revision, stored, acknowledged, is_done) = (&revision, &stored, &acknowledged, &is_done);
                scope.spawn(move || {
                    let on = Dependency::Post(i64::try_from(post).unwrap());
                    while !is_done.load(Ordering::SeqCst) {
                        let since = revision.current().unwrap();
                        let version = stored[post].load(Ordering::SeqCst);
                        for _ in 0..20 {
                            let minimum = acknowledged[post].load(Ordering::SeqCst);
                            assert!(!revision.is_current(since, on) || version >= minimum, "{version} after {minimum}");
                        }
                    }
                    let since = revision.current().unwrap();
                    assert!(revision.is_current(since, on), "a read after the last change is not current");
                });
            }
            for writer in writers {
                writer.join().unwrap();
            }
            is_done.store(true, Ordering::SeqCst);
        });
    }
}
