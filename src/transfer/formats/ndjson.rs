//! NDJSON as this service exports it: one JSON object per line. An object is a post, `{"api_key": …}`, or
//! `{"last_ids": …}`.

use std::io::BufRead;

use serde_json::Value;

use crate::transfer::error::Error;
use crate::transfer::imported_post;
use crate::transfer::metered_reader::Meter;
use crate::transfer::source::{ImportRecord, Sink, SourceItem};

/// Parses all lines. Skips empty ones.
pub(crate) fn parse(mut input: impl BufRead, meter: &Meter, sink: Sink<'_>) -> Result<(), Error> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        meter.begin_item();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        sink(SourceItem { unit: "line", number, size: line.len(), record: parse_line(&line), notes: Vec::new() })?;
    }
    Ok(())
}

fn parse_line(line: &[u8]) -> Result<ImportRecord, String> {
    let mut value: Value = serde_json::from_slice(line).map_err(|error| format!("invalid JSON: {error}"))?;
    let single = value.as_object_mut().filter(|object| object.len() == 1);
    let wrapped = single
        .and_then(|object| ["api_key", "last_ids"].into_iter().find_map(|name| Some((name, object.remove(name)?))));
    match wrapped {
        Some(("api_key", key)) => imported_post::parse(key, "/api_key").map(ImportRecord::Key),
        Some((_, ids)) => imported_post::parse(ids, "/last_ids").map(ImportRecord::LastIds),
        None => imported_post::parse(value, "").map(|post| ImportRecord::Post(Box::new(post))),
    }
}
