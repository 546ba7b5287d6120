//! `posts-api import` and `posts-api export`.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use posts_api::db::Connection;
use posts_api::transfer;
use posts_api::transfer::{Contents, Error, Findings, Format, Options, Report};

use crate::cli::progress::{Reporter, Work};
use crate::cli::{Result, print};

/// What is imported, and how.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Import {
    /// The file; - is standard input.
    file: PathBuf,
    /// What wrote it.
    #[arg(long, value_enum, default_value_t = Origin::Ndjson)]
    format: Origin,
    /// Leave out what cannot be imported and store the rest.
    #[arg(long)]
    skip_invalid: bool,
    /// Store some hundred posts at a time, which stay; run again after an interruption, it leaves out what is there and
    /// goes on.
    #[arg(long)]
    resumable: bool,
    /// Take API keys, too.
    #[arg(long)]
    keys: bool,
    /// Take the pages of WordPress and Ghost, too.
    #[arg(long)]
    pages: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Origin {
    /// posts-api export, or a post a line as JSON.
    Ndjson,
    /// WordPress: Tools, Export (WXR).
    Wordpress,
    /// Ghost: Settings, Export.
    Ghost,
}

impl Import {
    pub(crate) fn run(&self, conn: &mut Connection) -> Result<ExitCode> {
        let (reader, size): (Box<dyn Read>, _) = if self.file.as_os_str() == "-" {
            (Box::new(std::io::stdin()), None)
        } else {
            let opened = File::open(&self.file).map_err(|error| format!("{}: {error}", self.file.display()))?;
            let size = opened.metadata()?.len();
            (Box::new(opened), Some(size))
        };
        let options = Options {
            format: match self.format {
                Origin::Ndjson => Format::Ndjson,
                Origin::Wordpress => Format::WordPress,
                Origin::Ghost => Format::Ghost,
            },
            skip_invalid: self.skip_invalid,
            resumable: self.resumable,
            keys: self.keys,
            pages: self.pages,
        };
        let mut reporter = Reporter::start(Work::Import { bytes: size });
        let outcome = transfer::import(conn, BufReader::new(reader), options, |progress| reporter.note(progress));
        reporter.finish(outcome.as_ref().ok().map(|report| report.imported));
        match outcome {
            Ok(report) => {
                self.tell(&report)?;
                Ok(ExitCode::SUCCESS)
            }
            Err(Error::Invalid { findings, report }) => {
                tell(&findings)?;
                Err(self.refusal(findings.count(), &report).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn tell(&self, report: &Report) -> Result<()> {
        tell(&report.notes)?;
        tell(&report.skipped)?;
        let mut err = std::io::stderr().lock();
        for (what, count) in report.left_out.iter() {
            writeln!(err, "not kept: {count} {what}")?;
        }
        let Report { imported, found, keys, skipped, .. } = report;
        let keys = if self.keys { format!(" and {keys} API keys") } else { String::new() };
        let found = if self.resumable || *found > 0 { format!(", found {found} there already") } else { String::new() };
        print(&format!("imported {imported} posts{keys}{found}, skipped {} {}\n", skipped.count(), self.units()))?;
        Ok(())
    }

    fn refusal(&self, count: u64, before: &Report) -> String {
        let units = self.units();
        if self.resumable {
            format!(
                "{count} {units} are invalid, and of the last batch nothing was stored; {} posts before it stay: mend \
                 them and run it again, or --skip-invalid leaves them out",
                before.imported + before.found
            )
        } else {
            format!("{count} {units} are invalid and nothing was stored; --skip-invalid leaves them out")
        }
    }

    fn units(&self) -> &'static str {
        match self.format {
            Origin::Ndjson => "lines",
            Origin::Wordpress => "items",
            Origin::Ghost => "posts",
        }
    }
}

pub(crate) fn export(conn: &mut Connection, contents: Contents) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut reporter = Reporter::start(Work::Export);
    let exported = transfer::export(conn, &mut out, contents, |progress| reporter.note(progress));
    reporter.finish(exported.as_ref().ok().copied());
    exported?;
    out.flush()?;
    Ok(())
}

fn tell(findings: &Findings) -> std::io::Result<()> {
    let mut err = std::io::stderr().lock();
    let shown = findings.first();
    shown.iter().try_for_each(|finding| writeln!(err, "{finding}"))?;
    match findings.count() - shown.len() as u64 {
        0 => Ok(()),
        more => writeln!(err, "and {more} more"),
    }
}
