//! The command line: parses arguments and settings, then runs one command.

mod cli;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use posts_api::config::{Config, Settings, environment};
use posts_api::db::{Connection, migrations};
use posts_api::transfer::Contents;
use posts_api::{db, openapi, routes};

use cli::keys::KeysCommand;
use cli::{Result, backup, doctor, import_export, keys, logging, print, serve};

/// Responses consist of many small strings and one large one, for which glibc's allocator calls the kernel too often.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The posts backend for any frontend: a JSON REST API on SQLite or PostgreSQL.
#[derive(Parser)]
#[command(version)]
struct CommandLine {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API; this is what happens without a command.
    Serve {
        /// Stop with an error where migrations are pending, instead of applying them.
        #[arg(long)]
        no_migrate: bool,
    },
    /// Apply the pending migrations and stop.
    Migrate,
    /// Make, list and revoke API keys, directly in the database.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Store the posts of a file; all of them or none, unless it says otherwise.
    Import(import_export::Import),
    /// Print every post as NDJSON, which import reads back.
    Export {
        /// Also print the API keys, by their hashes, and where ids go on: all that another database needs to take the
        /// place of this one.
        #[arg(long)]
        keys: bool,
    },
    /// Copy the database of SQLite to a file, while others read and write it.
    Backup {
        /// Where to; it appears when it is whole.
        file: PathBuf,
        /// Replace the file where it is there already.
        #[arg(long)]
        overwrite: bool,
    },
    /// Look for what stands in the way of serving, and say what to do; the exit code is 1 where something is wrong.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let outcome = load_env_file().and_then(|()| parse()).and_then(run);
    match outcome {
        Ok(code) => code,
        // Whoever reads the output has read enough.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, also where a library's message has several.
            let line = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(std::io::stderr(), "error: {line}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// A missing `.env` is fine, a broken one is not. Its error would quote the line, which may hold a password.
fn load_env_file() -> Result<()> {
    match dotenvy::dotenv() {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(dotenvy::Error::LineParse(_, at)) => {
            Err(format!(".env cannot be read: mistake at character {at} of a line").into())
        }
        Err(error) => Err(format!(".env cannot be read: {error}").into()),
    }
}

/// A wrong value is told in one line, like everything that stops the start; help and usage come as clap writes them.
fn parse() -> Result<CommandLine> {
    CommandLine::try_parse().map_err(|error| match error.kind() {
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let text = error.render().to_string();
            // The paragraphs after the first repeat the usage.
            text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ").into()
        }
        _ => error.exit(),
    })
}

fn run(line: CommandLine) -> Result<ExitCode> {
    if matches!(line.command, Some(Command::Openapi)) {
        print(&openapi::to_json(&routes::document())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = line.settings.check(environment);
    if let Some(Command::Doctor { json }) = line.command {
        return doctor::doctor(config, json);
    }
    let config = config?;
    let _exports = logging::start(&config)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if let Some(from) = config.slow_query {
        db::log_slow_queries(from);
    }
    match line.command.unwrap_or(Command::Serve { no_migrate: false }) {
        Command::Serve { no_migrate } => serve::serve(&config, no_migrate)?,
        Command::Migrate => {
            let mut conn = Connection::open(config.direct())?;
            let applied = migrations::run(&mut conn, config.direct())?;
            print(&format!("applied {} migrations: {}\n", applied.len(), applied.join(", ")))?;
        }
        Command::Keys { command } => return keys::run(&mut migrated(&config)?, command),
        Command::Openapi | Command::Doctor { .. } => {}
        Command::Import(import) => return import.run(&mut migrated(&config)?),
        Command::Export { keys } => {
            let contents = if keys { Contents::PostsAndKeys } else { Contents::Posts };
            import_export::export(&mut migrated(&config)?, contents)?;
        }
        Command::Backup { file, overwrite } => backup::backup(&config, &file, overwrite)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn migrated(config: &Config) -> Result<Connection> {
    let mut conn = Connection::open(config.direct())?;
    migrations::run(&mut conn, config.direct())?;
    Ok(conn)
}
