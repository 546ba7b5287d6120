//! `posts-api import`.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use posts_api::config::Config;
use posts_api::escape::escape;
use posts_api::transfer;
use posts_api::transfer::{Diagnostics, Error, Format, ImportInput, Mapping, Options, Report, SiteUrl};

use crate::cli::Result;
use crate::cli::database::{open_existing, open_migrated};
use crate::cli::output::confirm;
use crate::cli::progress::{ProgressReporter, TransferJob};

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct ImportArgs {
    /// File to import, or - for standard input. With `--format markdown`: folders and files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Format of the input.
    #[arg(long, value_enum, default_value_t = SourceFormat::Ndjson)]
    format: SourceFormat,
    /// Skip invalid items and store the rest.
    #[arg(long)]
    skip_invalid: bool,
    /// Commit in batches of up to 500 posts. After an interruption, repeat the command: it skips the posts that are
    /// already stored.
    #[arg(long)]
    resumable: bool,
    /// Replace the stored posts that have the slugs of imported ones. Posts that are equal keep their version.
    #[arg(long)]
    replace: bool,
    /// Report what the import would do, and store nothing. The database must exist.
    #[arg(long)]
    dry_run: bool,
    /// Time zone of dates in Markdown files that have none, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "NAME", value_parser = time_zone)]
    time_zone: Option<TimeZone>,
    /// Also import API keys.
    #[arg(long)]
    keys: bool,
    /// Also import the pages of WordPress and Ghost.
    #[arg(long)]
    pages: bool,
    /// Leave out the categories of WordPress. Otherwise, they become tags.
    #[arg(long)]
    no_categories: bool,
    /// URL of the Ghost site, which completes the URLs in its export.
    #[arg(long, value_name = "URL")]
    site_url: Option<SiteUrl>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SourceFormat {
    /// One JSON object per line, as `posts-api export` writes it.
    Ndjson,
    /// WordPress export file (Tools, Export; WXR).
    Wordpress,
    /// Ghost export file (Settings, Export).
    Ghost,
    /// Folders of Markdown files with front matter (Astro, Hugo, Jekyll, Zola, Hexo, dev.to, Hashnode).
    Markdown,
}

fn time_zone(name: &str) -> std::result::Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "unknown time zone; use a name such as Europe/Berlin".to_owned())
}

