//! [`Deliveries`]: controls the worker of an instance.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::webhooks::delivery::stats::DeliveryStats;

/// Longer than any request takes.
const FINISH_TIMEOUT: Duration = Duration::from_secs(20);

/// Controls the worker of an instance. Clones share it.
#[derive(Debug, Clone)]
pub struct Deliveries {
    pub(super) stats: Arc<DeliveryStats>,
    pub(super) wake: Arc<Notify>,
    pub(super) stopping: watch::Sender<bool>,
    pub(super) finished: watch::Sender<bool>,
}

impl Deliveries {
    pub(super) fn new() -> Self {
        Self {
            stats: Arc::default(),
            wake: Arc::default(),
            stopping: watch::Sender::new(false),
            finished: watch::Sender::new(false),
        }
    }

    #[must_use]
    pub fn stats(&self) -> &DeliveryStats {
        &self.stats
    }

    /// Makes the worker check the webhooks now. Call this after a change of a webhook.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Starts no further request. Requests in progress end within 16 seconds.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until the requests in progress have ended and their leases are released, after [`Deliveries::stop`]. Waits
    /// at most 20 seconds, in case the database does not respond.
    pub async fn finished(&self) {
        let mut finished = self.finished.subscribe();
        let _ = tokio::time::timeout(FINISH_TIMEOUT, finished.wait_for(|is_finished| *is_finished)).await;
    }
}
