//! The command line: parses arguments and settings, then runs one command.

mod cli;

use std::io::Write;
use std::process::ExitCode;

use posts_api::config::Settings;
use posts_api::escape::escape;
use posts_api::{db, openapi, routes};

use cli::command_line::{Command, parse, print_report};
use cli::logging::LogMode;
use cli::output::{is_broken_pipe, output_error, print};
use cli::{Result, backup, doctor, keys, logging, manual, migrate, serve, webhooks};

/// mimalloc, because responses consist of many small strings and one large one. glibc's allocator makes too many system
/// calls for this pattern.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = match parse() {
        Ok((settings, command)) => run(settings, command),
        Err(report) => print_report(&report).map(ExitCode::from).map_err(output_error),
    };
    match result {
        Ok(code) => code,
        // The program that reads the output, such as `head`, has closed the pipe. This is not an error.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // Some libraries return multi-line messages.
            let line = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(std::io::stderr(), "error: {}", escape(&line));
            ExitCode::FAILURE
        }
    }
}

fn run(settings: Settings, command: Command) -> Result<ExitCode> {
    match command {
        Command::Openapi => print(&openapi::to_json(&routes::document())?)?,
        Command::Completions { shell } => manual::completions(shell)?,
        Command::Man { dir } => manual::man(dir.as_deref())?,
        command => return run_with_settings(settings, command),
    }
    Ok(ExitCode::SUCCESS)
}

fn run_with_settings(settings: Settings, command: Command) -> Result<ExitCode> {
    let config = settings.load();
    // This command runs even if a setting is invalid, and reports the error.
    if let Command::Doctor { json } = command {
        return doctor::doctor(config, json);
    }
    let config = config?;
    let is_server = matches!(command, Command::Serve { .. });
    let _guards = logging::start(&config, if is_server { LogMode::NonBlocking } else { LogMode::Blocking })?;
    if let Some(file) = &config.env_file {
        tracing::debug!("{file}");
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if let Some(threshold) = config.slow_query {
        db::log_slow_queries(threshold);
    }
    match command {
        Command::Serve { no_migrate } => serve::serve(&config, no_migrate)?,
        Command::Migrate => migrate::migrate(&config)?,
        Command::Keys { command } => return keys::run(&config, command),
        Command::Webhooks { command } => return webhooks::run(&config, command),
        Command::Import(import) => return import.run(&config),
        Command::Export(export) => export.run(&config)?,
        Command::Backup { file, overwrite } => backup::backup(&config, &file, overwrite)?,
        Command::Openapi | Command::Completions { .. } | Command::Man { .. } | Command::Doctor { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}
