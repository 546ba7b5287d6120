//! WordPress export files (WXR): an RSS feed with WordPress's own elements.
//!
//! The file is read twice, because posts refer to authors and attachments, which can follow them. The parser reads one
//! piece of markup or text at a time, so the file size does not affect memory use. It expands no entities that a file
//! defines and rejects document types, so that a file cannot define entities that expand without bound.
//!
//! Inside of an element that the import reads or skips, only the end of that element matters. Text that the exporting
//! program should have escaped, such as unclosed tags, therefore does not affect the elements around it.

mod encoding;
mod field_text;
mod group;
mod item;
mod names;
mod open_element;
mod parser;
mod post;
mod survey;

use std::io::BufRead;

use crate::transfer::error::Error;
use crate::transfer::formats::wordpress::encoding::decode;
use crate::transfer::formats::wordpress::item::WordPressItem;
use crate::transfer::formats::wordpress::parser::{Element, read_elements};
pub(crate) use crate::transfer::formats::wordpress::survey::WordPressSurvey;
use crate::transfer::metered_reader::Meter;
use crate::transfer::position::Position;
use crate::transfer::report::Mapping;
use crate::transfer::source::{Sink, SourceItem};

/// What to import.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WordPressSelection {
    pub(crate) pages: bool,
    pub(crate) categories: bool,
}

/// Passes each post to `sink` and counts everything else. `survey` is the result of the first reading.
pub(crate) fn parse(
    input: impl BufRead,
    meter: &Meter,
    survey: &mut WordPressSurvey,
    selection: WordPressSelection,
    sink: Sink<'_>,
) -> Result<Mapping, Error> {
    let mut mapping = Mapping::default();
    read_elements(decode(input)?, meter, &mut |element| {
        match element {
            Element::Item(item) => {
                if let Some(post) = parse_item(*item, survey, selection, &mut mapping)? {
                    sink(post)?;
                }
            }
            Element::Term => mapping.unmapped.increment("descriptions and parents of categories and tags not imported"),
            Element::Author(_) => {}
        }
        Ok(())
    })?;
    Ok(mapping)
}

/// Returns `None` if the item is not imported as a post.
fn parse_item(
    item: WordPressItem,
    survey: &mut WordPressSurvey,
    selection: WordPressSelection,
    mapping: &mut Mapping,
) -> Result<Option<SourceItem>, Error> {
    if let Some(reason) = item.skip_reason(selection.pages) {
        mapping.unmapped.increment(reason);
        return Ok(None);
    }
    let (number, size) = (item.number, item.size());
    let references = survey.references(&item)?;
    let (record, notes) = match item.into_post(references, selection.categories, mapping) {
        Ok(post) => post.into_record(mapping),
        Err(reason) => (Err(reason), Vec::new()),
    };
    Ok(Some(SourceItem { position: Position::Numbered { unit: "item", number }, size, record, notes }))
}
