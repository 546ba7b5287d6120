//! Positions in the log for webhooks and streams: the end of the log, a time, and the row of a cursor.

use std::time::{Duration, Instant};

use diesel::prelude::*;

use crate::db::{Backend, Connection, Database, Settled, Timestamp, on};
use crate::http::ApiError;
use crate::posts::changes::log::{contains, newest};
use crate::posts::changes::query::LogRowId;
use crate::posts::errors::changes_not_ready;
use crate::schema::post_changes;

/// The longest wait until the log is complete up to its current end. A transaction that takes longer delays the feed
/// too.
const MAX_WAIT: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Where a reader of the log begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStart {
    /// After the changes that are committed by now.
    Now,
    /// After this row, for example that of a cursor.
    After(LogRowId),
    /// With the changes at this time and later.
    Since(Timestamp),
}

/// The same without a time, which takes many reads to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocatedStart {
    /// After the changes that are committed by now.
    Now,
    /// After this row.
    After(LogRowId),
    /// With this row.
    From(LogRowId),
}

/// The log does not contain all changes after the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired;

/// The position up to which the log is complete. Waits up to 2 seconds for it to include all changes that are committed
/// by now.
///
/// # Errors
/// The database failed, or the position is unknown.
pub(crate) async fn settled_now(database: &Database) -> Result<Settled, ApiError> {
    let last = database.read_inline(|conn| newest(conn, i64::MAX)).await?.map_or(0, |row| row.seq);
    wait_until_settled(database, last).await
}

/// Waits until the log is complete up to `seq`. After [`MAX_WAIT`], returns up to where it is complete.
///
/// # Errors
/// 503 if that is still unknown, for example because the database is unreachable.
pub(crate) async fn wait_until_settled(database: &Database, seq: i64) -> Result<Settled, ApiError> {
    let deadline = Instant::now() + MAX_WAIT;
    loop {
        let settled = database.settled();
        if let Some(settled) = settled.filter(|settled| settled.seq >= seq || Instant::now() >= deadline) {
            return Ok(settled);
        }
        if Instant::now() >= deadline {
            return Err(changes_not_ready());
        }
        actix_web::rt::time::sleep(POLL_INTERVAL).await;
    }
}

/// Waits for the writers of the log, and blocks further ones until the transaction ends, so that the log is complete.
/// For commands, which do not poll the database.
pub(crate) fn lock_log(conn: &mut Connection) -> QueryResult<()> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(()) };
    diesel::sql_query("SET LOCAL lock_timeout = '10s'").execute(conn)?;
    diesel::sql_query("LOCK TABLE post_changes IN SHARE MODE").execute(conn).map(drop)
}

/// The number of rows before the result of a binary search that are examined one by one: concurrent transactions can
/// store their times in another order than their positions.
const DISORDERED_ROWS: i64 = 1000;

/// The position after which the changes begin. The log is complete up to `settled`. The log may have no row at this
/// position.
pub(crate) fn resolve(conn: &mut Connection, start: LocatedStart, settled: i64) -> QueryResult<Result<i64, Expired>> {
    Ok(match start {
        LocatedStart::Now => newest(conn, settled)?.map(|row| row.seq).ok_or(Expired),
        LocatedStart::After(row) | LocatedStart::From(row) if !contains(conn, row)? => Err(Expired),
        LocatedStart::After(row) => Ok(row.seq),
        LocatedStart::From(row) => Ok(row_before(conn, row.seq)?),
    })
}

/// Replaces a time by a row. This takes about 30 reads by position, because the log has no index on the time. Call it
/// before a transaction that writes, which would block other writes on SQLite meanwhile.
pub(crate) fn locate(
    conn: &mut Connection,
    start: LogStart,
    settled: i64,
) -> QueryResult<Result<LocatedStart, Expired>> {
    let time = match start {
        LogStart::Now => return Ok(Ok(LocatedStart::Now)),
        LogStart::After(row) => return Ok(Ok(LocatedStart::After(row))),
        LogStart::Since(time) => time,
    };
    let oldest: Vec<(i64, i16, Timestamp)> = on!(conn, conn => post_changes::table
        .order(post_changes::seq.asc())
        .limit(1)
        .select((post_changes::seq, post_changes::kind, post_changes::at))
        .load(conn))?;
    let Some((seq, kind, at)) = oldest.into_iter().next() else { return Ok(Err(Expired)) };
    let oldest = LogRowId { seq, at };
    // The log begins with a row of kind 0, unless its beginning has been deleted.
    let is_complete = kind == 0;
    if time < oldest.at && !is_complete {
        return Ok(Err(Expired));
    }
    let end = newest(conn, settled)?.unwrap_or(oldest);
    Ok(Ok(match first_since(conn, time, oldest.seq, end.seq)? {
        None => LocatedStart::After(end),
        Some(row) if row == oldest && is_complete => LocatedStart::After(oldest),
        Some(row) => LocatedStart::From(row),
    }))
}

/// The first row of these positions that is not older than the time. Positions are in the order of time, except for
/// those of concurrent transactions.
fn first_since(conn: &mut Connection, time: Timestamp, first: i64, last: i64) -> QueryResult<Option<LogRowId>> {
    let (mut low, mut high) = (first, last.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        match row_from(conn, middle)? {
            Some(row) if row.seq < high && row.at < time => low = row.seq + 1,
            _ => high = middle,
        }
    }
    let near: Vec<(i64, Timestamp)> = on!(conn, conn => post_changes::table
        .filter(post_changes::seq.between(low.saturating_sub(DISORDERED_ROWS), low))
        .filter(post_changes::seq.between(first, last))
        .order(post_changes::seq.asc())
        .select((post_changes::seq, post_changes::at))
        .load(conn))?;
    let found = near.into_iter().map(|(seq, at)| LogRowId { seq, at }).find(|row| row.at >= time);
    match found {
        Some(row) => Ok(Some(row)),
        None => Ok(row_from(conn, low)?.filter(|row| row.seq <= last)),
    }
}

/// The first row at this position or a later one.
fn row_from(conn: &mut Connection, seq: i64) -> QueryResult<Option<LogRowId>> {
    let rows: Vec<(i64, Timestamp)> = on!(conn, conn => post_changes::table
        .filter(post_changes::seq.ge(seq))
        .order(post_changes::seq.asc())
        .limit(1)
        .select((post_changes::seq, post_changes::at))
        .load(conn))?;
    Ok(rows.first().map(|(seq, at)| LogRowId { seq: *seq, at: *at }))
}

/// The position of the last row before this one.
fn row_before(conn: &mut Connection, seq: i64) -> QueryResult<i64> {
    let before: Vec<Option<i64>> = on!(conn, conn => post_changes::table
        .filter(post_changes::seq.lt(seq))
        .select(diesel::dsl::max(post_changes::seq))
        .load(conn))?;
    Ok(before.into_iter().flatten().next().unwrap_or(seq.saturating_sub(1)))
}

/// The rows at these positions, as far as they exist.
pub(crate) fn rows_at(conn: &mut Connection, positions: &[i64]) -> QueryResult<Vec<LogRowId>> {
    let rows: Vec<(i64, Timestamp)> = on!(conn, conn => post_changes::table
        .filter(post_changes::seq.eq_any(positions))
        .select((post_changes::seq, post_changes::at))
        .load(conn))?;
    Ok(rows.into_iter().map(|(seq, at)| LogRowId { seq, at }).collect())
}
