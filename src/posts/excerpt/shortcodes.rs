//! The shortcodes of WordPress, which look like `[gallery ids="1,2"]`.

use std::borrow::Cow;

/// The shortcodes that WordPress itself defines.
const NAMES: [&str; 7] = ["audio", "caption", "embed", "gallery", "playlist", "video", "wp_caption"];

/// The text without shortcodes. Like WordPress in its excerpts, drops what stands between an opening and a closing one.
pub(super) fn without_shortcodes(text: &str) -> Cow<'_, str> {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, shortcode, after)) = find(rest) {
        kept.push_str(before);
        kept.push(' ');
        let closing = format!("[/{shortcode}]");
        rest = after.split_once(closing.as_str()).map_or(after, |(_, after)| after);
    }
    if rest.len() == text.len() { Cow::Borrowed(text) } else { Cow::Owned(kept + rest) }
}

/// The text before the first shortcode, its name, and the text after it.
fn find(text: &str) -> Option<(&str, &'static str, &str)> {
    text.match_indices('[').find_map(|(start, _)| {
        let (before, shortcode) = text.split_at(start);
        let inner = shortcode.strip_prefix('[')?;
        let inner = inner.strip_prefix('/').unwrap_or(inner);
        let name = NAMES.into_iter().find(|name| {
            let after = inner.strip_prefix(name).and_then(|after| after.chars().next());
            after.is_some_and(|next| next == ']' || next == '/' || next.is_ascii_whitespace())
        })?;
        let (_, after) = inner.split_once(']')?;
        // `[video](…)` is a link, and `[video]: …` defines one.
        (!after.starts_with(['(', '[', ':'])).then_some((before, name, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shortcodes_of_wordpress_are_dropped() {
        for (text, kept) in [
            ("a [gallery ids=\"1,2\"] b", "a   b"),
            ("[caption id=\"x\"]<img src=\"x.png\"> Words[/caption]after", " after"),
            ("[embed]https://example.org[/embed]", " "),
            ("a [video] b [/audio] c", "a   b   c"),
            ("[videos] [video](x) [a][video][b] [sic]", "[videos] [video](x) [a][video][b] [sic]"),
            ("[gallery", "[gallery"),
            ("[", "["),
        ] {
            assert_eq!(without_shortcodes(text), kept, "{text}");
        }
    }
}
