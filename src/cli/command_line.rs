//! The command line. Each command accepts its own options. The settings are options too, and each command shows those
//! that affect it.
//!
//! Every command accepts every setting, before and after its name, so that one set of options works for all commands.

use std::io;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use posts_api::config::Settings;
use posts_api::escape::{escape, escape_lines};

use crate::cli::export::ExportArgs;
use crate::cli::import::ImportArgs;
use crate::cli::keys::KeysCommand;
use crate::cli::webhooks::WebhooksCommand;

/// A posts backend for any frontend: a JSON REST API on SQLite or PostgreSQL.
#[derive(Parser)]
#[command(
    name = "posts-api",
    version,
    after_help = "Without a command, posts-api runs `serve` and accepts the settings that `posts-api serve --help` \
                  lists.\n\nSettings are options, environment variables, or lines of .env, in this order of \
                  precedence.\n\nExit status: 0 if the command succeeded, 1 if it failed, 2 if the command line is \
                  invalid."
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve the API (default command).
    Serve {
        /// Fail if migrations are pending, instead of applying them.
        #[arg(long)]
        no_migrate: bool,
    },
    /// Apply the pending migrations. Creates a missing SQLite file.
    Migrate,
    /// Create, list, and revoke API keys in the database.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Create, list, and change webhooks in the database.
    Webhooks {
        #[command(subcommand)]
        command: WebhooksCommand,
    },
    /// Import posts from a file or from folders. Stores all of them or none, unless an option says otherwise.
    Import(ImportArgs),
    /// Export all posts to standard output as NDJSON, or to a folder of Markdown files.
    Export(ExportArgs),
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
    /// Print the OpenAPI document.
    Openapi,
    /// Print the completions for a shell.
    Completions {
        /// Shell that reads the completions.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page of posts-api, or write all manual pages to a directory.
    Man {
        /// Existing directory in which to write one page for each command.
        #[arg(long, value_name = "DIRECTORY")]
        dir: Option<PathBuf>,
    },
}

/// The settings that affect every command that opens the database.
const COMMAND_SETTINGS: &[&str] = &["database_url", "database_direct_url", "log", "log_format"];
/// Those that affect `webhooks` too.
const WEBHOOK_SETTINGS: &[&str] = &["database_url", "database_direct_url", "log", "log_format", "webhook_networks"];

/// Which settings a command shows.
#[derive(Clone, Copy)]
enum Shown {
    All,
    These(&'static [&'static str]),
}

impl Shown {
    fn of_command(name: &str) -> Self {
        match name {
            // `doctor` checks the settings of `serve`.
            "serve" | "doctor" => Self::All,
            "webhooks" => Self::These(WEBHOOK_SETTINGS),
            "migrate" | "keys" | "import" | "export" | "backup" => Self::These(COMMAND_SETTINGS),
            _ => Self::These(&[]),
        }
    }

    fn includes(self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.contains(&id),
        }
    }
}

/// What a description of the command line is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DescriptionPurpose {
    /// Each command accepts every setting, and hides those that do not affect it.
    Parsing,
    /// Each command has only the settings that affect it. For completions and manual pages.
    Documentation,
}

/// Describes the command line for completions and manual pages.
pub(crate) fn documentation() -> clap::Command {
    describe(DescriptionPurpose::Documentation)
}

fn describe(purpose: DescriptionPurpose) -> clap::Command {
    let settings = Settings::augment_args(clap::Command::new("settings"));
    let settings: Vec<&clap::Arg> = settings.get_arguments().collect();
    add_settings(CommandLine::command(), &settings, Shown::These(&[]), purpose).mut_subcommands(|command| {
        let shown = Shown::of_command(command.get_name());
        add_settings(command, &settings, shown, purpose)
            .mut_subcommands(|command| add_settings(command, &settings, shown, purpose))
    })
}

fn add_settings(
    command: clap::Command,
    settings: &[&clap::Arg],
    shown: Shown,
    purpose: DescriptionPurpose,
) -> clap::Command {
    let is_shown = |setting: &clap::Arg| shown.includes(setting.get_id().as_str());
    let args =
        settings.iter().filter(|setting| purpose == DescriptionPurpose::Parsing || is_shown(setting)).map(|setting| {
            // clap passes the values of global arguments on, from and to each level of subcommands.
            (*setting).clone().hide(!is_shown(setting)).global(purpose == DescriptionPurpose::Parsing)
        });
    command.args(args)
}

/// Parses the command line. Without a command, it is `serve`.
///
/// # Errors
/// The command line is invalid, or requests help or the version.
pub(crate) fn parse() -> Result<(Settings, Command), clap::Error> {
    let matches = describe(DescriptionPurpose::Parsing).try_get_matches()?;
    let settings = Settings::from_arg_matches(&matches)?;
    let command = CommandLine::from_arg_matches(&matches)?.command;
    Ok((settings, command.unwrap_or(Command::Serve { no_migrate: false })))
}

/// Prints what clap reports instead of arguments: help and the version on standard output, errors on standard error.
/// Returns the exit status.
///
/// # Errors
/// Help or the version could not be printed.
pub(crate) fn print_report(report: &clap::Error) -> io::Result<u8> {
    const INVALID_COMMAND_LINE: u8 = 2;
    let text = report.render().to_string();
    let error = match report.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return report.print().map(|()| 0),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => text,
        // The first paragraph is the message. The other paragraphs repeat the usage.
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            escape(text.split("\n\n").next().unwrap_or_default()).into_owned() + "\n"
        }
        _ => escape_lines(&hide_url(report, text)),
    };
    // Nothing is left to do if this fails.
    let _ = io::Write::write_all(&mut io::stderr(), error.as_bytes());
    Ok(INVALID_COMMAND_LINE)
}

/// Removes an argument that may be a URL with a password, for example because the name of its setting is missing.
fn hide_url(report: &clap::Error, text: String) -> String {
    let arguments = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg, ContextKind::InvalidValue];
    arguments.into_iter().fold(text, |text, kind| match report.get(kind) {
        Some(ContextValue::String(argument)) if argument.contains([':', '@', '/', '=']) => {
            text.replace(argument, "***")
        }
        _ => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_consistent() {
        describe(DescriptionPurpose::Parsing).debug_assert();
        describe(DescriptionPurpose::Documentation).debug_assert();
    }

    #[test]
    fn every_shown_setting_exists() {
        let settings = Settings::augment_args(clap::Command::new("settings"));
        for id in COMMAND_SETTINGS.iter().chain(WEBHOOK_SETTINGS) {
            assert!(settings.get_arguments().any(|arg| arg.get_id() == id), "{id}");
        }
    }
}
