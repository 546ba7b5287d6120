//! Size limits of exports and imports.

/// Posts read or written per statement. SQLite binds at most 32,766 values per statement, PostgreSQL 65,535.
pub(crate) const BATCH_SIZE: u16 = 500;

/// An import also stores its batch as soon as the items in the batch exceed this size. This bounds its memory use: one
/// batch is parsed while another one is stored.
pub(crate) const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// The longest line or element of an import file. JSON escapes make a post of 512 KiB at most six times as long.
pub(crate) const MAX_ITEM_BYTES: u64 = 16 * 1024 * 1024;
/// [`MAX_ITEM_BYTES`] in messages.
pub(crate) const MAX_ITEM: &str = "16 MiB";

/// The largest id that an import accepts: 2^52. All ids are below 2^53, so 2^52 ids remain for later posts.
pub(crate) const MAX_IMPORTED_ID: i64 = 1 << 52;
