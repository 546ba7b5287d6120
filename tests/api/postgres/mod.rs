//! PostgreSQL only: several instances, replicas, poolers, TLS, external writers, SQLSTATEs, read-only sessions,
//! statement counts.

mod external_writers;
mod multiple_instances;
mod pooler;
pub(crate) mod read_only;
mod replica;
mod replica_health;
mod sqlstates;
mod statement_counts;
mod tls;
