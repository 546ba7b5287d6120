//! `posts-api doctor`.

use std::fmt::Write;
use std::process::ExitCode;

use posts_api::config::{Config, ConfigError};
use posts_api::ops::doctor;
use posts_api::ops::doctor::{Check, State};
use serde_json::json;

use crate::cli::{Result, logging, print};

/// Prints what is wrong and what is well, a line each. The exit code is 0 where nothing is wrong.
pub(crate) fn doctor(config: std::result::Result<Config, ConfigError>, as_json: bool) -> Result<ExitCode> {
    let config = config
        .map_err(|error| error.to_string())
        .and_then(|config| logging::start(&config).map(|exports| (config, exports)));
    let checks = match &config {
        Ok((config, _exports)) => {
            let mut checks = vec![Check::of_settings(None, &config.warnings)];
            checks.extend(doctor::examine(config));
            checks
        }
        Err(problem) => vec![Check::of_settings(Some(problem), &[])],
    };
    let is_well = checks.iter().all(|check| check.state != State::Wrong);
    if as_json {
        print(&format!("{}\n", json!({"ok": is_well, "checks": checks})))?;
    } else {
        print(&lines(&checks)?)?;
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn lines(checks: &[Check]) -> std::result::Result<String, std::fmt::Error> {
    let mut text = String::new();
    for Check { name, state, says } in checks {
        let state = match state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Wrong => "WRONG",
        };
        writeln!(text, "{state:<8} {name:<12} {says}")?;
    }
    Ok(text)
}
