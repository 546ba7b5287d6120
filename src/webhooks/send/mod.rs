//! Sends signed requests to the URLs that administrators enter.
//!
//! An administrator of posts may have no right to access the network of the service. Therefore, requests are sent only
//! to public addresses and to the networks of `WEBHOOK_NETWORKS`. The client connects to the addresses that `resolver`
//! has checked, so a DNS server cannot return other addresses for the connection. This module knows neither the
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
