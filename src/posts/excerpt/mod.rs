//! Excerpts: how they are derived from the content, and how they are read from the database.

mod extractor;
mod shortcodes;
mod words;

use diesel::Queryable;
use diesel::sql_types::{Nullable, Text};

use crate::db::FixedSql;
use crate::posts::excerpt::extractor::Extractor;
use crate::posts::excerpt::shortcodes::without_shortcodes;

/// The number of bytes at the beginning of the content that the excerpt is derived from. This bounds the parsing time.
pub const EXCERPT_SOURCE: usize = 4096;

/// The beginning of a content as one line of plain text, at most 200 characters long.
///
/// The content is Markdown, HTML, or a mixture. Omits markup, headings, code blocks, images with their captions,
/// footnotes, scripts, and front matter. If the content has no other text, the headings are the excerpt. Cuts before
/// the first word that does not fit, and then ends with `…`. A content longer than [`EXCERPT_SOURCE`] is always cut.
#[must_use]
pub fn of(content: &str) -> String {
    let source = content.get(..content.floor_char_boundary(EXCERPT_SOURCE)).unwrap_or(content);
    let is_beginning = source.len() < content.len();
    let source = if is_beginning { whole_lines(source) } else { source };
    Extractor::new(is_beginning).extract(&without_shortcodes(source))
}

/// Drops the last line, which may end within markup, unless this would drop most of the text.
fn whole_lines(source: &str) -> &str {
    match source.rsplit_once('\n') {
        Some((lines, last)) if last.len() < lines.len() => lines,
        _ => source,
    }
}

/// The selected columns of [`StoredExcerpt`].
pub type StoredExcerptColumns = (FixedSql<Nullable<Text>>, FixedSql<Nullable<Text>>);

/// The excerpt in a row: the description, or the stored beginning of the content. The latter is null if an external
/// writer changed the content; it is then derived at each read.
#[derive(Queryable)]
pub struct StoredExcerpt {
    excerpt: Option<String>,
    /// The beginning of the content. Null if there is an excerpt.
    content: Option<String>,
}

macro_rules! excerpt_column {
    () => {
        "coalesce(posts.description, posts.excerpt)"
    };
}

/// `substr` counts characters, so it returns more than the first [`EXCERPT_SOURCE`] bytes if the content is longer.
macro_rules! content_column {
    () => {
        "CASE WHEN posts.description IS NULL AND posts.excerpt IS NULL THEN substr(posts.content, 1, 4097) END"
    };
}

/// The expressions to select for [`StoredExcerpt`].
pub(crate) fn stored() -> StoredExcerptColumns {
    (FixedSql::new(excerpt_column!()), FixedSql::new(content_column!()))
}

/// The same expressions in a list, after others.
pub(crate) const STORED: &str = concat!(", ", excerpt_column!(), ", ", content_column!());

impl From<StoredExcerpt> for String {
    fn from(StoredExcerpt { excerpt, content }: StoredExcerpt) -> Self {
        excerpt.unwrap_or_else(|| of(content.as_deref().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests;
