//! [`ChangeCounts`]: the number of changes in the log since the start of the instance, for metrics.
//!
//! The rows are counted when the metrics are read, so that a change costs nothing.

use std::sync::{Mutex, PoisonError};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, SmallInt};

use crate::db::{BindValue, Connection, Database, Error, FixedSql, Timestamp, Timestamptz, on};
use crate::posts::changes::log;
use crate::posts::changes::query::ChangeType;

/// Counts rows of the log by the kind of change.
pub struct ChangeCounts {
    /// Earlier rows are not counted.
    started: Timestamp,
    state: Mutex<Counted>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    /// The last row that was counted. `None` before the first count.
    last: Option<i64>,
    /// For each of [`ChangeType::ALL`].
    counts: [u64; ChangeType::ALL.len()],
}

impl ChangeCounts {
    #[must_use]
    pub fn new(started: Timestamp) -> Self {
        Self { started, state: Mutex::default() }
    }

    /// Counts the rows since the last call, at most 100,000.
    ///
    /// # Errors
    /// The read failed. The next call counts these rows.
    pub async fn update(&self, database: &Database) -> Result<(), Error> {
        let Some(settled) = database.settled() else { return Ok(()) };
        let (before, started) = (self.state(), self.started);
        let after = database.read_inline(move |conn| count(conn, before, started, settled.seq)).await?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Otherwise, a concurrent call has counted the rows.
        if *state == before {
            *state = after;
        }
        Ok(())
    }

    /// The counts, by the type of change without its prefix `post.`.
    pub fn by_kind(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let name = |change: ChangeType| change.as_str().trim_start_matches("post.");
        ChangeType::ALL.into_iter().map(name).zip(self.state().counts)
    }

    fn state(&self) -> Counted {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(conn: &mut Connection, before: Counted, started: Timestamp, settled: i64) -> QueryResult<Counted> {
    let Some(newest) = log::newest(conn, settled)? else { return Ok(before) };
    let last = match before.last {
        Some(last) => last,
        None => row_before(conn, started)?,
    };
    // The log was replaced, and its positions are assigned again.
    let last = last.min(newest.seq);
    let sql = FixedSql::<(SmallInt, BigInt, BigInt)>::new(
        "SELECT kind, count(*), max(seq) FROM (SELECT kind, seq FROM post_changes WHERE seq > ",
    )
    .bind(BindValue::Integer(last), " AND seq <= ")
    .bind(BindValue::Integer(settled), " ORDER BY seq LIMIT 100000) AS changes GROUP BY kind");
    let rows: Vec<(i16, i64, i64)> = on!(conn, conn => sql.uncached().load(conn))?;
    let mut counted = Counted { last: Some(last), ..before };
    for (kind, count, seq) in rows {
        counted.last = counted.last.max(Some(seq));
        let index = ChangeType::ALL.iter().position(|change| change.kind() == kind);
        if let Some(total) = index.and_then(|index| counted.counts.get_mut(index)) {
            *total += u64::try_from(count).unwrap_or_default();
        }
    }
    Ok(counted)
}

/// The last row before this time; 0 if there is none. Rows are almost in the order of time, so this reads few rows.
fn row_before(conn: &mut Connection, time: Timestamp) -> QueryResult<i64> {
    let sql = FixedSql::<(BigInt, Timestamptz)>::new("SELECT seq, at FROM post_changes WHERE at < ")
        .bind(BindValue::Time(time), " ORDER BY seq DESC LIMIT 1");
    let rows: Vec<(i64, Timestamp)> = on!(conn, conn => sql.uncached().load(conn))?;
    Ok(rows.first().map_or(0, |(seq, _)| *seq))
}
