//! Sends signed requests to the URLs that administrators enter.
//!
//! An administrator of the posts need not be trusted with the network of the service. So a request is sent only to public
//! addresses, and to the networks of `WEBHOOK_NETWORKS`. The addresses are checked where the connection is made
//! (`resolver`), so that a DNS server cannot answer the check and the connection differently. This module knows neither the
//! database nor posts. See docs/design/webhooks.md.

mod client;
mod limits;
mod networks;
mod resolver;
mod response;
mod signature;
pub mod target;

pub use client::{AttemptResult, OutgoingRequest, Sender};
pub use networks::Networks;
pub use signature::is_valid_secret;
