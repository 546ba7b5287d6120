//! Posts from one place to another: export and import as NDJSON, one a line, and import of what other programs export.
//! What an export writes, an import reads back to the same posts, on either database.

mod export;
mod findings;
mod formats;
mod import;
mod imported_post;
mod keys;
mod resume;
mod source;

pub use export::{Contents, export};
pub use findings::{Finding, Findings};
pub use import::{Options, Report, import};
pub use source::{Format, LeftOut};

/// Posts that are read or written in one statement. SQLite takes 32,766 values in one, PostgreSQL 65,535.
const BATCH: u16 = 500;

/// Why an export or import ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the file cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    #[error("a post cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the database failed: {0}")]
    Database(#[from] diesel::result::Error),
    /// The file is not in the format that was named, or is cut off.
    #[error("{0}")]
    Format(String),
    /// What of the file cannot be stored. Nothing was; of a resumable import, only what stood in earlier batches.
    #[error("{} of the items cannot be imported", findings.count())]
    Invalid { findings: Findings, report: Box<Report> },
}

/// How far an export or import is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Bytes of the file that were read.
    pub bytes: u64,
    pub posts: u64,
    /// All posts that there are, where that is known.
    pub of: Option<u64>,
}
