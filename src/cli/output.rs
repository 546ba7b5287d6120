//! Standard output of the commands.
//!
//! Commands write to the file descriptor itself, not to Rust's `Stdout`, which reports success if the descriptor is not
//! open for writing.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use posts_api::escape::escape;

use crate::cli::Result;

/// Returns standard output without a buffer.
pub(crate) fn stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Writes the output of a command.
pub(crate) fn print(text: &str) -> Result<()> {
    write_to_stdout(text).map_err(output_error)
}

/// Writes what a command has done, as one line. If this fails, the error contains the text, because the command itself
/// has succeeded.
pub(crate) fn confirm(text: &str) -> Result<()> {
    let done = format!("{text}, but ");
    write_to_stdout(&format!("{}\n", escape(text))).map_err(|error| OutputError { done, error }.into())
}

/// The error of output that another library has written.
pub(crate) fn output_error(error: io::Error) -> Box<dyn std::error::Error> {
    OutputError { done: String::new(), error }.into()
}

fn write_to_stdout(text: &str) -> io::Result<()> {
    stdout()?.write_all(text.as_bytes())
}

#[derive(Debug, thiserror::Error)]
#[error("{done}failed to write to standard output: {error}")]
struct OutputError {
    done: String,
    #[source]
    error: io::Error,
}

/// Whether the reader of the output, such as `head`, has closed the pipe. This is not a failure.
pub(crate) fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
