//! Running the program: startup, settings, shutdown, health, metrics, logs, traces, doctor, backup.

mod backup;
mod broken_output;
mod certificate_file;
mod command_line;
mod dashboard;
pub(crate) mod doctor;
mod doctor_postgres;
mod env_file;
mod health;
mod log_pipe;
mod logs;
pub(crate) mod metrics;
mod metrics_database;
mod migrations;
mod restore_drill;
mod schema;
mod sentry;
mod sentry_malformed_requests;
mod settings;
mod shutdown;
mod startup;
mod traces;
