//! `posts-api doctor`.

use std::fmt::Write;
use std::process::ExitCode;

use posts_api::config::{Config, ConfigError};
use posts_api::escape::{escape, escape_json};
use posts_api::ops::doctor;
use posts_api::ops::doctor::{Check, Status};
use serde_json::json;

use crate::cli::logging::LogMode;
use crate::cli::output::{is_broken_pipe, print};
use crate::cli::{Result, logging};

/// Prints one line per check, or a JSON object. The exit status is 1 if a check failed.
pub(crate) fn doctor(config: std::result::Result<Config, ConfigError>, as_json: bool) -> Result<ExitCode> {
    let config = config
        .map_err(|error| error.to_string())
        .and_then(|config| logging::start(&config, LogMode::Blocking).map(|exporters| (config, exporters)));
    let checks = match &config {
        Ok((config, _exporters)) => {
            let mut checks = vec![Check::of_settings(Ok(config))];
            checks.extend(doctor::run_checks(config));
            checks
        }
        Err(error) => vec![Check::of_settings(Err(error))],
    };
    let is_ok = checks.iter().all(|check| check.status != Status::Error);
    let text =
        if as_json { escape_json(&format!("{}\n", json!({"ok": is_ok, "checks": checks}))) } else { lines(&checks)? };
    match print(&text) {
        // The exit status is the result, even if the reader needs only the first lines.
        Err(error) if !is_broken_pipe(&*error) => Err(error),
        _ if is_ok => Ok(ExitCode::SUCCESS),
        _ => Ok(ExitCode::FAILURE),
    }
}

fn lines(checks: &[Check]) -> std::result::Result<String, std::fmt::Error> {
    let mut text = String::new();
    for Check { name, status, message } in checks {
        let status = match status {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Error => "ERROR",
        };
        writeln!(text, "{status:<8} {name:<12} {}", escape(message))?;
    }
    Ok(text)
}
