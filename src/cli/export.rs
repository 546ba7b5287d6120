//! `posts-api export`.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use posts_api::config::Config;
use posts_api::db::Connection;
use posts_api::escape::JsonEscapingWriter;
use posts_api::transfer;
use posts_api::transfer::{Contents, ExistingFiles, MarkdownExport};

use crate::cli::Result;
use crate::cli::database::open_existing;
use crate::cli::output::{confirm, stdout};
use crate::cli::progress::{ProgressReporter, TransferJob};

#[derive(Args)]
pub(crate) struct ExportArgs {
    /// Folder to write Markdown files to. Created if it is missing.
    #[arg(value_name = "FOLDER", required_if_eq("format", "markdown"))]
    folder: Option<PathBuf>,
    /// Format of the export.
    #[arg(long, value_enum, default_value_t = ExportFormat::Ndjson)]
    format: ExportFormat,
    /// Write to a folder that is not empty: replace the files with the names of posts, and leave all others.
    #[arg(long)]
    force: bool,
    /// Also export the API keys (as hashes) and the last assigned ids. An import of all these lines creates a full copy
    /// of this database.
    #[arg(long)]
    keys: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// One JSON object per line, on standard output.
    Ndjson,
    /// One file per post, SLUG.md, with YAML front matter.
    Markdown,
}

impl ExportArgs {
    pub(crate) fn run(&self, config: &Config) -> Result<()> {
        let conn = &mut open_existing(config)?;
        match (self.format, &self.folder) {
            (ExportFormat::Markdown, Some(_)) if self.keys => {
                Err("--keys requires --format ndjson; a Markdown file has one post".into())
            }
            (ExportFormat::Markdown, Some(folder)) => self.export_markdown(conn, folder),
            (ExportFormat::Ndjson, None) if !self.force => {
                export_ndjson(conn, if self.keys { Contents::PostsAndKeys } else { Contents::Posts })
            }
            _ => Err("a folder and --force require --format markdown; NDJSON goes to standard output".into()),
        }
    }

    fn export_markdown(&self, conn: &mut Connection, folder: &Path) -> Result<()> {
        let existing = if self.force { ExistingFiles::Replace } else { ExistingFiles::Refuse };
        let mut reporter = ProgressReporter::start(TransferJob::Export);
        let exported = transfer::export_markdown(conn, folder, existing, |progress| reporter.update(progress));
        reporter.finish(exported.as_ref().ok().map(|exported| exported.posts));
        let MarkdownExport { posts, unchanged } = exported?;
        let unchanged = if self.force { format!(", {unchanged} of them unchanged") } else { String::new() };
        confirm(&format!("exported {posts} posts to {}{unchanged}", folder.display()))
    }
}

fn export_ndjson(conn: &mut Connection, contents: Contents) -> Result<()> {
    let out = stdout()?;
    let is_terminal = out.is_terminal();
    let out = BufWriter::new(out);
    if is_terminal { export_to(conn, JsonEscapingWriter(out), contents) } else { export_to(conn, out, contents) }
}

fn export_to(conn: &mut Connection, mut out: impl Write, contents: Contents) -> Result<()> {
    let mut reporter = ProgressReporter::start(TransferJob::Export);
    let exported = transfer::export(conn, &mut out, contents, |progress| reporter.update(progress));
    reporter.finish(exported.as_ref().ok().copied());
    exported?;
    out.flush()?;
    Ok(())
}
