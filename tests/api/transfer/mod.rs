//! The `import` and `export` commands.

mod aliases;
mod cases;
mod ghost;
mod ghost_visibility;
mod ignored_input;
mod import_export;
mod keys;
mod other_formats;
mod resumable_import;
mod round_trips;
mod skip_invalid;
mod slugs;
mod wordpress;
mod wordpress_forms;
