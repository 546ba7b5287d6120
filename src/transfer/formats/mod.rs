//! Parsers for the file formats that an import reads. Each parser passes its items to a sink and uses no database.

mod external_post;
pub(crate) mod ghost;
pub(crate) mod ndjson;
pub(crate) mod wordpress;
