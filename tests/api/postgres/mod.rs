//! PostgreSQL only: several instances, replicas, poolers, TLS, external writers, statement counts.

mod external_writers;
mod multiple_instances;
mod pooler;
mod replica;
mod replica_health;
mod statement_counts;
mod tls;
mod url_forms;
