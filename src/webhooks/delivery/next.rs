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
    let next = database.read_inline(move |conn| find_next(conn, &delivery, due, settled)).await?;
    Ok(next.filter(|_| database.is_still_settled(settled)))
}

/// Examines a bounded number of rows. The worker searches longer ranges, because it continues where it has stopped.
fn find_next(
    conn: &mut Connection,
    delivery: &Delivery,
    due: Option<i64>,
    settled: Settled,
) -> diesel::QueryResult<Option<NextRequest>> {
    if delivery.is_burst() {
        let Some(end) = delivery.burst_end else { return Ok(None) };
        return Ok(of_burst(conn, delivery, end, settled.seq)?.map(|event| NextRequest { event, has_another: false }));
    }
    let mut progress = Progress::new(delivery);
    progress.advance(conn, settled.seq, false)?;
    let found = match progress.pending(delivery, store::clock(conn)?) {
        Pending::Request { end, .. } => Some((end, progress.has_another())),
        _ if progress.has_more(false) => due.map(|due| (due, true)),
        _ => None,
    };
    let Some((seq, has_another)) = found else { return Ok(None) };
    Ok(of_change(conn, seq)?.map(|event| NextRequest { event, has_another }))
}
