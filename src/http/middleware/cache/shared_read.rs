//! [`SharedRead`]: a read in progress whose result several requests wait for.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use tokio::sync::oneshot;

use crate::db::RequestContext;
use crate::http::ApiError;

pub(super) type ReadResult<V> = Result<Arc<V>, ApiError>;

/// Completes with the result of the read.
pub(super) struct SharedRead<V>(Shared<oneshot::Receiver<ReadResult<V>>>);

/// Does not keep the read alive.
pub(super) struct WeakRead<V>(WeakShared<oneshot::Receiver<ReadResult<V>>>);

impl<V> WeakRead<V> {
    /// `None` if no request waits for the read.
    pub(super) fn upgrade(&self) -> Option<SharedRead<V>> {
        self.0.upgrade().map(SharedRead)
    }
}

/// Where a read that has been announced sends its result.
pub(super) struct ResultSender<V>(oneshot::Sender<ReadResult<V>>);

impl<V: Send + Sync + 'static> SharedRead<V> {
    /// Announces a read, so that requests can wait for it before it starts.
    pub(super) fn announce() -> (ResultSender<V>, Self) {
        let (sender, receiver) = oneshot::channel();
        (ResultSender(sender), Self(receiver.shared()))
    }

    pub(super) fn downgrade(&self) -> Option<WeakRead<V>> {
        self.0.downgrade().map(WeakRead)
    }

    /// # Errors
    /// Those of the read.
    pub(super) async fn result(self) -> ReadResult<V> {
        self.0.await.unwrap_or_else(|_| Err(ApiError::Internal { cause: "the read panicked".into() }))
    }
}

impl<V: Send + Sync + 'static> ResultSender<V> {
    /// Starts the read, in the context of this request. The read continues if this request is canceled, and stops when
    /// all waiting requests have been canceled. `finish` gets the result before the requests do; it is dropped if there
    /// is none.
    pub(super) fn start(
        self,
        read: impl Future<Output = Result<V, ApiError>> + 'static,
        finish: impl FnOnce(&ReadResult<V>) + 'static,
    ) {
        let Self(mut sender) = self;
        actix_web::rt::spawn(RequestContext::current().run(async move {
            let result = tokio::select! {
                result = read => result.map(Arc::new),
                () = sender.closed() => return,
            };
            finish(&result);
            // Fails if all waiting requests have been canceled.
            let _ = sender.send(result);
        }));
    }
}
