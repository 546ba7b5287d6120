//! The file formats that an import reads.

mod external_post;
pub(crate) mod ghost;
pub(crate) mod ndjson;
pub(crate) mod wordpress;
