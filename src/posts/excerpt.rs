//! Excerpts: the beginning of a content as plain text.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Characters (Unicode scalar values) in an excerpt.
pub const MAX_EXCERPT: usize = 200;

/// So many bytes of a content are looked at: an excerpt costs the same for a page as for a book.
pub const EXCERPT_SOURCE: usize = 4096;

const OPTIONS: Options =
    Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH).union(Options::ENABLE_YAML_STYLE_METADATA_BLOCKS);

/// The beginning of a Markdown text without its markers, without code blocks, images and HTML, on one line, cut at a
/// word.
#[must_use]
pub fn of(content: &str) -> String {
    let source = content.get(..content.floor_char_boundary(EXCERPT_SOURCE)).unwrap_or(content);
    let mut text = String::new();
    let mut skipping = 0_u32;
    for event in Parser::new_ext(source, OPTIONS) {
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::Image { .. } | Tag::HtmlBlock | Tag::MetadataBlock(_)) => {
                skipping += 1;
            }
            Event::End(TagEnd::CodeBlock | TagEnd::Image | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_)) => {
                skipping = skipping.saturating_sub(1);
            }
            Event::Text(part) | Event::Code(part) if skipping == 0 => text.push_str(&part),
            Event::SoftBreak | Event::HardBreak | Event::End(_) if is_break(&event) => text.push(' '),
            _ => {}
        }
        // Whitespace is folded below, so a few more are needed than are kept.
        if text.len() > EXCERPT_SOURCE {
            break;
        }
    }
    cut(&text)
}

/// What separates words: not the end of an emphasis or a link.
fn is_break(event: &Event<'_>) -> bool {
    !matches!(event, Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link))
}

fn cut(text: &str) -> String {
    let mut excerpt = String::new();
    let mut characters = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count() + usize::from(!excerpt.is_empty());
        if characters + length > MAX_EXCERPT {
            // Scripts without spaces have words as long as paragraphs.
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
    fn an_excerpt_ends_at_a_word_within_its_limit() {
        let excerpt = of(&"word ".repeat(100));
        assert!(excerpt.chars().count() <= MAX_EXCERPT && excerpt.ends_with("word"), "{excerpt}");
        for unbroken in ["é".repeat(5000), format!("# 标题\n\n{}", "字".repeat(600))] {
            assert_eq!(of(&unbroken).chars().count(), MAX_EXCERPT);
        }
    }
}
