//! One post or a batch of posts: create, read, update, publish, schedule, delete.

mod aliases;
mod backend_parity;
mod batch;
mod conditional_requests;
mod crud;
mod excerpts;
mod field_limits;
mod field_tags;
mod field_values;
mod fields;
mod idempotency;
mod preconditions;
mod put_histories;
mod schedule;
mod slugs;
mod sql_slugs;
mod tag_histories;
mod unchanged;
mod upsert;
