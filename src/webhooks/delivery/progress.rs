//! [`Progress`]: how far an instance has examined the log for a webhook.
//!
//! It only caches what the log contains, so that each row is examined once. The database stores what has been
//! delivered.

use std::time::Duration;

use diesel::QueryResult;

use crate::db::{Connection, Timestamp};
use crate::posts::changes::log::{newest, oldest};
use crate::posts::changes::outbox::{LogMark, PAGE, marks_from};
use crate::posts::changes::query::LogRowId;
use crate::webhooks::delivery::model::{Delivery, EventFilter};

/// The number of pages of the log that one check reads for a webhook.
const MAX_PAGES: usize = 10;
/// The position is moved over rows that are not delivered after this number of rows, or after this time. Without this
/// limit, each change would write every webhook that does not announce it.
const MAX_SKIPPED: usize = 1000;
const MAX_SKIPPED_AGE: Duration = Duration::from_hours(1);

/// The knowledge of an instance about the rows after the position of a webhook.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    position: i64,
    version: i64,
    filter: EventFilter,
    /// The last row that was examined.
    scanned: i64,
    /// The number of rows that were examined since the position, and the time of the oldest one.
    examined: usize,
    oldest: Option<Timestamp>,
    /// The first and the last row to deliver.
    first: Option<LogRowId>,
    last: Option<LogRowId>,
    /// The number of examined rows to deliver.
    accepted: usize,
    /// Whether there may be rows that have not been examined.
    has_more: bool,
    /// Whether retention has deleted rows that were not delivered.
    has_lost_rows: bool,
    /// If the position is beyond the newest row: where to continue, and whether this has not been reported yet.
    restart: Option<i64>,
    reports_restart: bool,
}

/// The next step for a webhook, apart from its lease and its retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pending {
    Nothing,
    /// A request is due at this time. For a burst, `end` is its last row.
    Request {
        at: Timestamp,
        end: i64,
    },
    /// The position can be moved to this row, because no row up to it has to be delivered.
    Skip {
        to: i64,
    },
}

impl Pending {
    /// When the next request is due: at its time, or after a failure when its delay has passed.
    pub(crate) fn due_at(&self, delivery: &Delivery) -> Option<Timestamp> {
        let Self::Request { at, .. } = *self else { return None };
        Some(at.max(delivery.next_attempt_at.unwrap_or(at)))
    }
}

impl Progress {
    pub(crate) fn new(delivery: &Delivery) -> Self {
        Self {
            position: delivery.position,
            version: delivery.version,
            filter: delivery.filter(),
            scanned: delivery.position,
            examined: 0,
            oldest: None,
            first: None,
            last: None,
            accepted: 0,
            has_more: true,
            has_lost_rows: false,
            restart: None,
            reports_restart: false,
        }
    }

    /// Whether this still describes the webhook: its position has not moved, and its events have not changed.
    pub(crate) fn is_of(&self, delivery: &Delivery) -> bool {
        self.position == delivery.position && self.version == delivery.version
    }

    /// Examines further rows.
    pub(crate) fn advance(&mut self, conn: &mut Connection, settled: i64, is_burst: bool) -> QueryResult<()> {
        self.has_more = true;
        for _ in 0..MAX_PAGES {
            if self.first.is_some() && !is_burst {
                break;
            }
            // The first page begins at the position, to find out whether its row is still there.
            let is_first = self.examined == 0 && self.scanned == self.position;
            let from = if is_first { self.position } else { self.scanned.saturating_add(1) };
            let rows = marks_from(conn, from, settled)?;
            if is_first && self.oldest.is_none() {
                self.has_lost_rows = rows.first().is_some_and(|row| {
                    // The first row of a log is not a change, and no change precedes it.
                    row.id.seq > self.position.saturating_add(1) && row.change.is_some()
                });
            }
            if is_first && rows.is_empty() {
                self.find_restart(conn)?;
            }
            self.examine(&rows);
            if rows.len() < PAGE {
                self.has_more = false;
                break;
            }
        }
        Ok(())
    }

    /// If the position is beyond the newest row, the log was emptied, and positions are assigned again: the first row
    /// of the log is the next one.
    fn find_restart(&mut self, conn: &mut Connection) -> QueryResult<()> {
        let is_beyond = newest(conn, i64::MAX)?.is_none_or(|newest| newest.seq < self.position) && self.position > 0;
        let restart =
            if is_beyond { Some(oldest(conn)?.map_or(0, |oldest| oldest.seq.saturating_sub(1))) } else { None };
        self.reports_restart |= restart.is_some() && self.restart.is_none();
        self.restart = restart;
        Ok(())
    }

    fn examine(&mut self, rows: &[LogMark]) {
        for row in rows {
            if row.id.seq <= self.scanned {
                continue;
            }
            self.scanned = row.id.seq;
            self.examined += 1;
            self.oldest.get_or_insert(row.id.at);
            if self.filter.accepts(row) {
                self.first.get_or_insert(row.id);
                self.last = Some(row.id);
                self.accepted += 1;
            }
        }
    }

    /// Whether rows remain to be examined before [`Progress::pending`] is certain that nothing is pending.
    pub(crate) fn has_more(&self, is_burst: bool) -> bool {
        self.has_more && (is_burst || self.first.is_none())
    }

    /// Whether further rows may have to be delivered after the first one.
    pub(crate) fn has_another(&self) -> bool {
        self.accepted > 1 || self.has_more
    }

    /// Whether retention has deleted rows that were not delivered. True once.
    pub(crate) fn take_lost_rows(&mut self) -> bool {
        std::mem::take(&mut self.has_lost_rows)
    }

    /// Whether the position was beyond the newest row. True once.
    pub(crate) fn take_restart(&mut self) -> bool {
        std::mem::take(&mut self.reports_restart)
    }

    /// The next step for the webhook.
    pub(crate) fn pending(&self, delivery: &Delivery, now: Timestamp) -> Pending {
        if let Some(to) = self.restart {
            return Pending::Skip { to };
        }
        if !delivery.is_burst() {
            return self.first.map_or_else(|| self.skip(now), |row| Pending::Request { at: row.at, end: row.seq });
        }
        if let Some(end) = delivery.burst_end {
            return Pending::Request { at: self.first.map_or(now, |row| row.at), end };
        }
        match (self.first, self.last) {
            (Some(first), Some(last)) => {
                let (quiet, max_wait) = (delivery.config.quiet, delivery.config.max_wait);
                let at = after(last.at, quiet).min(after(first.at, max_wait));
                Pending::Request { at, end: self.scanned }
            }
            _ => self.skip(now),
        }
    }

    fn skip(&self, now: Timestamp) -> Pending {
        let age = self.oldest.map_or(0, |oldest| now.as_microseconds().saturating_sub(oldest.as_microseconds()));
        let is_old = u128::try_from(age).is_ok_and(|age| age >= MAX_SKIPPED_AGE.as_micros());
        let is_due = self.examined >= MAX_SKIPPED || (self.examined > 0 && is_old);
        if is_due { Pending::Skip { to: self.scanned } } else { Pending::Nothing }
    }
}

/// The time that is `seconds` after another one.
fn after(time: Timestamp, seconds: i32) -> Timestamp {
    let microseconds = time.as_microseconds().saturating_add(i64::from(seconds) * 1_000_000);
    Timestamp::from_microseconds(microseconds).unwrap_or(time)
}
