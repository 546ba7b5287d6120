//! Posts: the model, the routes, and the storage.

pub mod aliases;
pub mod batch;
pub mod changes;
mod column_text;
pub(crate) mod deferred_triggers;
pub mod errors;
pub mod etag;
mod examples;
pub mod excerpt;
pub mod handlers;
pub mod image;
pub mod input;
pub mod json_column;
mod json_text;
pub mod labels;
pub mod list;
pub mod metadata;
pub mod model;
pub mod patch;
pub mod publish;
pub mod put;
pub mod responses;
mod row_json;
pub mod scheduler;
mod schemas;
pub mod slug;
pub mod store;
pub mod validate;

use crate::http::error::code::{
    INVALID_CURSOR, INVALID_HEADER, INVALID_PARAMETER, KEY_REQUIRED, NOT_FOUND, PRECONDITION_FAILED,
    QUERY_TOO_EXPENSIVE,
};
use crate::posts::errors::SLUG_TAKEN;
use crate::routing::{Access, Operation, Role, operation};

const ANYONE: Access = Access::Anyone;
const EDITOR: Access = Access::AtLeast(Role::Editor);

/// The routes of posts. `/batch` and `/by-slug/…` precede `/{id}`, which would match them too.
pub const ROUTES: &[Operation] = &[
    operation!(
        ANYONE,
        posts::handlers,
        list_posts,
        [INVALID_PARAMETER, INVALID_CURSOR, INVALID_HEADER, KEY_REQUIRED, PRECONDITION_FAILED, QUERY_TOO_EXPENSIVE,]
    ),
    operation!(EDITOR, posts::handlers, create_post, [PRECONDITION_FAILED, SLUG_TAKEN]),
    operation!(EDITOR, posts::handlers, batch_create_posts, [PRECONDITION_FAILED, SLUG_TAKEN]),
    operation!(ANYONE, posts::handlers, get_post_by_slug, [INVALID_HEADER, NOT_FOUND, PRECONDITION_FAILED]),
    operation!(EDITOR, posts::handlers, put_post_by_slug, [INVALID_PARAMETER]),
    operation!(ANYONE, posts::handlers, get_post, [INVALID_HEADER, NOT_FOUND, PRECONDITION_FAILED]),
    operation!(EDITOR, posts::handlers, update_post, [NOT_FOUND, SLUG_TAKEN]),
    operation!(EDITOR, posts::handlers, delete_post, [NOT_FOUND]),
    operation!(EDITOR, posts::handlers, publish_post, [NOT_FOUND]),
    operation!(EDITOR, posts::handlers, unpublish_post, [NOT_FOUND]),
    operation!(
        ANYONE,
        posts::labels::handlers,
        list_tags,
        [INVALID_PARAMETER, INVALID_CURSOR, INVALID_HEADER, PRECONDITION_FAILED, QUERY_TOO_EXPENSIVE]
    ),
    operation!(
        ANYONE,
        posts::labels::handlers,
        list_authors,
        [INVALID_PARAMETER, INVALID_CURSOR, INVALID_HEADER, PRECONDITION_FAILED, QUERY_TOO_EXPENSIVE]
    ),
    operation!(
        ANYONE,
        posts::aliases::handlers,
        list_redirects,
        [INVALID_PARAMETER, INVALID_CURSOR, INVALID_HEADER, PRECONDITION_FAILED]
    ),
];
