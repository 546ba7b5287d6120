//! The promises of the API, tried over a real socket on both databases.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking, and so may what stands beside it"
)]

mod agreement;
mod audit;
mod backup;
mod batch;
mod bodies;
mod busy;
mod caching;
mod conditional;
mod cors;
mod deadline;
mod deadlines;
mod docs;
mod doctor;
mod errors;
mod failures;
mod foreign;
mod freshness;
mod headers;
mod health;
mod idempotency;
mod instances;
mod key_life;
mod keys;
mod kill;
mod leaks;
mod leaks_warm;
mod limits;
mod list;
mod listing;
mod logs;
mod metrics;
mod migrations;
mod openapi;
mod other_programs;
mod overload;
mod pages;
mod panics;
mod plans;
mod pooler;
mod posts;
mod put;
mod readme;
mod replica;
mod restart;
mod resume;
mod roles;
mod routes;
mod schedule;
mod schema;
mod search;
mod secrets;
mod settings;
mod shapes;
mod slugs;
mod sql_slugs;
mod startup;
mod statements;
mod stop;
mod storage;
mod support;
mod tls;
mod traces;
mod transfer;
mod transfer_keys;
mod wal;
mod wire;
mod writes;
