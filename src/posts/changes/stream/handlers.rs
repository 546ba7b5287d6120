//! The handler of `/api/changes/stream`.

use std::rc::Rc;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, Version};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::ApiError;
use crate::http::transport::client_ip;
use crate::http::transport::connection_state::ConnectionState;
use crate::posts::changes::stream::events::EventStream;
use crate::posts::changes::stream::open_streams::Streams;
use crate::posts::changes::stream::request;
use crate::posts::changes::stream::request::{LastEventId, StreamParams};

/// Otherwise, nginx would buffer the events. Other proxies buffer them to compress them, which `no-transform` forbids
/// (RFC 9111, section 5.2.2.6).
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform")),
    (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
];

/// Stream changes
///
/// Sends the changes of public posts as server-sent events while the connection is open. An event has the `type` of the
/// change as `event`, and an item of `/api/changes` without `post` as `data`. Its `id` is a cursor of `/api/changes`. A
/// client that reconnects with `Last-Event-ID` receives each event once. If the service no longer knows this id, it
/// sends the event `reset`: then read `/api/changes` without a cursor.
#[utoipa::path(
    get, path = "/api/changes/stream", tag = "posts", params(StreamParams, LastEventId),
    responses((
        status = 200, description = "Events, until either side closes the connection",
        content_type = "text/event-stream", body = String,
    )),
)]
pub async fn stream_changes(request: HttpRequest, streams: web::Data<Streams>) -> Result<HttpResponse, ApiError> {
    let position = request::position(&request)?;
    let events = EventStream::open(&streams, client_ip::address(&request), position).await?;
    let mut response = HttpResponse::Ok();
    for (name, value) in HEADERS {
        response.insert_header((name, value));
    }
    if request.method() == Method::HEAD {
        // actix-http would wait for the end of the body.
        return Ok(response.body(actix_http::body::None::new()));
    }
    let connection = request.conn_data::<Rc<ConnectionState>>().cloned();
    if let Some(connection) = &connection {
        connection.begin_live_response(streams.is_stopping());
    }
    Ok(without_chunks_for_http10(request.version(), response.streaming(events.into_stream(connection))))
}

/// HTTP/1.0 has no chunks (RFC 9112, section 6.1): there, the body ends with the connection.
fn without_chunks_for_http10(version: Version, mut response: HttpResponse) -> HttpResponse {
    if version < Version::HTTP_11 {
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}
