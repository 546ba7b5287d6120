//! Import of posts: in one transaction, or batch by batch if the import is resumable.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use crate::db::{Connection, Sequence};
use crate::keys::store as key_store;
use crate::transfer::batcher::Batcher;
use crate::transfer::error::Error;
use crate::transfer::formats::ghost::GhostSurvey;
use crate::transfer::formats::wordpress::{WordPressSelection, WordPressSurvey};
use crate::transfer::formats::{ghost, markdown, ndjson, wordpress};
use crate::transfer::import_options::Options;
use crate::transfer::importer;
use crate::transfer::importer::Importer;
use crate::transfer::input::{ImportInput, Unmarked, skip_byte_order_mark};
use crate::transfer::metered_reader::{Meter, MeteredReader};
use crate::transfer::progress::TransferProgress;
use crate::transfer::report::{Mapping, Report};
use crate::transfer::source::{Format, Sink};

/// Stores the items of `input`.
///
/// Without `skip_invalid`, an invalid item fails the import and nothing is stored. The error lists all invalid items. A
/// resumable import fails at the end of the batch that has an invalid item, and the earlier batches remain stored.
///
/// # Errors
/// The file cannot be read or parsed, it has invalid items, or a query failed.
pub fn import<'a>(
    conn: &mut Connection,
    input: impl Into<ImportInput<'a>>,
    options: Options,
    on_progress: impl FnMut(TransferProgress),
) -> Result<Report, Error> {
    let input = OpenInput::open(input.into(), options.format)?;
    if options.dry_run {
        return dry_run(conn, |conn| parse_and_store(conn, input, &options, on_progress));
    }
    if options.resumable {
        return parse_and_store(conn, input, &options, on_progress);
    }
    conn.transaction(|conn| {
        importer::prepare_transaction(conn)?;
        parse_and_store(conn, input, &options, on_progress)
    })
}

/// Runs an import and rolls it back. PostgreSQL does not roll back sequences, so this puts them back before.
fn dry_run(
    conn: &mut Connection,
    import: impl FnOnce(&mut Connection) -> Result<Report, Error>,
) -> Result<Report, Error> {
    let mut outcome = None;
    let rolled_back: Result<(), Error> = conn.transaction(|conn| {
        importer::prepare_transaction(conn)?;
        key_store::lock(conn)?;
        let last_ids = Sequence::ALL.map(|sequence| (sequence, sequence.last_id(conn)));
        let result = import(conn);
        let is_usable = !matches!(result, Err(Error::Database(_)));
        outcome = Some(result);
        if is_usable {
            last_ids.into_iter().try_for_each(|(sequence, id)| sequence.reset_to(conn, id?))?;
        }
        Err(diesel::result::Error::RollbackTransaction.into())
    });
    match (outcome, rolled_back) {
        (Some(outcome), Err(Error::Database(diesel::result::Error::RollbackTransaction))) => outcome,
        (_, Err(error)) => Err(error),
        (_, Ok(())) => Ok(Report::default()),
    }
}

/// Parses on this thread, and stores on another one.
fn parse_and_store(
    conn: &mut Connection,
    input: OpenInput<'_>,
    options: &Options,
    mut on_progress: impl FnMut(TransferProgress),
) -> Result<Report, Error> {
    let (meter, processed) = (Meter::new(), &AtomicU64::new(0));
    let (sender, receiver) = mpsc::sync_channel(0);
    let importer = Importer::new(conn, options);
    let (parsed, stored) = std::thread::scope(|scope| {
        let importer = scope.spawn(move || importer.store_all(&receiver, processed));
        let mut batcher = Batcher::new(options, sender);
        let parsed = input.parse(options, &meter, &mut |item| {
            batcher.add(item)?;
            let posts = processed.load(Ordering::Relaxed);
            on_progress(TransferProgress { bytes: meter.bytes_read(), posts, total: None });
            Ok(())
        });
        let parsed = parsed.and_then(|mapping| batcher.send().map(|()| mapping));
        // Ends the other thread.
        drop(batcher);
        (parsed, importer.join())
    });
    // An error of the other thread is the reason why this one stopped, or concerns earlier items.
    let importer = stored.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    importer.finish(parsed?)
}

/// The input, opened in the way that its format requires.
enum OpenInput<'a> {
    Ndjson(Box<dyn BufRead + 'a>),
    WordPress(WordPressSurvey, File),
    Ghost(GhostSurvey, File),
    Markdown(Vec<PathBuf>),
}

impl<'a> OpenInput<'a> {
    /// Opens the input before the transaction starts, because the first reading of a file can take long.
    fn open(input: ImportInput<'a>, format: Format) -> Result<Self, Error> {
        Ok(match format {
            Format::Ndjson => Self::Ndjson(input.into_reader()?),
            Format::WordPress => {
                let meter = Meter::new();
                let (survey, file) = input.survey(|input| WordPressSurvey::read(metered(input, &meter)?, &meter))?;
                Self::WordPress(survey, file)
            }
            Format::Ghost => {
                let (survey, file) = input.survey(|input| GhostSurvey::read(skip_byte_order_mark(input)?))?;
                Self::Ghost(survey, file)
            }
            Format::Markdown => Self::Markdown(input.into_paths()?),
        })
    }

    fn parse(self, options: &Options, meter: &Meter, sink: Sink<'_>) -> Result<Mapping, Error> {
        match self {
            Self::Ndjson(input) => {
                ndjson::parse(metered(input, meter)?, options.skip_invalid, sink).map(|()| Mapping::default())
            }
            Self::WordPress(mut survey, file) => {
                let selection = WordPressSelection { pages: options.pages, categories: !options.no_categories };
                wordpress::parse(metered(BufReader::new(file), meter)?, meter, &mut survey, selection, sink)
            }
            Self::Markdown(paths) => markdown::parse(&paths, options.time_zone.as_ref(), meter, sink),
            Self::Ghost(mut survey, file) => {
                let input = metered(BufReader::new(file), meter)?;
                ghost::parse(input, &mut survey, options.pages, &options.site_url, sink)
            }
        }
    }
}

fn metered<R: BufRead>(input: R, meter: &Meter) -> Result<Unmarked<MeteredReader<R>>, Error> {
    skip_byte_order_mark(MeteredReader::new(input, meter.clone()))
}
