//! WordPress export files (WXR): an RSS feed with WordPress's own elements.
//!
//! The parser reads one piece of markup or text at a time, so the file size does not affect memory use. It expands no
//! entities that a file defines and rejects document types, so that a file cannot define entities that expand without
//! bound.
//!
//! Inside of an element that the import reads or skips, only the end of that element matters. Text that the exporting
//! program should have escaped, such as unclosed tags, therefore does not affect the elements around it.

mod encoding;
mod field_text;
mod item;
mod names;
mod open_element;
mod parser;

pub(crate) use crate::transfer::formats::wordpress::encoding::decode;
pub(crate) use crate::transfer::formats::wordpress::parser::parse;
