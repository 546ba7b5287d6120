//! The stream of a request body, held until the response has been sent.
//!
//! A handler may not read a chunked body to its end, for example if the response is 401 or 413. If the payload has been
//! dropped by then, actix-http reads the rest without a limit, as long as the client sends. If the payload still
//! exists, actix-http closes the connection after the response instead. [`HoldingBody`] therefore owns the payload
//! until the response has been sent.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;
use pin_project_lite::pin_project;

/// The body of a request. The handler reads it through a second handle.
#[derive(Clone)]
pub struct RequestBody(Rc<SharedPayload>);

struct SharedPayload {
    body: RefCell<Payload>,
    is_complete: Cell<bool>,
}

impl RequestBody {
    /// Takes the body from the request, and gives the request a handle to it. `None` if the request has no body.
    pub fn hold(request: &mut ServiceRequest) -> Option<Self> {
        let payload = request.take_payload();
        if matches!(payload, Payload::None) {
            return None;
        }
        let request_body = Self(Rc::new(SharedPayload { body: RefCell::new(payload), is_complete: Cell::new(false) }));
        request.set_payload(Payload::Stream { payload: Box::pin(request_body.clone()) });
        Some(request_body)
    }

    /// Whether the handler has read the whole body.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.is_complete.get()
    }
}

impl Stream for RequestBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = Pin::new(&mut *self.0.body.borrow_mut()).poll_next(cx);
        self.0.is_complete.set(matches!(chunk, Poll::Ready(None)));
        chunk
    }
}

pin_project! {
    /// The body of a response. It holds the request body until the response has been sent.
    pub struct HoldingBody<B> {
        #[pin]
        body: B,
        request_body: Option<RequestBody>,
    }
}

impl<B> HoldingBody<B> {
    pub fn new(body: B, request_body: Option<RequestBody>) -> Self {
        Self { body, request_body }
    }
}

impl<B: MessageBody> MessageBody for HoldingBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        self.project().body.poll_next(cx)
    }
}
