//! What the commands do, beside serving.

pub(crate) mod backup;
pub(crate) mod doctor;
pub(crate) mod transfer;

use std::io::Write;

/// Prints what a command answers.
pub(crate) fn print(text: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(text.as_bytes())
}
