//! Reads the log row by row, for deliveries that must not combine the changes of a post.
//!
//! The statements are planned at each execution, like those of the feed.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Text};

use crate::db::{BindValue, Connection, FixedSql, Timestamp, Timestamptz, on};
use crate::posts::changes::query::{ChangeType, LogRowId};
use crate::posts::model::PostSummary;
use crate::schema::posts;

/// The number of rows that one call reads.
pub(crate) const PAGE: usize = 100;

/// The fields of a row that determine whether and when it is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogMark {
    pub(crate) id: LogRowId,
    /// `None` for the first row of a log, which is not a change.
    pub(crate) change: Option<ChangeType>,
    /// Whether an import has written the row.
    pub(crate) bulk: bool,
}

/// A change as the log describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogChange {
    pub(crate) id: LogRowId,
    pub(crate) change: ChangeType,
    pub(crate) post_id: i64,
    pub(crate) version: i64,
    pub(crate) slug: String,
    pub(crate) old_slug: Option<String>,
}

/// The first [`PAGE`] settled rows from this position on.
pub(crate) fn marks_from(conn: &mut Connection, seq: i64, settled: i64) -> QueryResult<Vec<LogMark>> {
    let sql = FixedSql::<(BigInt, Timestamptz, SmallInt, Bool)>::new(
        "SELECT seq, at, kind, bulk FROM post_changes WHERE seq >= ",
    )
    .bind(BindValue::Integer(seq), " AND seq <= ")
    .bind(BindValue::Integer(settled), " ORDER BY seq LIMIT 100");
    let rows: Vec<(i64, Timestamp, i16, bool)> = on!(conn, conn => sql.uncached().load(conn))?;
    let mark = |(seq, at, kind, bulk): (i64, Timestamp, i16, bool)| LogMark {
        id: LogRowId { seq, at },
        change: ChangeType::of_kind(kind),
        bulk,
    };
    Ok(rows.into_iter().map(mark).collect())
}

type ChangeColumns = (Timestamptz, SmallInt, BigInt, BigInt, Text, Nullable<Text>);
type ChangeValues = (Timestamp, i16, i64, i64, String, Option<String>);

/// The change at this position. `None` if there is no such row, or if it is not a change.
pub(crate) fn change_at(conn: &mut Connection, seq: i64) -> QueryResult<Option<LogChange>> {
    let sql = FixedSql::<ChangeColumns>::new(
        "SELECT at, kind, post_id, version, slug, old_slug FROM post_changes WHERE seq = ",
    )
    .bind(BindValue::Integer(seq), "");
    let rows: Vec<ChangeValues> = on!(conn, conn => sql.uncached().load(conn))?;
    Ok(rows.into_iter().next().and_then(|(at, kind, post_id, version, slug, old_slug)| {
        let id = LogRowId { seq, at };
        ChangeType::of_kind(kind).map(|change| LogChange { id, change, post_id, version, slug, old_slug })
    }))
}

/// The number of changes of these types after the first position and up to the second one.
pub(crate) fn count_changes(conn: &mut Connection, after: i64, end: i64, types: &[ChangeType]) -> QueryResult<i64> {
    // 0 is the kind of the row that begins a log.
    let mut kinds = types.iter().map(|change| change.kind()).chain(std::iter::repeat(-1));
    let mut kind = || BindValue::Integer(kinds.next().map_or(-1, i64::from));
    let sql = FixedSql::<BigInt>::new("SELECT count(*) FROM post_changes WHERE seq > ")
        .bind(BindValue::Integer(after), " AND seq <= ")
        .bind(BindValue::Integer(end), " AND kind IN (")
        .bind(kind(), ", ")
        .bind(kind(), ", ")
        .bind(kind(), ", ")
        .bind(kind(), ")");
    let counts: Vec<i64> = on!(conn, conn => sql.uncached().load(conn))?;
    Ok(counts.into_iter().next().unwrap_or_default())
}

/// The post with this id, if it is public now.
pub(crate) fn public_summary(conn: &mut Connection, id: i64) -> QueryResult<Option<PostSummary>> {
    on!(conn, conn => posts::table
        .find(id)
        .filter(posts::published.eq(true))
        .select(PostSummary::as_select())
        .first(conn)
        .optional())
}
