//! The event stream: the changes of public posts as server-sent events (HTML standard, section "Server-sent events").
//!
//! Nothing is broadcast, and no client has a queue. Each stream remembers the position that its client has received:
//!
//! 1. It reads a page of the log after its position. All streams at the same position share one read and its result
//!    (`pages`).
//! 2. At the end of the log, it waits until [`Database::watch_changes`](crate::db::Database::watch_changes) reports a
//!    change, and reads again.
//! 3. While the client reads nothing, actix-http does not poll the stream, so it holds at most one page.
//!
//! The `id` of an event is the cursor of its row in the log. A client that reconnects sends the last one as
//! `Last-Event-ID`, to any instance.

mod events;
mod frames;
pub mod handlers;
pub mod open_streams;
mod pages;
mod request;
