//! Export and import of posts and API keys.
//!
//! An export is NDJSON with one post per line, or a folder of Markdown files. Importing it restores the same posts, on
//! SQLite and PostgreSQL alike. An import also reads the export files of WordPress and Ghost, and the Markdown files of
//! static site generators. This module depends neither on HTTP nor on the command line.
//!
//! Dependencies point one way: `error`, `report`, `progress`, and `source` ← `formats` ← `import`, `export`, and
//! `markdown_export`.

mod alias_store;
mod batcher;
mod diagnostics;
mod error;
mod export;
mod formats;
mod import;
mod import_options;
mod imported_post;
mod importer;
mod input;
mod keys;
mod limits;
mod located;
mod lookup_table;
mod markdown_export;
mod metered_reader;
mod position;
mod printable;
mod progress;
mod replace;
mod report;
mod resume;
mod source;
mod storage;

pub use diagnostics::{Diagnostic, Diagnostics};
pub use error::Error;
pub use export::{Contents, export};
pub use formats::ghost::{InvalidSiteUrl, SiteUrl};
pub use import::import;
pub use import_options::Options;
pub use input::ImportInput;
pub use markdown_export::{ExistingFiles, MarkdownExport, export_markdown};
pub use position::Position;
pub use progress::TransferProgress;
pub use report::{Counts, Mapping, Report};
pub use source::Format;
