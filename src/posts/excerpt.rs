//! Excerpts: how they are derived from the content, and how they are read from the database.

use diesel::Queryable;
use diesel::sql_types::{Nullable, Text};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::db::FixedSql;
use crate::schema::posts;

/// The maximum length of an excerpt in characters (Unicode scalar values).
pub const MAX_EXCERPT: usize = 200;

/// The number of bytes at the beginning of the content that the excerpt is derived from. This bounds the parsing time.
pub const EXCERPT_SOURCE: usize = 4096;

const OPTIONS: Options =
    Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH).union(Options::ENABLE_YAML_STYLE_METADATA_BLOCKS);

/// The beginning of a Markdown text as one line of plain text, at most [`MAX_EXCERPT`] characters long.
///
/// Omits Markdown syntax, code blocks, images, HTML, and front matter. Cuts before the first word that does not fit. If
/// that word begins in the first half of the excerpt, cuts within the word.
#[must_use]
pub fn of(content: &str) -> String {
    let source = content.get(..content.floor_char_boundary(EXCERPT_SOURCE)).unwrap_or(content);
    let mut text = String::new();
    let mut omitted_depth = 0_u32;
    for event in Parser::new_ext(source, OPTIONS) {
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::Image { .. } | Tag::HtmlBlock | Tag::MetadataBlock(_)) => {
                omitted_depth += 1;
            }
            Event::End(TagEnd::CodeBlock | TagEnd::Image | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_)) => {
                omitted_depth = omitted_depth.saturating_sub(1);
            }
            Event::Text(part) | Event::Code(part) if omitted_depth == 0 => text.push_str(&part),
            Event::SoftBreak | Event::HardBreak | Event::End(_) if is_break(&event) => text.push(' '),
            _ => {}
        }
        // Collects more text than the excerpt can have, because `cut` collapses whitespace.
        if text.len() > EXCERPT_SOURCE {
            break;
        }
    }
    cut(&text)
}

/// Whether the event separates words. The end of an emphasis or a link does not.
fn is_break(event: &Event<'_>) -> bool {
    !matches!(event, Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link))
}

/// The selected columns of [`StoredExcerpt`].
pub type StoredExcerptColumns = (posts::excerpt, FixedSql<Nullable<Text>>);

/// The excerpt in a row. Null if an external writer changed the content; the excerpt is then derived at each read.
#[derive(Queryable)]
pub struct StoredExcerpt {
    excerpt: Option<String>,
    /// The beginning of the content. Null if the excerpt is stored.
    content: Option<String>,
}

/// The expressions to select for [`StoredExcerpt`]. `substr` counts characters, so it returns at least the first
/// [`EXCERPT_SOURCE`] bytes.
pub(crate) fn stored() -> StoredExcerptColumns {
    let content = "CASE WHEN posts.excerpt IS NULL THEN substr(posts.content, 1, 4096) END";
    (posts::excerpt, FixedSql::new(content))
}

impl From<StoredExcerpt> for String {
    fn from(StoredExcerpt { excerpt, content }: StoredExcerpt) -> Self {
        excerpt.unwrap_or_else(|| of(content.as_deref().unwrap_or_default()))
    }
}

/// Collapses whitespace, and cuts the text to the length of an excerpt.
fn cut(text: &str) -> String {
    let mut excerpt = String::new();
    let mut characters = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count() + usize::from(!excerpt.is_empty());
        if characters + length > MAX_EXCERPT {
            // Scripts without spaces, such as Chinese, have "words" that are as long as a paragraph.
            if characters < MAX_EXCERPT / 2 {
                let space = usize::from(!excerpt.is_empty());
                excerpt.push_str(if space == 1 { " " } else { "" });
                excerpt.extend(word.chars().take(MAX_EXCERPT - characters - space));
            }
            break;
        }
        if !excerpt.is_empty() {
            excerpt.push(' ');
        }
        excerpt.push_str(word);
        characters += length;
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_markers_are_stripped() {
        for (content, excerpt) in [
            (
                "# Title\n\nSome *text* with a [link](https://example.org) and `code`.",
                "Title Some text with a link and code.",
            ),
            ("```rust\nfn main() {}\n```\n\nAfter ![alt](x.png)the code.", "After the code."),
            ("<div>html</div>\n\n- one\n- **two**", "one two"),
            ("a  \nb\nc", "a b c"),
            ("---\ntitle: Front\n---\n\nMatter.", "Matter."),
            ("", ""),
        ] {
            assert_eq!(of(content), excerpt);
        }
    }

    #[test]
    fn excerpts_end_at_a_word_within_the_limit() {
        let excerpt = of(&"word ".repeat(100));
        assert!(excerpt.chars().count() <= MAX_EXCERPT && excerpt.ends_with("word"), "{excerpt}");
        for unbroken in ["é".repeat(5000), format!("# 标题\n\n{}", "字".repeat(600))] {
            assert_eq!(of(&unbroken).chars().count(), MAX_EXCERPT);
        }
    }
}
