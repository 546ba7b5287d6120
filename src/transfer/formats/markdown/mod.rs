//! Folders of Markdown files with front matter, as static site generators, dev.to, and Hashnode have them, and as
//! `posts-api export --format markdown` writes them.
//!
//! One file is in memory at a time. A file without front matter is a post too.

mod dates;
mod fields;
pub(crate) mod front_matter;
mod keys;
mod markup;
mod post;
mod report;
mod source_path;
mod state;
mod switches;
mod walker;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::db::Timestamp;
use crate::posts::validate::MAX_CONTENT;
use crate::transfer::error::Error;
use crate::transfer::formats::markdown::dates::DateParser;
use crate::transfer::formats::markdown::front_matter::{MAX_FRONT_MATTER, has_front_matter};
use crate::transfer::formats::markdown::post::MarkdownPost;
use crate::transfer::formats::markdown::walker::{FoundFile, walk};
use crate::transfer::input::skip_byte_order_mark;
use crate::transfer::metered_reader::Meter;
use crate::transfer::position::Position;
use crate::transfer::report::{Counts, Mapping};
use crate::transfer::source::{ImportRecord, Sink, SourceItem};

/// The maximum size of a file in bytes: the longest content with the longest front matter.
const MAX_FILE: usize = MAX_CONTENT + MAX_FRONT_MATTER;

/// Passes the post of each file to `sink`. Dates without a time zone are in `zone`, or else in UTC.
pub(crate) fn parse(
    paths: &[PathBuf],
    zone: Option<&TimeZone>,
    meter: &Meter,
    sink: Sink<'_>,
) -> Result<Mapping, Error> {
    let now = Timestamp::now();
    let mut dates = DateParser::new(zone.cloned().unwrap_or(TimeZone::UTC));
    let (mut mapping, mut skipped) = (Mapping::default(), Counts::default());
    walk(paths, &mut skipped, |found| {
        let is_readme = matches!(found, FoundFile::Readme(_));
        let (path, text) = match found {
            FoundFile::Markdown(path) | FoundFile::Readme(path) => {
                let text = read_file(&path);
                (path, text)
            }
            FoundFile::Unreadable { path, error } => (path, Err(error.to_string())),
        };
        if is_readme && text.as_ref().is_ok_and(|text| !has_front_matter(text)) {
            mapping.unmapped.increment("README files without front matter skipped");
            return Ok(());
        }
        let size = text.as_ref().map_or(0, String::len);
        meter.add(size as u64);
        let post = text.and_then(|text| post::read(&text, &path, &mut dates, now));
        let (record, notes) = match post {
            Ok(MarkdownPost { post, notes, mapping: of_post }) => {
                mapping.append(of_post);
                (Ok(ImportRecord::Post(Box::new(post))), notes)
            }
            Err(problem) => (Err(problem), Vec::new()),
        };
        sink(SourceItem { position: Position::File(path.display().to_string()), size, record, notes })
    })?;
    if zone.is_none() {
        mapping.unmapped.add("dates without a time zone read as UTC (--time-zone sets another)", dates.without_zone);
    }
    mapping.unmapped.append(skipped);
    Ok(mapping)
}

/// Reads a file without its byte order mark.
fn read_file(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut input = skip_byte_order_mark(io::BufReader::new(file)).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    input.by_ref().take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > MAX_FILE {
        return Err("is longer than 768 KiB: 512 KiB of content and 256 KiB of front matter".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| format!("is not UTF-8, at byte {}", error.utf8_error().valid_up_to()))
}
