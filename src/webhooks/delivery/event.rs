//! The requests of deliveries: their ids and bodies.

use diesel::QueryResult;
use serde::Serialize;

use crate::db::{Connection, Timestamp};
use crate::posts::changes::outbox::{change_at, count_changes, marks_from, public_summary};
use crate::posts::changes::params::cursor_after;
use crate::posts::changes::query::LogRowId;
use crate::posts::model::PostSummary;
use crate::webhooks::delivery::model::Delivery;

/// The type of the event of a burst.
const BURST: &str = "posts.changed";

/// An event to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutgoingEvent {
    /// The position after the delivery.
    pub(crate) end: i64,
    /// `webhook-id`, which is also a cursor of the change feed.
    pub(crate) id: String,
    pub(crate) event_type: String,
    pub(crate) body: Vec<u8>,
}

#[derive(Serialize)]
struct Payload<'a, T> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: T,
}

#[derive(Serialize)]
struct ChangeData {
    id: i64,
    slug: String,
    former_slug: Option<String>,
    version: i64,
    post: Option<PostSummary>,
}

#[derive(Serialize)]
struct BurstData {
    count: i64,
    cursor: String,
}

/// The event of the change at this position. `None` if the log no longer contains it.
pub(crate) fn of_change(conn: &mut Connection, seq: i64) -> QueryResult<Option<OutgoingEvent>> {
    let Some(change) = change_at(conn, seq)? else { return Ok(None) };
    let post = if change.change.is_public() { public_summary(conn, change.post_id)? } else { None };
    // If another post has got the id of a deleted one, its versions start over, and its changes have their own events.
    let post = post.filter(|post| post.version >= change.version);
    let slug = post.as_ref().map_or(change.slug, |post| post.slug.clone());
    let version = post.as_ref().map_or(change.version, |post| post.version);
    let former_slug = change.old_slug.filter(|old| *old != slug);
    let event_type = change.change.as_str().to_owned();
    let data = ChangeData { id: change.post_id, slug, former_slug, version, post };
    let body = body(&event_type, change.id.at, data)?;
    Ok(Some(OutgoingEvent { end: seq, id: cursor(change.id)?, event_type, body }))
}

/// The event of the burst up to `end`. If retention has deleted that row, the burst extends to the oldest one after it.
pub(crate) fn of_burst(
    conn: &mut Connection,
    delivery: &Delivery,
    end: i64,
    settled: i64,
) -> QueryResult<Option<OutgoingEvent>> {
    let Some(last) = marks_from(conn, end, settled.max(end))?.into_iter().next().map(|row| row.id) else {
        return Ok(None);
    };
    let (id, end) = (cursor(last)?, last.seq);
    let body = if let Some(body) = &delivery.config.body {
        body.as_str().as_bytes().to_vec()
    } else {
        let count = count_changes(conn, delivery.position, end, &delivery.filter().types)?;
        body(BURST, last.at, BurstData { count, cursor: id.clone() })?
    };
    Ok(Some(OutgoingEvent { end, id, event_type: BURST.to_owned(), body }))
}

fn cursor(row: LogRowId) -> QueryResult<String> {
    cursor_after(row).map_err(|error| diesel::result::Error::DeserializationError(error.to_string().into()))
}

fn body(event_type: &str, timestamp: Timestamp, data: impl Serialize) -> QueryResult<Vec<u8>> {
    serde_json::to_vec(&Payload { r#type: event_type, timestamp, data })
        .map_err(|error| diesel::result::Error::SerializationError(error.into()))
}
