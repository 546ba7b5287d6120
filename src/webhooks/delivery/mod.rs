//! Delivers the changes of public posts to webhooks.
//!
//! Every instance runs the worker. A webhook is a position in the log and a lease: the instance that holds the lease
//! sends the next request and moves the position.
//!
//! 1. `worker` waits for changes and due times, and determines with `progress` which webhooks are due.
//! 2. `task` claims a due webhook, sends its requests one after the other, and stores each outcome (`store`).
//! 3. A failed request is sent again after the time that `retry` determines.
//!
//! No transaction is open while a request is sent. See docs/design/webhooks.md.

mod control;
mod event;
pub mod inspect;
mod model;
mod next;
mod progress;
mod retry;
mod stats;
pub mod store;
mod task;
mod worker;

pub use control::Deliveries;
pub use stats::DeliveryStats;

use crate::db::Database;
use crate::webhooks::send::Sender;

/// Starts the worker. Call it within an actix runtime.
#[must_use]
pub fn start(database: Database, sender: Sender) -> Deliveries {
    let deliveries = Deliveries::new();
    actix_web::rt::spawn(worker::Worker::new(database, sender, deliveries.clone()).run());
    deliveries
}
