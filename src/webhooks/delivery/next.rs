//! Finds the next request of a webhook whose lease this instance holds.

use crate::db::{Connection, Database, Error, Settled};
use crate::webhooks::delivery::event::{OutgoingEvent, of_burst, of_change};
use crate::webhooks::delivery::model::Delivery;
use crate::webhooks::delivery::progress::{Pending, Progress};
use crate::webhooks::delivery::store;

/// The next request.
pub(super) struct NextRequest {
    pub(super) event: OutgoingEvent,
    /// Whether there may be further requests.
    pub(super) has_another: bool,
}

/// The row that the worker has found for a webhook: the first one to deliver, or the last one of a burst.
#[derive(Debug, Clone, Copy)]
pub(super) struct DueRow {
    pub(super) seq: i64,
    /// The position up to which the log was complete at that time.
    pub(super) settled: Settled,
}

/// Reads the next request. `due` is the row that the worker has found after the position of `delivery`. `None` if
/// nothing is pending among the next rows, or if the position up to which the log is complete is unknown.
pub(super) async fn next_request(
    database: &Database,
    delivery: &Delivery,
    due: Option<DueRow>,
) -> Result<Option<NextRequest>, Error> {
    let Some(settled) = database.settled() else { return Ok(None) };
    // Another server may have assigned the position again.
    let due = due.filter(|due| database.is_still_settled(due.settled)).map(|due| due.seq);
    let delivery = delivery.clone();
    let next = database.read_inline(move |conn| find_next(conn, &delivery, due, settled.seq)).await?;
    Ok(next.filter(|_| database.is_still_settled(settled)))
}

/// Examines a bounded number of rows. The worker searches longer ranges, because it continues where it has stopped.
fn find_next(
    conn: &mut Connection,
    delivery: &Delivery,
    due: Option<i64>,
    settled: i64,
) -> diesel::QueryResult<Option<NextRequest>> {
    if delivery.is_burst() {
        let Some(end) = delivery.burst_end else { return Ok(None) };
        return Ok(of_burst(conn, delivery, end, settled)?.map(|event| NextRequest { event, has_another: false }));
    }
    let mut progress = Progress::new(delivery);
    progress.advance(conn, settled, false)?;
    let found = match progress.pending(delivery, store::clock(conn)?) {
        Pending::Request { end, .. } => Some((end, progress.has_another())),
        _ if progress.has_more(false) => due.map(|due| (due, true)),
        _ => None,
    };
    let Some((seq, has_another)) = found else { return Ok(None) };
    Ok(of_change(conn, seq)?.map(|event| NextRequest { event, has_another }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use diesel::connection::{Connection as _, InstrumentationEvent, SimpleConnection};
    use tempfile::TempDir;

    use super::*;
    use crate::db::{Backend, DatabaseUrl, migrations};

    /// A database with a webhook for deletions. Behind its position are this number of other changes and a deletion.
    fn backlog(changes: usize) -> (TempDir, Connection, Delivery) {
        let directory = TempDir::with_prefix("posts-api-test-").unwrap();
        let url = format!("sqlite://{}", directory.path().join("posts.db").display());
        let (url, _) = DatabaseUrl::parse(&url).unwrap();
        let mut conn = Connection::open(&url).unwrap();
        migrations::run(&mut conn, &url).unwrap();
        let Backend::Sqlite(sqlite) = &mut conn.backend else { panic!("the database is a file") };
        sqlite
            .batch_execute(&format!(
                "INSERT INTO webhooks (name, url, mode, events, headers, quiet, max_wait, enabled, secret, position,
                     created_at, updated_at)
                 SELECT 'test', 'https://8.8.8.8/', 0, '[\"post.deleted\"]', '{{}}', 10, 120, TRUE, 'whsec_AAAA',
                     max(seq), '2026-01-31T12:00:00.000000Z', '2026-01-31T12:00:00.000000Z' FROM post_changes;
                 INSERT INTO post_changes (post_id, kind, version, slug)
                 WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {changes})
                 SELECT 1, 2, n, 'a' FROM numbers;
                 INSERT INTO post_changes (post_id, kind, version, slug) VALUES (1, 4, {changes}, 'a');"
            ))
            .unwrap();
        let delivery = store::all(&mut conn).unwrap().pop().unwrap();
        (directory, conn, delivery)
    }

    /// Finds the next request, and counts the pages of the log that this reads. Returns the type of the event.
    fn find(conn: &mut Connection, delivery: &Delivery, due: Option<i64>) -> (Option<String>, usize) {
        let pages = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&pages);
        let Backend::Sqlite(sqlite) = &mut conn.backend else { panic!("the database is a file") };
        sqlite.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event
                && query.to_string().contains("kind, bulk FROM post_changes")
            {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let next = find_next(conn, delivery, due, i64::MAX).unwrap();
        (next.map(|next| next.event.event_type), pages.load(Ordering::Relaxed))
    }

    #[test]
    fn a_rare_event_is_found_in_at_most_ten_pages() {
        let deletion = || Some("post.deleted".to_owned());
        let (_directory, mut conn, delivery) = backlog(500);
        assert_eq!(find(&mut conn, &delivery, None), (deletion(), 6));
        let (_directory, mut conn, delivery) = backlog(5000);
        assert_eq!(find(&mut conn, &delivery, None), (None, 10), "the worker searches on");
        let end = delivery.position + 5001;
        assert_eq!(find(&mut conn, &delivery, Some(end)), (deletion(), 10), "the worker has found it");
    }
}
