//! NDJSON as this service exports it: one JSON object per line. An object is a post, `{"api_key": …}`, or
//! `{"last_ids": …}`.

use std::io::BufRead;

use serde_json::Value;

use crate::transfer::error::Error;
use crate::transfer::formats::json_members::{JsonMembers, shallow_value};
use crate::transfer::imported_post;
use crate::transfer::imported_post::ImportedPost;
use crate::transfer::input::without_byte_order_mark;
use crate::transfer::keys::{ImportedKey, LastIds};
use crate::transfer::limits::{MAX_ITEM, MAX_ITEM_BYTES};
use crate::transfer::position::Position;
use crate::transfer::source::{ImportRecord, Sink, SourceItem};

/// Parses all lines. Skips empty ones. If a line is too long, reports it as an invalid line if `skip_invalid` is set,
/// or else stops, because the line may have no end.
pub(crate) fn parse(mut input: impl BufRead, skip_invalid: bool, sink: Sink<'_>) -> Result<(), Error> {
    let mut line = Vec::new();
    for number in 1.. {
        let record = match read_line(&mut input, &mut line)? {
            LineStatus::Complete if line.is_empty() => return Ok(()),
            LineStatus::Complete => {
                let text = without_byte_order_mark(&line).trim_ascii();
                if text.is_empty() {
                    continue;
                }
                parse_line(text)
            }
            LineStatus::TooLong if skip_invalid => {
                skip_line(&mut input)?;
                Err(format!("is longer than {MAX_ITEM}"))
            }
            LineStatus::TooLong => return Err(Error::Format(format!("line {number} is longer than {MAX_ITEM}"))),
        };
        sink(SourceItem {
            position: Position::Numbered { unit: "line", number },
            size: line.len(),
            record,
            notes: Vec::new(),
        })?;
    }
    Ok(())
}

enum LineStatus {
    /// The line with its line end, or empty at the end of the file.
    Complete,
    TooLong,
}

fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<LineStatus, Error> {
    line.clear();
    std::io::Read::take(&mut *input, MAX_ITEM_BYTES).read_until(b'\n', line)?;
    let is_cut = line.len() as u64 == MAX_ITEM_BYTES && !line.ends_with(b"\n");
    Ok(if is_cut { LineStatus::TooLong } else { LineStatus::Complete })
}

/// Skips the rest of the line without storing it.
fn skip_line(input: &mut impl BufRead) -> Result<(), Error> {
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            return Ok(());
        }
        let line_end = bytes.iter().position(|byte| *byte == b'\n');
        let count = line_end.map_or(bytes.len(), |index| index + 1);
        input.consume(count);
        if line_end.is_some() {
            return Ok(());
        }
    }
}

const NAMES: &[&str] = &[
    "api_key", "last_ids", "id", "slug", "title", "description", "tags", "authors", "image", "image_alt", "metadata",
    "content", "published", "published_at", "scheduled_for", "created_at", "updated_at", "version", "aliases",
];
/// The members of a post that are arrays or objects.
const NESTED: &[&str] = &["tags", "authors", "metadata", "aliases"];

fn parse_line(line: &[u8]) -> Result<ImportRecord, String> {
    let members = JsonMembers::parse(line, NAMES)?;
    if members.len() == 1 {
        if let Some(key) = members.raw("api_key") {
            return imported_post::parse(nested(key, ImportedKey::NAMES)?, "/api_key").map(ImportRecord::Key);
        }
        if let Some(ids) = members.raw("last_ids") {
            return imported_post::parse(nested(ids, LastIds::NAMES)?, "/last_ids").map(ImportRecord::LastIds);
        }
    }
    imported_post::parse::<ImportedPost>(members.into_object(NESTED)?, "")
        .map(|post| ImportRecord::Post(Box::new(post)))
}

/// The value of `api_key` or `last_ids`.
fn nested(raw: &str, names: &'static [&'static str]) -> Result<Value, String> {
    if raw.starts_with('{') { JsonMembers::parse(raw.as_bytes(), names)?.into_object(&[]) } else { shallow_value(raw) }
}
