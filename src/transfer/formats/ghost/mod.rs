//! Ghost export files: the database tables as one JSON document.
//!
//! The file is read twice, because rows of other tables decide which posts are public and name their tags and authors,
//! and they can follow the posts. Only one row is in memory at a time, so the file size does not affect memory use.

mod documents;
mod fields;
mod gating;
mod post;
mod site_url;
mod survey;
mod tables;

use std::io::BufRead;

use crate::transfer::error::Error;
use crate::transfer::formats::ghost::post::GhostPost;
pub use crate::transfer::formats::ghost::site_url::{InvalidSiteUrl, SiteUrl};
pub(crate) use crate::transfer::formats::ghost::survey::GhostSurvey;
use crate::transfer::formats::ghost::tables::{GhostRow, GhostTable, read_tables};
use crate::transfer::formats::json_scanner::RawJson;
use crate::transfer::limits::MAX_ITEM;
use crate::transfer::position::Position;
use crate::transfer::report::Mapping;
use crate::transfer::source::{ImportRecord, Sink, SourceItem};

/// Passes each post to `sink` and counts everything else. `survey` is the result of the first reading.
pub(crate) fn parse(
    input: impl BufRead,
    survey: &mut GhostSurvey,
    with_pages: bool,
    site: &SiteUrl,
    sink: Sink<'_>,
) -> Result<Mapping, Error> {
    let mut mapping = Mapping::default();
    read_tables(input, &mut |GhostRow { table, number, json }| {
        if table != GhostTable::Posts {
            return Ok(());
        }
        let length = if let RawJson::Text(json) = &json { json.len() } else { 0 };
        match parse_post(&json, survey, with_pages, site, &mut mapping)? {
            Some((record, notes)) => {
                let position = Position::Numbered { unit: "post", number };
                sink(SourceItem { position, size: length, record, notes })
            }
            None => Ok(()),
        }
    })?;
    Ok(mapping)
}

/// The record or the reason why the post is invalid, and notes about changed fields.
type ParsedPost = (Result<ImportRecord, String>, Vec<String>);

/// Returns `None` if the import skips the row.
fn parse_post(
    json: &RawJson,
    survey: &mut GhostSurvey,
    with_pages: bool,
    site: &SiteUrl,
    mapping: &mut Mapping,
) -> Result<Option<ParsedPost>, Error> {
    let row = match json {
        RawJson::Text(json) => GhostPost::parse(json),
        RawJson::TooLong => Err(format!("is longer than {MAX_ITEM}")),
    };
    let row = match row {
        Ok(row) => row,
        Err(reason) => return Ok(Some((Err(reason), Vec::new()))),
    };
    if let Some(reason) = row.skip_reason(with_pages) {
        mapping.unmapped.increment(reason);
        return Ok(None);
    }
    let references = survey.references(&row.id(), row.author_id().as_deref())?;
    Ok(Some(match row.into_post(&references, site, mapping) {
        Ok(post) => post.into_record(mapping),
        Err(reason) => (Err(reason), Vec::new()),
    }))
}
