//! Tests of the API over a real socket, on SQLite and PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail by panicking"
)]

mod changes;
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
mod tags_and_authors;
mod transfer;
mod webhooks;
