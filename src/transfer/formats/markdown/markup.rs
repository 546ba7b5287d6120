//! What the text of a post contains: its first heading, and markup that is not Markdown.

use pulldown_cmark::{Event, HeadingLevel, Parser, Tag, TagEnd};

/// The text of the first heading of level 1.
pub(super) fn first_heading(text: &str) -> Option<String> {
    let mut heading: Option<String> = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(heading) = &mut heading {
                    heading.push(' ');
                }
            }
            Event::End(TagEnd::Heading(HeadingLevel::H1)) => {
                let text = heading.take().unwrap_or_default().trim().to_owned();
                if !text.is_empty() {
                    return Some(text);
                }
            }
            _ => {}
        }
    }
    None
}

/// What posts-api stores as text and does not process, as descriptions for the report.
pub(super) fn unprocessed(text: &str, is_mdx: bool) -> Vec<&'static str> {
    let is_pair = |line: &str, opening: &str, closing: &str| {
        line.find(opening).zip(line.rfind(closing)).is_some_and(|(start, end)| start + opening.len() <= end)
    };
    let has_pair = |opening: &str, closing: &str| text.lines().any(|line| is_pair(line, opening, closing));
    let has_shortcodes = has_pair("{{<", ">}}") || has_pair("{{%", "%}}");
    let has_liquid = has_pair("{%", "%}") && !has_pair("{{%", "%}}") || !has_shortcodes && has_pair("{{", "}}");
    [
        (has_shortcodes, "posts with shortcodes, stored as text"),
        (has_liquid, "posts with Liquid or other templates, stored as text"),
        (is_mdx, "posts in MDX, stored as text"),
    ]
    .into_iter()
    .filter(|(is_present, _)| *is_present)
    .map(|(_, description)| description)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_heading_of_level_1_is_found() {
        for (text, expected) in [
            ("Text\n\n## Two\n\n# A *fine* `title`\n\n# Other", Some("A fine title")),
            ("A\ntitle\n===\n", Some("A title")),
            ("```\n# Code\n```\n\n#\n\n# Real #", Some("Real")),
            ("No heading", None),
            ("#hashtag", None),
        ] {
            assert_eq!(first_heading(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn unprocessed_markup_is_recognized() {
        for (text, expected) in [
            ("{{< youtube x >}}", &["posts with shortcodes, stored as text"][..]),
            ("{{% note %}}", &["posts with shortcodes, stored as text"]),
            ("{% include x %}", &["posts with Liquid or other templates, stored as text"]),
            ("{{ site.url }}", &["posts with Liquid or other templates, stored as text"]),
            ("{ {% %", &[]),
            ("{{\n}}", &[]),
        ] {
            assert_eq!(unprocessed(text, false), expected, "{text}");
        }
        assert_eq!(unprocessed("text", true), ["posts in MDX, stored as text"]);
    }
}
