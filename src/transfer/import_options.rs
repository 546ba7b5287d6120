//! [`Options`]: how to import.

use jiff::tz::TimeZone;

use crate::transfer::formats::ghost::SiteUrl;
use crate::transfer::source::Format;

/// How to import.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Options {
    pub format: Format,
    /// Skip invalid items and store the rest.
    pub skip_invalid: bool,
    /// Commit each batch and skip posts that are already stored, so that an interrupted import continues when it is
    /// repeated.
    pub resumable: bool,
    /// Replace the stored posts that have the slugs of imported ones.
    pub replace: bool,
    /// Run the import and roll it back.
    pub dry_run: bool,
    /// Also import API keys. Off by default, because the author of a malicious file would know the keys in it.
    pub keys: bool,
    /// Also import the pages in a WordPress or Ghost file, as posts.
    pub pages: bool,
    /// The time zone of dates in Markdown files that have none. UTC by default.
    pub time_zone: Option<TimeZone>,
    /// Leave out the categories of a WordPress file, which otherwise become tags.
    pub no_categories: bool,
    /// The URL of the site that a Ghost file comes from.
    pub site_url: SiteUrl,
}
