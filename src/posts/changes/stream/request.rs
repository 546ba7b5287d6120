//! Where an event stream begins: `Last-Event-ID`, or the query string.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName};
use utoipa::IntoParams;

use crate::http::ApiError;
use crate::http::extract::query::{invalid_parameter, query_params};
use crate::posts::changes::params::FeedCursors;
use crate::posts::changes::query::{FeedPosition, LogRowId};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

query_params! {
    /// The parameters of the event stream.
    pub(crate) struct StreamParams {
        /// The `id` of an event, or the `cursor` of a page of `/api/changes`, after which the stream begins. If omitted
        /// or `now`, the stream begins with the next change. `Last-Event-ID` takes precedence.
        #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
        cursor: Option<String>,
    }
}

/// `Last-Event-ID` of a client that reconnects.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct LastEventId {
    /// The `id` of the last event that the client has received. Browsers send it when they reconnect.
    #[param(rename = "Last-Event-ID", value_type = String, required = false, pattern = "^[A-Za-z0-9_-]*$")]
    #[expect(dead_code, reason = "describes the header, which `position` reads")]
    value: Option<String>,
}

/// The row after which the stream begins. `None` for the end of the log.
///
/// # Errors
/// A parameter is unknown or repeated, the header is repeated, or the cursor is damaged, or belongs to a list or to the
/// first walk of the feed.
pub(super) fn position(request: &HttpRequest) -> Result<Option<LogRowId>, ApiError> {
    let params = StreamParams::parse(request.query_string())?;
    let cursors = FeedCursors::new()?;
    let FeedPosition { row, walked_id } = match (last_event_id(request.headers())?, params.cursor.as_deref()) {
        (Some(id), _) => cursors.parse(id)?,
        (None, None | Some("now")) => return Ok(None),
        (None, Some(cursor)) => cursors.parse(cursor)?,
    };
    if walked_id.is_some() {
        let message =
            "must not belong to the first pages of /api/changes, which list all posts; read these to their end";
        return Err(invalid_parameter("cursor", message));
    }
    Ok(Some(row))
}

/// An empty header means that no event has been received (HTML standard, section "The `Last-Event-ID` header").
fn last_event_id(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut values = headers.get_all(LAST_EVENT_ID);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ApiError::InvalidHeader { name: "Last-Event-ID", message: "must not be repeated" });
    }
    let value = value.to_str().map_err(|_| ApiError::InvalidCursor)?.trim();
    Ok((!value.is_empty()).then_some(value))
}
