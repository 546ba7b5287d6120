//! What every resource of the API shares: ids and slugs in paths, and cursors.

pub mod paging;
pub mod path;
