//! Pages of lists: cursors, the parameter `limit`, and the `Link` header.

mod cursor;
mod limit;
mod link;

pub use cursor::{ListId, decode, encode};
pub(crate) use limit::LimitParam;
pub use link::link;
