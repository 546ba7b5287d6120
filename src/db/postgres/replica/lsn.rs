//! Places in PostgreSQL's write-ahead log, in bytes from its beginning.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use crate::db::fixed_sql::FixedSql;

/// What stands at the beginning of a page of the log, and of a segment's first page (PostgreSQL's `xlog_internal.h`).
const PAGE_HEADER: i64 = 24;
const SEGMENT_HEADER: i64 = 40;

/// Where the log of the primary ends: what a transaction that was committed before has written lies before it.
pub(crate) fn of_primary(conn: &mut PgConnection) -> QueryResult<i64> {
    let (inserted, segment, page) = diesel::select((
        FixedSql::<BigInt>::new("(pg_current_wal_insert_lsn() - '0/0')::bigint"),
        FixedSql::<BigInt>::new("pg_size_bytes(current_setting('wal_segment_size'))"),
        FixedSql::<BigInt>::new("current_setting('wal_block_size')::bigint"),
    ))
    .get_result(conn)?;
    Ok(end_of_last_record(inserted, segment, page))
}

/// Where the replay of a standby has ended; `None` of a server that is none.
pub(crate) fn of_standby(conn: &mut PgConnection) -> QueryResult<Option<i64>> {
    diesel::select(FixedSql::<Nullable<BigInt>>::new(
        "CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint END",
    ))
    .get_result(conn)
}

/// Where a page is full, the primary tells the place behind the header of the next one, and a standby the end of the
/// page. Nobody would ever replay such a header alone.
fn end_of_last_record(inserted: i64, segment: i64, page: i64) -> i64 {
    let header = if inserted % segment < page { SEGMENT_HEADER } else { PAGE_HEADER };
    let into_page = inserted % page;
    if into_page <= header { inserted - into_page } else { inserted }
}

#[cfg(test)]
mod tests {
    use super::end_of_last_record;

    #[test]
    fn a_header_without_a_record_behind_it_is_not_waited_for() {
        const SEGMENT: i64 = 16 << 20;
        const PAGE: i64 = 8192;
        let begin = 5 * SEGMENT;
        for (inserted, end) in [
            (begin, begin),
            (begin + 40, begin),
            (begin + 48, begin + 48),
            (begin + PAGE, begin + PAGE),
            (begin + PAGE + 24, begin + PAGE),
            (begin + PAGE + 40, begin + PAGE + 40),
            (begin + PAGE - 8, begin + PAGE - 8),
            // No segment begins here.
            (begin + (1 << 20) + 40, begin + (1 << 20) + 40),
        ] {
            assert_eq!(end_of_last_record(inserted, SEGMENT, PAGE), end, "{inserted:x}");
        }
    }
}
