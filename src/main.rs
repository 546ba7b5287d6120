//! The command line: parses arguments and settings, then runs one command.

mod cli;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use posts_api::config::Settings;
use posts_api::transfer::Contents;
use posts_api::{db, openapi, routes};

use cli::migrate::open_migrated;
use cli::{Result, backup, doctor, import_export, keys, logging, migrate, print, serve};

/// mimalloc, because responses consist of many small strings and one large one. glibc's allocator makes too many system
/// calls for this pattern.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A posts backend for any frontend: a JSON REST API on SQLite or PostgreSQL.
#[derive(Parser)]
#[command(
    version,
    after_help = "Settings are flags, environment variables, or lines of .env, in this order of precedence."
)]
struct CommandLine {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (default command).
    Serve {
        /// Fail if migrations are pending, instead of applying them.
        #[arg(long)]
        no_migrate: bool,
    },
    /// Apply the pending migrations.
    Migrate,
    /// Create, list, and revoke API keys in the database.
    Keys {
        #[command(subcommand)]
        command: keys::KeysCommand,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Import posts from a file. Stores all of them or none, unless an option says otherwise.
    Import(import_export::ImportArgs),
    /// Export all posts to stdout as NDJSON.
    Export {
        /// Also export the API keys (as hashes) and the last assigned ids. An import of all these lines creates a full
        /// copy of this database.
        #[arg(long)]
        keys: bool,
    },
    /// Copy the SQLite database to a file while the service is running.
    Backup {
        /// File to create. It appears only once the copy is complete.
        file: PathBuf,
        /// Overwrite an existing file.
        #[arg(long)]
        overwrite: bool,
    },
    /// Check the settings, the database, and the disk for problems, and suggest fixes. Exits with status 1 if a check
    /// fails.
    Doctor {
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    match parse().and_then(run) {
        Ok(code) => code,
        // The program that reads the output, such as `head`, has closed the pipe. This is not an error.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // Some libraries return multi-line messages.
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

/// Parses the command line. Reports an invalid value as one line, like other startup errors. clap prints help, usage,
/// and all other errors.
fn parse() -> Result<CommandLine> {
    CommandLine::try_parse().map_err(|error| match error.kind() {
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let text = error.render().to_string();
            // The first paragraph is the message. The other paragraphs repeat the usage.
            text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ").into()
        }
        _ => error.exit(),
    })
}

fn run(arguments: CommandLine) -> Result<ExitCode> {
    let command = arguments.command.unwrap_or(Command::Serve { no_migrate: false });
    if matches!(command, Command::Openapi) {
        print(&openapi::to_json(&routes::document())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = arguments.settings.load();
    // This command runs even if a setting is invalid, and reports the error.
    if let Command::Doctor { json } = command {
        return doctor::doctor(config, json);
    }
    let config = config?;
    let _exporters = logging::start(&config)?;
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
        Command::Keys { command } => return keys::run(&mut open_migrated(&config)?, command),
        Command::Openapi | Command::Doctor { .. } => {}
        Command::Import(import) => return import.run(&mut open_migrated(&config)?),
        Command::Export { keys } => {
            let contents = if keys { Contents::PostsAndKeys } else { Contents::Posts };
            import_export::export(&mut open_migrated(&config)?, contents)?;
        }
        Command::Backup { file, overwrite } => backup::backup(&config, &file, overwrite)?,
    }
    Ok(ExitCode::SUCCESS)
}
