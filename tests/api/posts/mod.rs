//! One post or a batch of posts: create, read, update, publish, schedule, delete.

mod aliases;
mod backend_parity;
mod batch;
mod conditional_requests;
mod crud;
mod excerpts;
mod fields;
mod idempotency;
mod preconditions;
mod schedule;
mod slugs;
mod sql_slugs;
mod tag_histories;
mod upsert;
