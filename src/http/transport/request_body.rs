//! The stream of a request body, held until the response has been sent.
//!
//! A handler may not read a chunked body to its end, for example if the response is 401 or 413. If the payload has been
//! dropped by then, actix-http reads the rest without a limit, as long as the client sends. If the payload still
//! exists, actix-http closes the connection after the response instead. [`HoldingBody`] therefore owns the payload
//! until the response has been sent.
//!
//! Both bodies are counted: the memory of a request body by the [`MemoryBudget`], and that of a response body in small
//! chunks, because actix-http copies a whole chunk into its write buffer.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::web;
use actix_web::web::Bytes;
use futures_util::Stream;
use pin_project_lite::pin_project;

use crate::http::transport::connection_state::{ConnectionState, SendGuard};
use crate::http::transport::memory_budget::{MemoryBudget, Reservation, Share};

/// The maximum length of a chunk of a response body, in bytes. Most pages fit into one chunk.
pub const CHUNK: usize = 32 * 1024;
/// A buffer that collects a request body grows by its length divided by this number.
pub const GROWTH: usize = 4;

/// The body of a request. The handler reads it through a second handle.
#[derive(Clone)]
pub struct RequestBody(Rc<SharedPayload>);

struct SharedPayload {
    body: RefCell<Payload>,
    is_complete: Cell<bool>,
    connection: Option<Rc<ConnectionState>>,
    /// The memory of what the handler has read. Held until the response has been sent.
    memory: RefCell<Option<Reservation>>,
}

impl RequestBody {
    /// Takes the body from the request, and gives the request a handle to it. `None` if the request has no body.
    pub fn hold(request: &mut ServiceRequest) -> Option<Self> {
        let payload = request.take_payload();
        if matches!(payload, Payload::None) {
            return None;
        }
        // A body is read only after its API key was checked.
        let budget = request.app_data::<web::Data<MemoryBudget>>();
        let request_body = Self(Rc::new(SharedPayload {
            body: RefCell::new(payload),
            is_complete: Cell::new(false),
            connection: request.conn_data::<Rc<ConnectionState>>().cloned(),
            memory: RefCell::new(budget.and_then(|budget| budget.reserve(Share::Upload, 0).ok())),
        }));
        request.set_payload(Payload::Stream { payload: Box::pin(request_body.clone()) });
        Some(request_body)
    }

    /// Whether the handler has read the whole body.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.is_complete.get()
    }

    /// Counts a chunk that the handler has received, and the unused part of the buffer that collects the chunks.
    fn count(&self, chunk: &Bytes) -> Result<(), PayloadError> {
        let mut memory = self.0.memory.borrow_mut();
        let counted = memory.as_mut().map_or(Ok(()), |memory| memory.grow(chunk.len() + chunk.len() / GROWTH));
        counted.map_err(|_exhausted| PayloadError::Io(io::ErrorKind::OutOfMemory.into()))
    }
}

/// Whether reading a request body failed because the [`MemoryBudget`] is exhausted.
#[must_use]
pub fn is_out_of_memory(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Io(error) if error.kind() == io::ErrorKind::OutOfMemory)
}

impl Stream for RequestBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let set_reading = |is_reading| {
            if let Some(connection) = &self.0.connection {
                connection.set_reading_body(is_reading);
            }
        };
        set_reading(true);
        let chunk = ready!(Pin::new(&mut *self.0.body.borrow_mut()).poll_next(cx));
        if chunk.is_none() {
            self.0.is_complete.set(true);
            set_reading(false);
        }
        Poll::Ready(chunk.map(|chunk| chunk.and_then(|chunk| self.count(&chunk).map(|()| chunk))))
    }
}

pin_project! {
    /// The body of a response, in chunks of at most [`CHUNK`] bytes. It holds the request body until the response has
    /// been sent.
    pub struct HoldingBody<B> {
        #[pin]
        body: B,
        // The part of the last chunk of `body` that has not been sent.
        rest: Bytes,
        held: Held,
    }
}

/// What a response holds until it has been sent.
#[derive(Default)]
pub struct Held {
    pub request_body: Option<RequestBody>,
    /// The memory of a response body that no [`Reservation`] counts otherwise.
    pub memory: Option<Reservation>,
    pub sending: Option<SendGuard>,
}

impl<B> HoldingBody<B> {
    pub fn new(body: B, held: Held) -> Self {
        Self { body, rest: Bytes::new(), held }
    }
}

impl<B: MessageBody> MessageBody for HoldingBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        let this = self.project();
        if this.rest.is_empty() {
            match ready!(this.body.poll_next(cx)) {
                Some(Ok(chunk)) => *this.rest = chunk,
                end => return Poll::Ready(end),
            }
        }
        Poll::Ready(Some(Ok(this.rest.split_to(CHUNK.min(this.rest.len())))))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_long_body_is_sent_in_chunks() {
        let long = Bytes::from(vec![b'x'; 2 * CHUNK + 1]);
        for (body, lengths) in [(long, vec![CHUNK, CHUNK, 1]), (Bytes::from_static(b"x"), vec![1])] {
            let mut body = std::pin::pin!(HoldingBody::new(body, Held::default()));
            let mut sent = Vec::new();
            while let Some(chunk) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
                sent.push(chunk.unwrap().len());
            }
            assert_eq!(sent, lengths);
        }
    }
}
