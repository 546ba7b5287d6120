//! The errors of exports and imports.

use crate::transfer::diagnostics::Diagnostics;
use crate::transfer::printable::Printable;
use crate::transfer::report::Report;

/// Why an export or import failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("failed to read or write the file: {0}")]
    Io(#[from] std::io::Error),
    #[error("failed to serialize a post as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("database error: {0}")]
    Database(#[from] diesel::result::Error),
    /// The file does not match the given format, or it is truncated.
    #[error("{}", Printable(.0))]
    Format(String),
    /// A file or folder of an export cannot be read or written.
    #[error("{path}: {error}")]
    Path { path: String, error: std::io::Error },
    /// The folder of an export is not empty.
    #[error("{path} is not empty; choose another folder, or replace the files of its posts with --force")]
    NotEmpty { path: String },
    /// The file has invalid items. Nothing was stored, except for the earlier batches of a resumable import.
    #[error("{} of the items cannot be imported", diagnostics.count())]
    Invalid {
        diagnostics: Diagnostics,
        /// The batches that a resumable import had committed. Empty for other imports.
        report: Box<Report>,
    },
}
