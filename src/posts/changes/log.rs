//! The log of changes: reads its rows, and deletes those that have expired.
//!
//! The statements are planned at each execution: a prepared one would keep the plan that suited a small log, and sort
//! all rows after a cursor.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};

use crate::db::{BindValue, Connection, FixedSql, Timestamp, Timestamptz, Visibility, on};
use crate::posts::changes::query::{ChangeType, LogRowId};
use crate::schema::post_changes;

/// How long the log keeps a change, in microseconds: 30 days.
const RETENTION: i64 = 30 * 24 * 60 * 60 * 1_000_000;

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogRow {
    pub(crate) id: LogRowId,
    pub(crate) post_id: i64,
    pub(crate) change: ChangeType,
    pub(crate) version: i64,
    /// The public slug after the change. For a removal, the last one.
    pub(crate) slug: String,
    pub(crate) old_slug: Option<String>,
}

impl LogRow {
    /// The approximate memory in bytes.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.slug.len() + self.old_slug.as_ref().map_or(0, String::len)
    }
}

type LogColumns = (BigInt, Timestamptz, BigInt, SmallInt, BigInt, Text, Nullable<Text>);
type LogValues = (i64, Timestamp, i64, i16, i64, String, Option<String>);

/// The maximum number of rows that [`rows_after`] returns: those of a page, and one more, which shows whether there are
/// more. The literals also count the row of the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowLimit {
    /// A page of the feed.
    Feed,
    /// A page of an event stream.
    Stream,
}

impl RowLimit {
    /// The number of rows of a page.
    pub(crate) fn rows(self) -> usize {
        match self {
            Self::Feed => 1000,
            Self::Stream => 64,
        }
    }

    fn sql(self) -> &'static str {
        match self {
            Self::Feed => " ORDER BY seq LIMIT 1002",
            Self::Stream => " ORDER BY seq LIMIT 66",
        }
    }
}

/// A row of the log. The first row of a log has no change.
pub(crate) type FoundRow = (LogRowId, Option<LogRow>);

/// The settled rows after `position`. The first row of a log has no change. `None` if the log does not contain the row
/// of the position.
pub(crate) fn rows_after(
    conn: &mut Connection,
    position: LogRowId,
    settled: i64,
    limit: RowLimit,
) -> QueryResult<Option<Vec<FoundRow>>> {
    let sql = FixedSql::<LogColumns>::new(
        "SELECT seq, at, post_id, kind, version, slug, old_slug FROM post_changes WHERE seq >= ",
    )
    .bind(BindValue::Integer(position.seq), " AND seq <= ")
    // The row of the cursor was settled for the instance that returned it, perhaps not yet for this one.
    .bind(BindValue::Integer(settled.max(position.seq)), limit.sql());
    let rows: Vec<LogValues> = on!(conn, conn => sql.uncached().load(conn))?;
    let row = |(seq, at, post_id, kind, version, slug, old_slug): LogValues| {
        let id = LogRowId { seq, at };
        (id, ChangeType::of_kind(kind).map(|change| LogRow { id, post_id, change, version, slug, old_slug }))
    };
    let mut rows = rows.into_iter().map(row);
    Ok(rows.next().filter(|(id, _)| *id == position).map(|_| rows.collect()))
}

/// The newest settled row.
pub(crate) fn newest(conn: &mut Connection, settled: i64) -> QueryResult<Option<LogRowId>> {
    let sql = FixedSql::<(BigInt, Timestamptz)>::new("SELECT seq, at FROM post_changes WHERE seq <= ")
        .bind(BindValue::Integer(settled), " ORDER BY seq DESC LIMIT 1");
    let rows: Vec<(i64, Timestamp)> = on!(conn, conn => sql.uncached().load(conn))?;
    Ok(rows.first().map(|(seq, at)| LogRowId { seq: *seq, at: *at }))
}

/// The oldest row. `None` if the log has no row, not even the first one. A copy of the database without the contents of
/// the log, or a `DELETE` by another program, causes this.
pub(crate) fn oldest(conn: &mut Connection) -> QueryResult<Option<LogRowId>> {
    let sql = FixedSql::<(BigInt, Timestamptz)>::new("SELECT seq, at FROM post_changes ORDER BY seq LIMIT 1");
    let rows: Vec<(i64, Timestamp)> = on!(conn, conn => sql.uncached().load(conn))?;
    Ok(rows.first().map(|(seq, at)| LogRowId { seq: *seq, at: *at }))
}

/// Whether the log has this row.
pub(crate) fn contains(conn: &mut Connection, row: LogRowId) -> QueryResult<bool> {
    let sql = FixedSql::<Timestamptz>::new("SELECT at FROM post_changes WHERE seq = ");
    let found: Vec<Timestamp> = on!(conn, conn => sql.bind(BindValue::Integer(row.seq), "").uncached().load(conn))?;
    Ok(found == [row.at])
}

/// The rows that one step of [`remove_expired`] deletes: from the second to the last of these positions, exclusively.
pub(crate) type ExpiredRows = std::ops::Range<i64>;

/// The oldest expired rows, without the newest one of them, which remains, so that the cursor of a client stays valid
/// while nothing changes. `from` is the end of the last step, so that no step reads the rows that earlier ones have
/// deleted.
pub(crate) fn expired(conn: &mut Connection, from: i64, now: Timestamp) -> QueryResult<Option<ExpiredRows>> {
    let sql = FixedSql::<(BigInt, Timestamptz)>::new("SELECT seq, at FROM post_changes WHERE seq >= ")
        .bind(BindValue::Integer(from), " ORDER BY seq LIMIT 1000");
    let rows: Vec<(i64, Timestamp)> = on!(conn, conn => sql.uncached().load(conn))?;
    let is_expired = |at: Timestamp| at.as_microseconds() < now.as_microseconds() - RETENTION;
    let expired: Vec<i64> = rows.into_iter().take_while(|(_, at)| is_expired(*at)).map(|(seq, _)| seq).collect();
    Ok(match (expired.first(), expired.last()) {
        (Some(first), Some(last)) if first < last => Some(*first..*last),
        _ => None,
    })
}

pub(crate) fn remove_expired(conn: &mut Connection, rows: &ExpiredRows) -> QueryResult<usize> {
    conn.mark_changed(Visibility::Private);
    on!(conn, conn => diesel::delete(post_changes::table)
        .filter(post_changes::seq.ge(rows.start))
        .filter(post_changes::seq.lt(rows.end))
        .execute(conn))
}

/// Inserts the first row into an empty log, so that there is a position to begin at.
pub(crate) fn insert_first_row(conn: &mut Connection) -> QueryResult<()> {
    if oldest(conn)?.is_some() {
        return Ok(());
    }
    // Other processes wait for the row too.
    conn.mark_changed(Visibility::Public);
    let first =
        (post_changes::post_id.eq(0), post_changes::kind.eq(0), post_changes::version.eq(0), post_changes::slug.eq(""));
    on!(conn, conn => diesel::insert_into(post_changes::table).values(first).execute(conn)).map(drop)
}
