//! The `import` and `export` commands.

mod import_export;
mod keys;
mod resumable_import;
mod wordpress_and_ghost;
