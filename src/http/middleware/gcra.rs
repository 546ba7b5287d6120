//! The generic cell rate algorithm (ITU-T I.371), for any number of clients in a fixed piece of memory, without locks.
//!
//! Of each client it keeps one time: when all that it has sent will have been paid for. Each request moves that time
//! on by its share of the period; one that would move it further ahead than a whole period is refused. A time that has
//! passed says nothing any more, so its cell is free without having been cleared.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::Rate;

/// Cells that share a line of the processor's cache. A client has its cell in one line, which its hash chooses.
const WAYS: usize = 4;
const SECOND: u64 = 1_000_000_000;

/// Times by client, in nanoseconds since a moment that the caller keeps.
pub(crate) struct Cells {
    lines: Box<[Line]>,
    /// Not to be foreseen, so that nobody can choose whom to share a line with.
    hasher: RandomState,
}

#[derive(Default)]
#[repr(align(64))]
struct Line([Cell; WAYS]);

#[derive(Default)]
struct Cell {
    /// The hash of the client.
    owner: AtomicU64,
    time: AtomicU64,
}

/// A rate, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// What a request takes.
    step: u64,
    /// What all that may come at once take.
    whole: u64,
}

/// What a client has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) requests: u64,
    /// In nanoseconds. Without requests left: until there is one; otherwise until there are all.
    pub(crate) wait: u64,
}

impl Cells {
    /// `lines` of four cells, 64 bytes each.
    pub(crate) fn new(lines: usize) -> Self {
        Self { lines: (0..lines).map(|_| Line::default()).collect(), hasher: RandomState::new() }
    }

    /// Counts a request, unless the client has none left, which is an `Err`.
    pub(crate) fn take(&self, client: u128, pace: Pace, now: u64) -> Result<Left, Left> {
        let Pace { step, whole } = pace;
        let moved_on = |time: u64| Some(time.max(now) + step).filter(|time| *time <= now + whole);
        match self.cell(client).fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved_on) {
            Ok(before) => Ok(pace.left(before.max(now) + step, now)),
            Err(time) => Err(pace.left(time, now)),
        }
    }

    /// What the client has left.
    pub(crate) fn left(&self, client: u128, pace: Pace, now: u64) -> Left {
        pace.left(self.time(client), now)
    }

    /// The client's time; 0 where none is known.
    pub(crate) fn time(&self, client: u128) -> u64 {
        let (line, owner) = self.line(client);
        line.find(owner).map_or(0, |cell| cell.time.load(Ordering::Relaxed))
    }

    pub(crate) fn set_time(&self, client: u128, time: u64) {
        self.cell(client).store(time, Ordering::Relaxed);
    }

    /// The client's cell. Where it has none it takes over the one with the earliest time of its line, and that time:
    /// mostly one that has passed. While all four are in use it starts out with a stranger's debt, the smallest of
    /// them, so that whoever comes with ever new addresses finds no clean cell and wipes out no large debt.
    fn cell(&self, client: u128) -> &AtomicU64 {
        let (line, owner) = self.line(client);
        loop {
            if let Some(cell) = line.find(owner) {
                return &cell.time;
            }
            let Line([a, b, c, d]) = line;
            let earlier = |one, other| if time_of(other) < time_of(one) { other } else { one };
            let cell: &Cell = [b, c, d].into_iter().fold(a, earlier);
            let before = cell.owner.load(Ordering::Relaxed);
            // Who loses this race looks again: the winner may have been the same client.
            let taken = cell.owner.compare_exchange(before, owner, Ordering::Relaxed, Ordering::Relaxed);
            if taken.is_ok() {
                return &cell.time;
            }
        }
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is below the length")]
    fn line(&self, client: u128) -> (&Line, u64) {
        let hash = self.hasher.hash_one(client);
        let count = self.lines.len() as u64;
        #[expect(clippy::cast_possible_truncation, reason = "it is below the length")]
        (&self.lines[(hash % count) as usize], hash)
    }
}

impl Line {
    fn find(&self, owner: u64) -> Option<&Cell> {
        self.0.iter().find(|cell| cell.owner.load(Ordering::Relaxed) == owner)
    }
}

fn time_of(cell: &Cell) -> u64 {
    cell.time.load(Ordering::Relaxed)
}

impl Pace {
    pub(crate) fn of(rate: Rate) -> Self {
        let step = u64::from(rate.period) * SECOND / u64::from(rate.count.max(1));
        Self { step, whole: step * u64::from(rate.count) }
    }

    fn left(self, time: u64, now: u64) -> Left {
        let debt = time.saturating_sub(now);
        let free = self.whole.saturating_sub(debt);
        let requests = free / self.step;
        Left { requests, wait: if requests == 0 { self.step - free } else { debt } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = 12 * SECOND;

    fn pace() -> Pace {
        Pace::of(Rate { count: 5, period: 60 })
    }

    #[test]
    fn a_whole_rate_passes_at_once_and_then_one_each_share_of_the_period() {
        let cells = Cells::new(1);
        let take = |now| cells.take(7, pace(), now);
        for requests in (0..5).rev() {
            let wait = if requests == 0 { STEP } else { (5 - requests) * STEP };
            assert_eq!(take(7), Ok(Left { requests, wait }));
        }
        assert_eq!(take(7), Err(Left { requests: 0, wait: STEP }));
        assert_eq!(take(7 + STEP - 1), Err(Left { requests: 0, wait: 1 }), "a refusal moves nothing");
        assert_eq!(take(7 + STEP), Ok(Left { requests: 0, wait: STEP }));
        assert_eq!(take(7 + 100 * STEP), Ok(Left { requests: 4, wait: STEP }), "no more than a whole rate is saved up");
    }

    #[test]
    fn a_million_clients_take_no_more_memory_and_do_not_wash_away_who_is_refused() {
        let cells = Cells::new(64);
        let offender = u128::MAX;
        while cells.take(offender, pace(), 0).is_ok() {}
        let newcomers = (0..1_000_000).filter(|number| cells.take(*number, pace(), 0).is_ok()).count();
        let in_use = cells.lines.iter().flat_map(|line| &line.0).filter(|cell| time_of(cell) > 0).count();
        assert!(in_use <= 64 * WAYS, "{in_use}");
        assert!(newcomers <= 64 * WAYS * 5, "{newcomers}");
        assert!(cells.take(offender, pace(), 0).is_err());
        // Their time passes as the debt does, so that all is as at first.
        assert_eq!(cells.left(1_000_000, pace(), 5 * STEP), Left { requests: 5, wait: 0 });
        assert!(cells.take(1_000_000, pace(), 5 * STEP).is_ok());
    }

    #[test]
    fn no_more_pass_where_many_threads_ask_at_once() {
        let cells = Cells::new(1);
        let pace = Pace::of(Rate { count: 1000, period: 3600 });
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..1000).filter(|_| cells.take(7, pace, 0).is_ok()).count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 1000);
    }
}
