//! PostgreSQL only: several instances, replicas, failovers, poolers, TLS, external writers, servers
//! without ICU, statement counts.

mod external_writers;
#[cfg(target_os = "linux")]
mod high_availability;
mod multiple_instances;
mod pooler;
mod replica;
mod replica_health;
mod statement_counts;
mod tls;
mod without_icu;
