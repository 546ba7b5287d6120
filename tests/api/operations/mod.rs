//! Running the program: startup, settings, shutdown, health, metrics, logs, traces, doctor, backup.

mod backup;
mod doctor;
mod health;
mod logs;
pub(crate) mod metrics;
mod migrations;
mod schema;
mod sentry;
mod settings;
mod shutdown;
mod startup;
mod traces;
