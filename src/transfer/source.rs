//! The items that every format parser produces.

use crate::transfer::error::Error;
use crate::transfer::imported_post::ImportedPost;
use crate::transfer::keys::{ImportedKey, LastIds};
use crate::transfer::position::Position;

/// The format of an import file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One JSON object per line, as this service exports it.
    #[default]
    Ndjson,
    /// WordPress, "Tools → Export" (WXR 1.0 to 1.2).
    WordPress,
    /// Ghost, "Settings → Export".
    Ghost,
    /// Markdown files with front matter.
    Markdown,
}

/// One line, item, or file of the input, parsed.
pub(crate) struct SourceItem {
    pub(crate) position: Position,
    /// The approximate size in memory, in bytes.
    pub(crate) size: usize,
    /// The parsed record, or the reason why the item is invalid.
    pub(crate) record: Result<ImportRecord, String>,
    /// How the record differs from the file, such as a generated title.
    pub(crate) notes: Vec<String>,
}

pub(crate) enum ImportRecord {
    Post(Box<ImportedPost>),
    Key(ImportedKey),
    LastIds(LastIds),
}

/// Receives the items in file order. The parser stops at the first error and returns it.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(SourceItem) -> Result<(), Error>;
