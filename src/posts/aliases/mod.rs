//! Aliases: the old slugs of posts, which redirect to the present slug.
//!
//! Triggers of the database maintain the table `post_aliases`, so that renames by external writers count too; see
//! `migrations/*/*_create_post_aliases/up.sql`. This module reads it, and stores the aliases of imported posts.

pub mod handlers;
pub mod lookup;
pub mod model;
pub(crate) mod params;
pub(crate) mod store;
