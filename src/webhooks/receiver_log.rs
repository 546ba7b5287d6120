//! Logs the receivers of webhooks in the audit log: only scheme and host of a URL.

use std::sync::{Arc, OnceLock};

use crate::webhooks::model::Webhook;
use crate::webhooks::responses::CreatedWebhook;
use crate::webhooks::send::target::origin_of;

/// Logs that a client has set the URL of a webhook.
pub(crate) fn log_receiver(webhook: &Webhook) {
    log(webhook.id, &origin_of(&webhook.url));
}

fn log(webhook: i64, receiver: &str) {
    tracing::info!(target: "audit", webhook, receiver, "webhook receiver set");
}

/// The receiver of a webhook that is being created. It is logged after the transaction has been committed.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewReceiver(Arc<OnceLock<(i64, String)>>);

impl NewReceiver {
    /// Stores the receiver, and then renders the webhook.
    pub(crate) fn before<T>(
        self,
        render: impl FnOnce(CreatedWebhook) -> T + Send + 'static,
    ) -> impl FnOnce(CreatedWebhook) -> T + Send + 'static {
        move |created| {
            self.0.get_or_init(|| (created.webhook.id, origin_of(&created.webhook.url)));
            render(created)
        }
    }

    /// Logs nothing if the response is that of an earlier request.
    pub(crate) fn log(&self) {
        if let Some((webhook, receiver)) = self.0.get() {
            log(*webhook, receiver);
        }
    }
}
