//! PostgreSQL only: several instances, replicas, failovers, poolers, TLS, external writers, SQLSTATEs, read-only
//! sessions, servers without ICU, statement counts, kept plans and updates.

mod external_writers;
#[cfg(target_os = "linux")]
mod high_availability;
mod kept_plans;
mod kept_updates;
mod multiple_instances;
mod pooler;
pub(crate) mod read_only;
mod replica;
mod replica_health;
mod sqlstates;
mod statement_counts;
mod tls;
mod url_forms;
mod without_icu;
