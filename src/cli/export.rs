//! `posts-api export`.

use std::io::{BufWriter, IsTerminal, Write};

use posts_api::db::Connection;
use posts_api::escape::JsonEscapingWriter;
use posts_api::transfer;
use posts_api::transfer::Contents;

use crate::cli::Result;
use crate::cli::output::stdout;
use crate::cli::progress::{ProgressReporter, TransferJob};

pub(crate) fn export(conn: &mut Connection, contents: Contents) -> Result<()> {
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
