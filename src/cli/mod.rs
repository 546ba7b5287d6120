//! The commands of the binary, one file per command. They parse their arguments, call the library, and print.

pub(crate) mod backup;
pub(crate) mod doctor;
mod exporters;
pub(crate) mod import_export;
pub(crate) mod keys;
pub(crate) mod logging;
pub(crate) mod migrate;
mod progress;
pub(crate) mod serve;

use std::io::Write;

/// The result of a command. `main` prints the error as one line on stderr.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Writes the output of a command to stdout.
pub(crate) fn print(text: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(text.as_bytes())
}
