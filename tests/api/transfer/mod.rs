//! The `import` and `export` commands.

mod aliases;
mod cases;
mod derived_rows;
mod ghost;
mod ghost_visibility;
mod ignored_input;
mod import_export;
mod keys;
mod mapping;
mod markdown;
mod other_formats;
mod other_settings;
mod resumable_import;
mod round_trips;
mod skip_invalid;
mod slugs;
mod wordpress;
mod wordpress_forms;
