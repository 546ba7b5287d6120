//! The text of an HTML fragment, for titles and descriptions.

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;
use html5gum::{DefaultEmitter, Token, Tokenizer};
use quick_xml::escape::resolve_html5_entity;

/// The tags that a title can have. Other text in angle brackets, such as `Vec<T>`, is not markup.
const TITLE_TAGS: &[&str] = &[
    "a", "abbr", "b", "big", "br", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "q", "s", "small",
    "span", "strike", "strong", "sub", "sup", "tt", "u", "wbr",
];

/// Removes tags. A line break becomes a space.
pub(super) fn without_tags(html: &str) -> Cow<'_, str> {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tag, after)) = next_tag(rest) {
        text.push_str(before);
        if tag.eq_ignore_ascii_case("br") {
            text.push(' ');
        }
        rest = after;
    }
    if rest.len() == html.len() {
        return Cow::Borrowed(html);
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Splits at the next tag: the text before, the tag's name, and the text after.
fn next_tag(html: &str) -> Option<(&str, &str, &str)> {
    html.match_indices('<').find_map(|(start, _)| {
        let before = html.get(..start)?;
        let (tag, after) = html.get(start + 1..)?.split_once('>')?;
        let tag = tag.strip_prefix('/').unwrap_or(tag);
        let name = tag.split(|c: char| c.is_whitespace() || c == '/').next()?;
        let is_tag = TITLE_TAGS.iter().any(|known| known.eq_ignore_ascii_case(name)) && !tag.contains('<');
        is_tag.then_some((before, name, after))
    })
}

/// The text of a fragment with any elements, in one line: white space and the bounds of blocks become single spaces.
pub(super) fn plain_text(html: &str) -> String {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut text = String::new();
    let mut is_code = false;
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        let tag = match &token {
            Token::String(part) if !is_code => {
                text.push_str(&String::from_utf8_lossy(part));
                continue;
            }
            Token::StartTag(tag) => &tag.name,
            Token::EndTag(tag) => &tag.name,
            _ => continue,
        };
        let name = String::from_utf8_lossy(tag);
        is_code = matches!(token, Token::StartTag(_)) && matches!(&*name, "script" | "style");
        if name == "br" || !TITLE_TAGS.contains(&&*name) {
            text.push(' ');
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Longer than the longest name of a character reference.
const MAX_REFERENCE: usize = 40;

/// Replaces the character references, such as `&amp;` and `&#8217;`, once: `&amp;lt;` becomes `&lt;`.
pub(super) fn decode_references(html: &str) -> Cow<'_, str> {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        rest = after;
        let end = after.bytes().take(MAX_REFERENCE).position(|byte| byte == b';');
        let decoded = end
            .and_then(|end| after.split_at_checked(end))
            .and_then(|(name, tail)| Some((decode_reference(name)?, tail.strip_prefix(';')?)));
        match decoded {
            Some((decoded, tail)) => {
                text.push_str(&decoded);
                rest = tail;
            }
            None => text.push('&'),
        }
    }
    if text.is_empty() {
        return Cow::Borrowed(html);
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The text of `&name;`. `None` if there is no such reference.
pub(super) fn decode_reference(name: &str) -> Option<Cow<'static, str>> {
    let Some(number) = name.strip_prefix('#') else { return resolve_html5_entity(name).map(Cow::Borrowed) };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    let code = code.ok().filter(|_| !number.starts_with('+'))?;
    // HTML gives these numbers the meaning that they have in Windows-1252.
    if let Some(byte) = u8::try_from(code).ok().filter(|byte| (0x80..0xa0).contains(byte)) {
        return Some(Cow::Owned(WINDOWS_1252.decode_without_bom_handling(&[byte]).0.into_owned()));
    }
    char::from_u32(code).filter(|c| *c != '\0').map(|c| Cow::Owned(c.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_decoded_once() {
        for (html, text) in [
            ("Q&amp;A &#8211; it&#8217;s", "Q&A – it’s"),
            ("&amp;lt; &amp;amp; &lt;b&gt;", "&lt; &amp; <b>"),
            ("&nbsp;&hellip;&Eacute;&#x1F980;&#X41;", "\u{a0}…É🦀A"),
            ("&#150;&#0;&#xD800;&#99999999999;", "–&#0;&#xD800;&#99999999999;"),
            ("AT&T; R&D & co &unknown; &", "AT&T; R&D & co &unknown; &"),
            ("&&amp;;&#;&#x;&#+65;", "&&;&#;&#x;&#+65;"),
            ("plain", "plain"),
        ] {
            assert_eq!(decode_references(html), text, "{html}");
        }
    }

    #[test]
    fn plain_text_has_no_markup() {
        for (html, text) in [
            ("<p>One\n two</p><p>th<b>ree</b> &amp; four<br/>five</p>", "One two three & four five"),
            ("a < b &lt;c&gt; &#8217;", "a < b <c> ’"),
            ("a<script>if (a < b) {}</script><!-- c --><style>p {}</style><ul><li>d</li><li>e", "a d e"),
            ("a<img alt=\"x\"> <wbr>b", "a b"),
            (" \n ", ""),
        ] {
            assert_eq!(plain_text(html), text, "{html}");
        }
    }

    #[test]
    fn only_known_tags_are_removed() {
        for (html, text) in [
            ("<em>Hi</em> there", "Hi there"),
            ("a<br>b<BR/>c<br />d", "a b c d"),
            ("<a href=\"x\">link</a><span>", "link"),
            ("Vec<T> <3 a < b > c </div>", "Vec<T> <3 a < b > c </div>"),
            ("<em", "<em"),
            ("é<b>é</b>", "éé"),
        ] {
            assert_eq!(without_tags(html), text, "{html}");
        }
    }
}
