//! Posts: what one is, how it is asked for and how it is stored.

mod answer;
pub mod batch;
pub mod count;
mod example;
pub mod excerpt;
pub mod handlers;
pub mod input;
pub mod list;
pub mod model;
pub mod page;
pub mod params;
pub mod publication;
pub mod query;
pub mod schedule;
pub mod search;
mod select;
pub mod slug;
pub mod store;
mod text;
pub mod transfer;
