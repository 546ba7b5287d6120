//! Log sequence numbers (LSNs): byte positions in PostgreSQL's write-ahead log, as integers from its beginning.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use crate::db::fixed_sql::FixedSql;

/// The sizes of the headers of a WAL page and of a segment's first page (`xlog_internal.h` of PostgreSQL).
const PAGE_HEADER: i64 = 24;
const SEGMENT_HEADER: i64 = 40;

/// The end of the primary's WAL. A standby that has replayed the WAL up to this LSN has every transaction that was
/// committed before this call.
pub(crate) fn primary_end(conn: &mut PgConnection) -> QueryResult<i64> {
    let (insert_lsn, segment, page) = diesel::select((
        FixedSql::<BigInt>::new("(pg_current_wal_insert_lsn() - '0/0')::bigint"),
        FixedSql::<BigInt>::new("pg_size_bytes(current_setting('wal_segment_size'))"),
        FixedSql::<BigInt>::new("current_setting('wal_block_size')::bigint"),
    ))
    .get_result(conn)?;
    Ok(end_of_last_record(insert_lsn, segment, page))
}

/// The LSN up to which a standby has replayed the WAL. `None` if the server is not a standby.
pub(crate) fn standby_replayed(conn: &mut PgConnection) -> QueryResult<Option<i64>> {
    diesel::select(FixedSql::<Nullable<BigInt>>::new(
        "CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint END",
    ))
    .get_result(conn)
}

/// Rounds an insert LSN down to the end of the last record.
///
/// When a record ends with its page, the primary reports the LSN after the header of the next page. A standby reports
/// the end of the page, and reaches the LSN after the header only with the next record.
fn end_of_last_record(insert_lsn: i64, segment: i64, page: i64) -> i64 {
    let header = if insert_lsn % segment < page { SEGMENT_HEADER } else { PAGE_HEADER };
    let page_offset = insert_lsn % page;
    if page_offset <= header { insert_lsn - page_offset } else { insert_lsn }
}

#[cfg(test)]
mod tests {
    use super::end_of_last_record;

    #[test]
    fn page_header_without_a_record_is_rounded_down() {
        const SEGMENT: i64 = 16 << 20;
        const PAGE: i64 = 8192;
        let start = 5 * SEGMENT;
        for (insert_lsn, end) in [
            (start, start),
            (start + 40, start),
            (start + 48, start + 48),
            (start + PAGE, start + PAGE),
            (start + PAGE + 24, start + PAGE),
            (start + PAGE + 40, start + PAGE + 40),
            (start + PAGE - 8, start + PAGE - 8),
            // The start of a page within a segment.
            (start + (1 << 20) + 40, start + (1 << 20) + 40),
        ] {
            assert_eq!(end_of_last_record(insert_lsn, SEGMENT, PAGE), end, "{insert_lsn:x}");
        }
    }
}
