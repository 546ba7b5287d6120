//! The promises of the API, tried over a real socket on both databases.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking, and so may what stands beside it"
)]

mod documents;
mod faults;
mod http;
mod keys;
mod lists;
mod operations;
mod postgres;
mod posts;
mod security;
mod sqlite;
mod support;
mod transfer;
