//! Self-diagnosis: checks the settings, limits, the database, and the disk, and suggests a fix for each problem. It
//! writes nothing to the database.

mod changes;
mod database;
mod files;
mod streams;
mod webhooks;

use serde::Serialize;

use crate::config::Config;
use crate::db::DatabaseUrl;

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub status: Status,
    /// One line. States the problem and the fix.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// The service works, but something should be fixed.
    Warning,
    /// The service cannot start, or requests fail.
    Error,
}

impl Check {
    fn new(name: &'static str, status: Status, message: impl Into<String>) -> Self {
        Self { name, status, message: one_line(&message.into()) }
    }

    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, message)
    }

    fn warning(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Status::Warning, message)
    }

    fn error(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Status::Error, message)
    }

    /// The check of the settings. The error is the reason why they are invalid.
    #[must_use]
    pub fn of_settings(config: Result<&Config, &str>) -> Self {
        const NAME: &str = "settings";
        let config = match config {
            Ok(config) => config,
            Err(error) => return Self::error(NAME, error),
        };
        let file = config.env_file.as_ref().map(|file| format!("; {file}")).unwrap_or_default();
        match config.warnings.as_slice() {
            [] => Self::ok(NAME, format!("all settings are valid{file}")),
            warnings => Self::warning(NAME, format!("{}{file}", warnings.join("; "))),
        }
    }
}

/// Joins the lines of a message, because messages of libpq and SQLite can have several.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Runs all checks. Omits those that depend on a failed check.
#[must_use]
pub fn run_checks(config: &Config) -> Vec<Check> {
    let mut checks = vec![streams::check(config)];
    if let DatabaseUrl::Sqlite { path } = &config.database {
        files::run_checks(path, &mut checks);
    }
    // If the file check failed, SQLite cannot open the database either, and its message is less clear.
    if checks.iter().all(|check| (check.name, check.status) != (files::FILE, Status::Error)) {
        database::run_checks("database", config, &mut checks);
    }
    checks.extend(database::check_endpoints(&config.database, &config.endpoints));
    checks
}
