//! Injected faults: kills, restarts, overload, hangs, slow clients, panics, full disks.

mod busy_database;
mod database_deadline;
pub(crate) mod full_disk;
mod hung_connections;
mod kill;
mod long_reads;
mod overload;
mod panics;
mod postgres_restart;
mod runbook;
mod short_searches;
mod slow_clients;
mod stalled_readers;
mod unreplicated_commit;
