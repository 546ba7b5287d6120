//! Markdown files with front matter.
mod front_matter;

use std::path::PathBuf;

use jiff::tz::TimeZone;

use crate::transfer::error::Error;
use crate::transfer::metered_reader::Meter;
use crate::transfer::report::Mapping;
use crate::transfer::source::Sink;

pub(crate) fn parse(paths: &[PathBuf], zone: Option<&TimeZone>, meter: &Meter, sink: Sink<'_>) -> Result<Mapping, Error> {
    let _ = (paths, zone, meter, sink);
    Ok(Mapping::default())
}
