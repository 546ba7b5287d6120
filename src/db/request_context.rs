//! For which request the database works. Queries run on threads of their own, and take with them what is told of them
//! there.

use std::sync::Arc;

use tracing::{Instrument, Span};

tokio::task_local! {
    static REQUEST: Arc<str>;
}

/// Runs what is done for the request with this id, which is told with its slow queries.
pub async fn with_request_id<F: Future>(id: &str, work: F) -> F::Output {
    REQUEST.scope(id.into(), work).await
}

/// Where it is called from, for work that goes on elsewhere.
#[derive(Clone)]
pub struct RequestContext {
    request: Option<Arc<str>>,
    span: Span,
}

impl RequestContext {
    #[must_use]
    pub fn current() -> Self {
        Self::in_span(&Span::current())
    }

    /// The same, in a span that has begun.
    pub(crate) fn in_span(span: &Span) -> Self {
        Self { request: request(), span: span.clone() }
    }

    /// Takes it along with a task.
    pub async fn run<F: Future>(self, work: F) -> F::Output {
        let work = work.instrument(self.span);
        match self.request {
            Some(request) => REQUEST.scope(request, work).await,
            None => work.await,
        }
    }

    /// Takes it along to a connection's thread.
    pub(crate) fn wrap<C, T, E>(
        self,
        body: impl FnOnce(&mut C) -> Result<T, E>,
    ) -> impl FnOnce(&mut C) -> Result<T, E> {
        let Self { request, span } = self;
        move |conn| {
            span.in_scope(|| match request {
                Some(request) => REQUEST.sync_scope(request, || body(conn)),
                None => body(conn),
            })
        }
    }
}

/// The id of the request that the caller works for.
pub(crate) fn request() -> Option<Arc<str>> {
    REQUEST.try_with(Arc::clone).ok()
}
