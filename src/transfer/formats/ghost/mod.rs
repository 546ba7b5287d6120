//! Ghost export files: the database tables as one JSON document.
//!
//! The file is read twice, because the rows of `posts_meta` and `settings` decide which posts are public, and they can
//! follow the posts. Only one row is in memory at a time, so the file size does not affect memory use.

mod documents;
mod gating;
mod post;
mod survey;
mod tables;

use std::io::BufRead;

use crate::transfer::error::Error;
use crate::transfer::formats::ghost::post::GhostPost;
pub(crate) use crate::transfer::formats::ghost::survey::Survey;
use crate::transfer::formats::ghost::tables::{GhostRow, GhostTable, read_tables};
use crate::transfer::formats::json_scanner::RawJson;
use crate::transfer::limits::MAX_ITEM;
use crate::transfer::position::Position;
use crate::transfer::report::{Counts, Mapping};
use crate::transfer::source::{Sink, SourceItem};

/// Passes each post to `sink` and counts everything else. `survey` is the result of the first reading.
pub(crate) fn parse(input: impl BufRead, survey: &Survey, with_pages: bool, sink: Sink<'_>) -> Result<Mapping, Error> {
    let mut unmapped = Counts::default();
    read_tables(input, &mut |GhostRow { table, number, json }| {
        match table {
            GhostTable::Posts => {
                if let Some(item) = parse_post(number, json, survey, with_pages, &mut unmapped) {
                    sink(item)?;
                }
            }
            GhostTable::Tags => unmapped.increment("tags not imported"),
            GhostTable::Users => unmapped.increment("authors not imported"),
            GhostTable::PostsMeta | GhostTable::Settings => {}
        }
        Ok(())
    })?;
    Ok(Mapping { unmapped, ..Mapping::default() })
}

/// Returns `None` if the row is a page that the import skips.
fn parse_post(
    number: u64,
    json: RawJson,
    survey: &Survey,
    with_pages: bool,
    unmapped: &mut Counts,
) -> Option<SourceItem> {
    let mut size = 0;
    let post = match &json {
        RawJson::Text(json) => {
            size = json.len();
            GhostPost::parse(json).and_then(|post| post.into_post(survey, with_pages, unmapped))
        }
        RawJson::TooLong => Err(format!("is longer than {MAX_ITEM}")),
    };
    let (record, notes) = match post {
        Ok(Some(post)) => post.into_record(),
        Ok(None) => return None,
        Err(reason) => (Err(reason), Vec::new()),
    };
    Some(SourceItem { position: Position::Numbered { unit: "post", number }, size, record, notes })
}
