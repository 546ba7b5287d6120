//! For operators and tools: health, the document and its pages, stopping.

pub mod docs;
pub mod health;
pub mod housekeeping;
pub mod shutdown;
