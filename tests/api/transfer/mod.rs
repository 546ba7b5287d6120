//! The `import` and `export` commands.

mod ghost;
mod import_export;
mod keys;
mod other_formats;
mod resumable_import;
mod round_trips;
mod wordpress;
