//! What every resource of the API shares: ids and slugs in paths, cursors, versions, and conditional changes.

pub mod paging;
pub mod path;
pub mod versioned;
