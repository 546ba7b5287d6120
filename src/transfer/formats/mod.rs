//! Parsers for the file formats that an import reads. Each parser passes its items to a sink and uses no database.

mod dates;
mod external_post;
pub(crate) mod ghost;
mod html_text;
mod json_members;
mod json_scanner;
pub(crate) mod markdown;
pub(crate) mod ndjson;
mod post_fields;
pub(crate) mod wordpress;
