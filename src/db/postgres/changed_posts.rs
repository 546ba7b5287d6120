//! [`ChangedPosts`]: reads from the log of changes which posts have changed since the last poll.
//!
//! Each change of a public post writes a row in its own transaction, at a position that the sequence gives. A row can
//! become visible after rows at larger positions, but never at or below the watermark:
//!
//! 1. A read begins at the *anchor*, a row that was at or below the watermark at the last read. All rows up to the
//!    anchor were visible then, and were reported at that time or before.
//! 2. It reports the posts of all rows behind the anchor. Rows above the watermark are therefore reported repeatedly.
//! 3. The last of these rows that is at or below the new watermark becomes the next anchor.
//! 4. Everything may have changed if the log does not contain the anchor with the same time: the posts were truncated,
//!    or the database was restored. Positions repeat then, but times do not. The same applies to too many rows, to the
//!    first row of a log, and to an error.
//!
//! Changes of redirects by other programs advance the sequence without a row, because no post changes.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, SmallInt};

use crate::db::changed::{Changed, MAX_POSTS};
use crate::db::fixed_sql::{BindValue, FixedSql};
use crate::db::timestamp::{Timestamp, Timestamptz};

#[derive(Default)]
pub(crate) struct ChangedPosts {
    /// `None`: unknown, so everything may have changed.
    anchor: Option<LogPosition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LogPosition {
    seq: i64,
    at: Timestamp,
}

/// A row of the log. `post` is `None` if it is not about a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LoggedChange {
    position: LogPosition,
    post: Option<i64>,
}

impl ChangedPosts {
    /// Forgets what was reported, because positions may repeat.
    pub(crate) fn reset(&mut self) {
        self.anchor = None;
    }

    /// The posts that may have changed since the last call. `watermark` was determined before the call; `None` if it is
    /// unknown.
    pub(crate) fn read(&mut self, conn: &mut PgConnection, watermark: Option<i64>) -> Changed {
        let changed = self.read_from_anchor(conn, watermark).and_then(|changed| {
            if changed == Changed::Everything {
                self.anchor = watermark.map(|watermark| newest(conn, watermark)).transpose()?.flatten();
            }
            Ok(changed)
        });
        changed.unwrap_or_else(|error| {
            tracing::debug!(%error, "failed to read which posts have changed; all cached responses are outdated");
            self.reset();
            Changed::Everything
        })
    }

    fn read_from_anchor(&mut self, conn: &mut PgConnection, watermark: Option<i64>) -> QueryResult<Changed> {
        let Some(anchor) = self.anchor else { return Ok(Changed::Everything) };
        Ok(self.report(anchor, &rows_from(conn, anchor.seq)?, watermark))
    }

    /// What the rows from the anchor on report. Moves the anchor.
    fn report(&mut self, anchor: LogPosition, rows: &[LoggedChange], watermark: Option<i64>) -> Changed {
        let Some((first, rows)) = rows.split_first() else { return Changed::Everything };
        let posts: Option<Vec<i64>> = rows.iter().map(|row| row.post).collect();
        let Some(posts) = posts.filter(|_| first.position == anchor) else { return Changed::Everything };
        let is_settled = |row: &&LoggedChange| watermark.is_some_and(|watermark| row.position.seq <= watermark);
        self.anchor = Some(rows.iter().rev().find(is_settled).map_or(anchor, |row| row.position));
        Changed::posts(posts)
    }
}

/// The rows from this position on: the row of the position, and one more than a list of changed posts may have. The
/// statement is planned at each execution: a prepared one could keep a plan that suited a small log, and sort all rows.
fn rows_from(conn: &mut PgConnection, seq: i64) -> QueryResult<Vec<LoggedChange>> {
    const _: () = assert!(MAX_POSTS + 2 == 1026);
    let sql = FixedSql::<(BigInt, Timestamptz, BigInt, SmallInt)>::new(
        "SELECT seq, at, post_id, kind FROM post_changes WHERE seq >= ",
    )
    .bind(BindValue::Integer(seq), " ORDER BY seq LIMIT 1026");
    let rows: Vec<(i64, Timestamp, i64, i16)> = sql.uncached().load(conn)?;
    let row = |(seq, at, post, kind)| {
        // 0: the first row of a log.
        LoggedChange { position: LogPosition { seq, at }, post: (kind != 0).then_some(post) }
    };
    Ok(rows.into_iter().map(row).collect())
}

/// The newest row up to the watermark.
fn newest(conn: &mut PgConnection, watermark: i64) -> QueryResult<Option<LogPosition>> {
    let sql = FixedSql::<(BigInt, Timestamptz)>::new("SELECT seq, at FROM post_changes WHERE seq <= ")
        .bind(BindValue::Integer(watermark), " ORDER BY seq DESC LIMIT 1");
    let rows: Vec<(i64, Timestamp)> = sql.uncached().load(conn)?;
    Ok(rows.first().map(|(seq, at)| LogPosition { seq: *seq, at: *at }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(seq: i64) -> LogPosition {
        LogPosition { seq, at: Timestamp::MIN }
    }

    fn row(seq: i64) -> LoggedChange {
        LoggedChange { position: position(seq), post: Some(seq * 10) }
    }

    /// What a read with the anchor 1 reports, and the position of the next anchor.
    fn report(rows: &[LoggedChange], watermark: Option<i64>) -> (Changed, i64) {
        let mut posts = ChangedPosts { anchor: Some(position(1)) };
        let changed = posts.report(position(1), rows, watermark);
        (changed, posts.anchor.unwrap().seq)
    }

    #[test]
    fn rows_above_the_watermark_are_reported_again() {
        let rows = [row(1), row(3), row(4), row(6)];
        let posts = Changed::Posts(vec![30, 40, 60]);
        assert_eq!(report(&rows, None), (posts.clone(), 1));
        assert_eq!(report(&rows, Some(2)), (posts.clone(), 1));
        assert_eq!(report(&rows, Some(5)), (posts.clone(), 4));
        assert_eq!(report(&rows, Some(6)), (posts, 6));
        assert_eq!(report(&[row(1)], Some(9)), (Changed::Posts(Vec::new()), 1));
    }

    #[test]
    fn another_log_means_everything() {
        let other = LoggedChange { position: LogPosition { at: Timestamp::now(), ..position(1) }, post: Some(10) };
        let first = LoggedChange { post: None, ..row(3) };
        for rows in [&[][..], &[row(2)], &[row(2), row(3)], &[other, row(3)], &[row(1), row(2), first, row(4)]] {
            assert_eq!(report(rows, Some(9)).0, Changed::Everything, "{rows:?}");
        }
        // The anchor itself was reported earlier.
        let anchor = LoggedChange { post: None, ..row(1) };
        assert_eq!(report(&[anchor, row(2)], Some(9)), (Changed::Posts(vec![20]), 2));
    }

    #[test]
    fn too_many_rows_mean_everything() {
        let rows: Vec<_> = (1..).take(MAX_POSTS + 2).map(row).collect();
        assert_eq!(report(&rows, None).0, Changed::Everything);
        let expected = rows[1..=MAX_POSTS].iter().filter_map(|row| row.post).collect();
        assert_eq!(report(&rows[..=MAX_POSTS], None).0, Changed::Posts(expected));
    }
}