impl ImportArgs {
    pub(crate) fn run(&self, config: &Config) -> Result<ExitCode> {
        // Before the database, so that a wrong file name does not create one.
        self.check_format()?;
        let (input, size) = self.open()?;
        let mut conn = if self.dry_run { open_existing(config)? } else { open_migrated(config)? };
        let mut reporter = ProgressReporter::start(TransferJob::Import { bytes: size });
        let on_progress = |progress| reporter.update(progress);
        let outcome = transfer::import(&mut conn, input, self.options(), on_progress);
        reporter.finish(outcome.as_ref().ok().map(|report| report.imported + report.replaced));
        match outcome {
            Ok(report) => {
                self.print_report(&report)?;
                Ok(ExitCode::SUCCESS)
            }
            Err(Error::Invalid { diagnostics, report }) => {
                print_diagnostics(&diagnostics);
                Err(self.invalid_message(diagnostics.count(), &report).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses the options of other formats, which would have no effect.
    fn check_format(&self) -> Result<()> {
        for (is_given, option, format) in [
            (self.no_categories, "--no-categories", SourceFormat::Wordpress),
            (self.site_url.is_some(), "--site-url", SourceFormat::Ghost),
            (self.time_zone.is_some(), "--time-zone", SourceFormat::Markdown),
        ] {
            if is_given && self.format != format {
                let name = format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
                return Err(format!("{option} is an option of --format {name}").into());
            }
        }
        if self.pages && self.format == SourceFormat::Markdown {
            return Err("--pages is an option of --format wordpress and --format ghost".into());
        }
        Ok(())
    }

    /// Opens the input. Returns its size, which is known for files only.
    fn open(&self) -> Result<(ImportInput<'static>, Option<u64>)> {
        if let SourceFormat::Markdown = self.format {
            for path in &self.paths {
                std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
            }
            return Ok((ImportInput::Paths(self.paths.clone()), None));
        }
        let [path] = self.paths.as_slice() else {
            return Err("only --format markdown accepts several paths; import one file at a time".into());
        };
        if path.as_os_str() == "-" {
            return Ok((ImportInput::Stream(Box::new(std::io::stdin().lock())), None));
        }
        let failed = |error| format!("{}: {error}", path.display());
        // Some systems cannot open a folder, so it is recognized before.
        if std::fs::metadata(path).map_err(failed)?.is_dir() {
            return Err(
                format!("{} is a folder; import Markdown folders with --format markdown", path.display()).into()
            );
        }
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_file() {
            return Ok((ImportInput::File(file), Some(metadata.len())));
        }
        Ok((ImportInput::Stream(Box::new(BufReader::new(file))), None))
    }

    fn options(&self) -> Options {
        Options {
            format: match self.format {
                SourceFormat::Ndjson => Format::Ndjson,
                SourceFormat::Wordpress => Format::WordPress,
                SourceFormat::Ghost => Format::Ghost,
                SourceFormat::Markdown => Format::Markdown,
            },
            skip_invalid: self.skip_invalid,
            resumable: self.resumable,
            replace: self.replace,
            dry_run: self.dry_run,
            keys: self.keys,
            pages: self.pages,
            time_zone: self.time_zone.clone(),
            no_categories: self.no_categories,
            site_url: self.site_url.clone().unwrap_or_default(),
        }
    }

    fn print_report(&self, report: &Report) -> Result<()> {
        print_diagnostics(&report.notes);
        print_diagnostics(&report.skipped);
        let Mapping { mapped, unmapped } = &report.mapping;
        for (description, count) in mapped.iter().chain(unmapped.iter()) {
            print_note(&format!("{description}: {count}"));
        }
        for (description, count) in
            [("old slugs added", report.aliases_added), ("old slugs removed", report.aliases_removed)]
        {
            if count > 0 {
                print_note(&format!("{description}: {count}"));
            }
        }
        let Report { imported, replaced, unchanged, already_stored, keys, skipped, .. } = report;
        let keys = if self.keys { format!(" and {keys} API keys") } else { String::new() };
        let already_stored = if self.resumable || *already_stored > 0 {
            format!(", {already_stored} already stored")
        } else {
            String::new()
        };
        let replaced =
            if self.replace { format!(", replaced {replaced}, {unchanged} unchanged") } else { String::new() };
        let (skipped, units) = (skipped.count(), self.units());
        let dry_run = if self.dry_run { " (dry run: nothing was stored)" } else { "" };
        confirm(&format!(
            "imported {imported} posts{keys}{replaced}{already_stored}, skipped {skipped} {units}{dry_run}"
        ))
    }

    /// The error message of an import with `count` invalid items. `committed` is the report of the batches that a
    /// resumable import committed before.
    fn invalid_message(&self, count: u64, committed: &Report) -> String {
        let units = self.units();
        if self.resumable {
            let stored = committed.imported + committed.already_stored;
            format!(
                "{count} {units} are invalid; rolled back the last batch and kept the {stored} posts before it; fix \
                 the {units} and repeat the import, or skip them with --skip-invalid"
            )
        } else {
            format!("{count} {units} are invalid and nothing was stored; fix them, or skip them with --skip-invalid")
        }
    }

    /// The plural of the unit that the format is divided into.
    fn units(&self) -> &'static str {
        match self.format {
            SourceFormat::Ndjson => "lines",
            SourceFormat::Wordpress => "items",
            SourceFormat::Ghost => "posts",
            SourceFormat::Markdown => "files",
        }
    }
}

fn print_diagnostics(diagnostics: &Diagnostics) {
    let first = diagnostics.first();
    for diagnostic in first {
        print_note(&diagnostic.to_string());
    }
    let more = diagnostics.count() - first.len() as u64;
    if more > 0 {
        print_note(&format!("and {more} more"));
    }
}

/// Prints one line on standard error. Ignores errors, because the outcome of the import does not depend on them.
fn print_note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", escape(text));
}
