//! Posts: the model, the routes, and the storage.

pub mod batch;
mod examples;
pub mod excerpt;
pub mod handlers;
pub mod input;
mod json_text;
pub mod list;
pub mod model;
pub mod publish;
mod responses;
pub mod scheduler;
pub mod slug;
pub mod store;

use crate::routing::{Access, Operation, Role, operation};

const ANYONE: Access = Access::Anyone;
const EDITOR: Access = Access::AtLeast(Role::Editor);

/// The routes of posts. `/batch` and `/by-slug/…` precede `/{id}`, which would match them too.
pub const ROUTES: &[Operation] = &[
    operation!(ANYONE, posts::handlers, list_posts, [InvalidParameter, InvalidCursor, KeyRequired]),
    operation!(EDITOR, posts::handlers, create_post, [SlugTaken]),
    operation!(EDITOR, posts::handlers, create_posts, [SlugTaken]),
    operation!(ANYONE, posts::handlers, get_post_by_slug, [NotFound]),
    operation!(EDITOR, posts::handlers, put_post, [InvalidParameter, InvalidHeader]),
    operation!(ANYONE, posts::handlers, get_post, [NotFound]),
    operation!(EDITOR, posts::handlers, update_post, [NotFound, SlugTaken]),
    operation!(EDITOR, posts::handlers, delete_post, [NotFound]),
    operation!(EDITOR, posts::handlers, publish_post, [NotFound]),
    operation!(EDITOR, posts::handlers, unpublish_post, [NotFound]),
];
