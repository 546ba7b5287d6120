//! [`RequestContext`]: the request ID and the tracing span that database work belongs to.
//!
//! Queries run on other threads than the request. The context is passed to those threads, so that slow-query logs and
//! spans contain the request ID.

use std::sync::Arc;

use tracing::{Instrument, Span};

tokio::task_local! {
    static REQUEST_ID: Arc<str>;
}

/// Runs `future` with this request ID, which slow-query logs include.
pub async fn with_request_id<F: Future>(id: &str, future: F) -> F::Output {
    REQUEST_ID.scope(id.into(), future).await
}

/// A request ID and a span, captured to be used by another task or thread.
#[derive(Clone)]
pub struct RequestContext {
    request_id: Option<Arc<str>>,
    span: Span,
}

impl RequestContext {
    /// Captures the caller's request ID and current span.
    #[must_use]
    pub fn current() -> Self {
        Self::in_span(&Span::current())
    }

    /// Captures the caller's request ID with `span` in place of the current one.
    pub(crate) fn in_span(span: &Span) -> Self {
        Self { request_id: request_id(), span: span.clone() }
    }

    /// Runs `future` in this context. For futures that another task polls.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        let future = future.instrument(self.span);
        match self.request_id {
            Some(id) => REQUEST_ID.scope(id, future).await,
            None => future.await,
        }
    }

    /// Wraps `body` so that it runs in this context on any thread.
    pub(crate) fn wrap<C, T, E>(
        self,
        body: impl FnOnce(&mut C) -> Result<T, E>,
    ) -> impl FnOnce(&mut C) -> Result<T, E> {
        let Self { request_id, span } = self;
        move |conn| {
            span.in_scope(|| match request_id {
                Some(id) => REQUEST_ID.sync_scope(id, || body(conn)),
                None => body(conn),
            })
        }
    }
}

/// The ID of the request that the caller works for.
pub(crate) fn request_id() -> Option<Arc<str>> {
    REQUEST_ID.try_with(Arc::clone).ok()
}
