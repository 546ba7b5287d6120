//! A line a post, as JSON; also a line an API key, and where ids go on.

use std::io::BufRead;

use serde_json::Value;

use crate::transfer::Error;
use crate::transfer::imported_post::read;
use crate::transfer::source::{Item, Meter, Record, Sink};

/// Empty lines are passed over.
pub(crate) fn read_lines(mut input: impl BufRead, meter: &Meter, sink: Sink<'_>) -> Result<(), Error> {
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
        sink(Item { unit: "line", number, size: line.len(), record: record(&line), notes: Vec::new() })?;
    }
    Ok(())
}

fn record(line: &[u8]) -> Result<Record, String> {
    let mut value: Value = serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))?;
    let only = value.as_object_mut().filter(|object| object.len() == 1);
    let other =
        only.and_then(|object| ["api_key", "last_ids"].into_iter().find_map(|name| Some((name, object.remove(name)?))));
    match other {
        Some(("api_key", key)) => read(key, "/api_key").map(Record::Key),
        Some((_, ids)) => read(ids, "/last_ids").map(Record::LastIds),
        None => read(value, "").map(|post| Record::Post(Box::new(post))),
    }
}
