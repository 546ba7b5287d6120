//! The handler of `/api/changes/stream`.

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::ApiError;
use crate::http::transport::connection_state::ConnectionState;
use crate::posts::changes::stream::events::EventStream;
use crate::posts::changes::stream::open_streams::Streams;
use crate::posts::changes::stream::request;
use crate::posts::changes::stream::request::{LastEventId, StreamParams};

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// nginx would otherwise collect the events in a buffer.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const NO: HeaderValue = HeaderValue::from_static("no");

/// Stream changes
///
/// Sends the changes of public posts as server-sent events while the connection is open. An event has the `type` of the
/// change as `event`, and an item of `/api/changes` without `post` as `data`. Its `id` is a cursor of `/api/changes`. A
/// client that reconnects with `Last-Event-ID` receives each event once. If the service no longer knows that id, the
/// event `reset` says so: read `/api/changes` without a cursor then.
#[utoipa::path(
    get, path = "/api/changes/stream", tag = "posts", params(StreamParams, LastEventId),
    responses((
        status = 200, description = "Events, until either side closes the connection", content_type = "text/event-stream",
        body = String,
    )),
)]
pub async fn stream_changes(request: HttpRequest, streams: web::Data<Streams>) -> Result<HttpResponse, ApiError> {
    let events = EventStream::open(&streams, request::position(&request)?).await?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, EVENT_STREAM))
        .insert_header((header::CACHE_CONTROL, NO_STORE))
        .insert_header((X_ACCEL_BUFFERING, NO));
    if request.method() == Method::HEAD {
        // actix-http would wait for the end of the body.
        return Ok(response.body(actix_http::body::None::new()));
    }
    if let Some(connection) = request.conn_data::<Rc<ConnectionState>>() {
        connection.begin_live_response();
    }
    Ok(response.streaming(events.into_stream()))
}
