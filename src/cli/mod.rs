//! The commands of the binary, one file per command. They parse their arguments, call the library, and print.

pub(crate) mod backup;
pub(crate) mod command_line;
pub(crate) mod database;
pub(crate) mod doctor;
pub(crate) mod export;
mod exporters;
pub(crate) mod import;
pub(crate) mod keys;
mod log_writer;
pub(crate) mod logging;
pub(crate) mod manual;
pub(crate) mod migrate;
pub(crate) mod output;
mod progress;
mod secret;
pub(crate) mod serve;
mod table;
pub(crate) mod webhooks;

/// The result of a command. `main` prints the error as one line on stderr.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
