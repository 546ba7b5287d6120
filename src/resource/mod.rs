//! Code that every resource of the API uses: path parameters, cursors, versions, and conditional changes.

pub mod paging;
pub mod path;
pub mod versioned;
