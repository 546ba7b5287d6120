//! [`Database::endpoint_status`]: whether the primary and the replica respond, for metrics.

use std::time::Duration;

use crate::db::database::Database;
use crate::db::error::Error;
use crate::db::stats::EndpointStatus;

/// The timeout of [`Database::endpoint_status`].
const STATUS_TIMEOUT: Duration = Duration::from_secs(3);

impl Database {
    /// Checks whether each endpoint responds, within 3 seconds. If the primary's pool is busy, the primary counts as up
    /// while the change poller still polls it. The replica counts as up while it is healthy.
    pub async fn endpoint_status(&self) -> Vec<EndpointStatus> {
        let is_up = match tokio::time::timeout(STATUS_TIMEOUT, self.ping()).await {
            Ok(Ok(())) => true,
            // All connections are in use, either by slow queries or because the database hangs. The poller has a
            // connection of its own, so its polls distinguish the two cases.
            Ok(Err(Error::Busy(_))) | Err(_) => self.revision().is_some(),
            Ok(Err(_)) => false,
        };
        let replica = self.is_replica_healthy().map(|is_up| EndpointStatus { name: "replica", is_up });
        [EndpointStatus { name: "primary", is_up }].into_iter().chain(replica).collect()
    }
}
