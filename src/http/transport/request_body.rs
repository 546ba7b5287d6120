//! What is left of a request's body when it is answered.
//!
//! actix-http reads on what no handler wants any more, if it is chunked: without a bound and for as long as the client
//! likes, also where the answer was 401 or 413. While somebody still holds the body it does not, but closes the
//! connection behind the answer. So the answer holds it.

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

/// A request's body, held beside its handler, which reads it.
#[derive(Clone)]
pub struct RequestBody(Rc<Held>);

struct Held {
    body: RefCell<Payload>,
    is_read: Cell<bool>,
}

impl RequestBody {
    /// `None`: the request has no body.
    pub fn hold(request: &mut ServiceRequest) -> Option<Self> {
        let payload = request.take_payload();
        if matches!(payload, Payload::None) {
            return None;
        }
        let unread = Self(Rc::new(Held { body: RefCell::new(payload), is_read: Cell::new(false) }));
        request.set_payload(Payload::Stream { payload: Box::pin(unread.clone()) });
        Some(unread)
    }

    /// Whether the handler has read all of it.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.0.is_read.get()
    }
}

impl Stream for RequestBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut *self.0.body.borrow_mut()).poll_next(cx);
        self.0.is_read.set(matches!(polled, Poll::Ready(None)));
        polled
    }
}

pin_project! {
    /// The body of an answer, which holds what is left of the request's until it has been sent.
    pub struct Answer<B> {
        #[pin]
        body: B,
        unread: Option<RequestBody>,
    }
}

impl<B> Answer<B> {
    pub fn new(body: B, unread: Option<RequestBody>) -> Self {
        Self { body, unread }
    }
}

impl<B: MessageBody> MessageBody for Answer<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        self.project().body.poll_next(cx)
    }
}
