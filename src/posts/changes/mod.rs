//! The change feed: the changes of public posts, in order, after the position that a client passes.
//!
//! Triggers write the log `post_changes`, one row per change of a public post. A page of the feed is a range of that
//! log, with the posts as they are now. Without a cursor, the feed first walks all published posts by id. It then
//! continues after the last row that the log had when the walk began. See docs/design/change-feed.md.

pub(crate) mod bulk;
pub mod counts;
mod entries;
pub mod handlers;
pub(crate) mod log;
pub(crate) mod outbox;
pub mod page;
pub mod params;
pub mod position;
pub mod query;
pub mod store;
pub mod stream;

use crate::http::error::code::{INVALID_CURSOR, INVALID_HEADER, INVALID_PARAMETER, PRECONDITION_FAILED};
use crate::posts::errors::{CHANGES_NOT_READY, CURSOR_EXPIRED, TOO_MANY_STREAMS};
use crate::routing::{Access, Operation, operation};

/// The routes of the change feed.
pub const ROUTES: &[Operation] = &[
    operation!(
        Access::Anyone,
        posts::changes::handlers,
        list_changes,
        [INVALID_PARAMETER, INVALID_CURSOR, INVALID_HEADER, PRECONDITION_FAILED, CURSOR_EXPIRED, CHANGES_NOT_READY]
    ),
    operation!(
        Access::Anyone,
        posts::changes::stream::handlers,
        stream_changes,
        [INVALID_PARAMETER, INVALID_CURSOR, INVALID_HEADER, TOO_MANY_STREAMS, CHANGES_NOT_READY]
    ),
];
