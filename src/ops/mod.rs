//! For operators and tools: health, metrics, the document and its pages, stopping.

pub mod admin;
pub mod docs;
pub mod doctor;
pub mod health;
pub mod housekeeping;
pub mod metrics;
pub mod shutdown;
