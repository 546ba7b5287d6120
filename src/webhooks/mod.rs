//! Webhooks: requests that the service sends when public posts change, and the routes that manage them.
//!
//! A webhook is a position in the log of changes. This module does not know how a change gets into the log.
