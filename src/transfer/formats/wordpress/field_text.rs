//! The text of one element.

use std::borrow::Cow;

use crate::transfer::formats::html_text::decode_reference;

/// Once a text is longer than this, in bytes, the rest is ignored. Validation rejects content of this length.
const MAX_TEXT: usize = 1024 * 1024;

/// Collects the text of an element. The text should be in a CDATA section or escaped, but some programs write the
/// markup of a post as it is.
#[derive(Debug, Default)]
pub(super) struct FieldText {
    /// The text without tags, with references decoded.
    text: String,
    /// The text with tags and references as they are in the file. `None` as long as it equals `text`.
    source: Option<String>,
    has_markup: bool,
    has_cdata: bool,
    /// Whitespace that belongs to the text only if more text follows.
    blank: String,
    /// The number of characters that were left out because XML does not allow them.
    pub(super) removed: u64,
}

impl FieldText {
    pub(super) fn push_text(&mut self, text: &str) {
        if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
            self.blank.push_str(text);
            self.blank.truncate(MAX_TEXT);
        } else {
            self.push(text, text);
        }
    }

    pub(super) fn push_cdata(&mut self, text: &str) {
        // Whitespace between the tag and the section only formats the file.
        if self.text.is_empty() && !self.has_markup {
            self.blank.clear();
        }
        self.has_cdata |= !text.is_empty();
        self.push(text, text);
    }

    /// A reference such as `&amp;`, without `&` and `;`. One that does not exist is text.
    pub(super) fn push_reference(&mut self, name: &str) {
        let source = format!("&{name};");
        let decoded = decode_reference(name).unwrap_or(Cow::Borrowed(&source));
        self.push(&decoded, &source);
    }

    /// A tag, a comment, or a processing instruction.
    pub(super) fn push_markup(&mut self, markup: &str) {
        self.has_markup = true;
        self.push("", markup);
    }

    fn push(&mut self, text: &str, source: &str) {
        let blank = std::mem::take(&mut self.blank);
        if self.source.is_none() && text != source {
            self.source = Some(self.text.clone());
        }
        let (text, removed) = without_controls(text);
        self.removed += removed;
        push_limited(&mut self.text, &blank);
        push_limited(&mut self.text, &text);
        if let Some(own_source) = &mut self.source {
            push_limited(own_source, &blank);
            push_limited(own_source, &without_controls(source).0);
        }
    }

    /// The text without tags.
    pub(super) fn into_text(mut self) -> String {
        if !self.has_cdata {
            self.text.push_str(&self.blank);
        }
        self.text
    }

    /// The text as HTML: with the markup, if there is any.
    pub(super) fn into_html(mut self) -> String {
        match self.source.take_if(|_| self.has_markup) {
            Some(source) => source,
            None => self.into_text(),
        }
    }

    /// The text without whitespace around it.
    pub(super) fn word(&self) -> &str {
        self.text.trim()
    }

    /// Whether there is a CDATA section that is not empty. Its whitespace is not formatting.
    pub(super) fn has_cdata(&self) -> bool {
        self.has_cdata
    }
}

fn push_limited(text: &mut String, more: &str) {
    if text.len() <= MAX_TEXT {
        text.push_str(more);
    }
}

/// Removes the characters that XML 1.0 does not allow (section 2.2). WordPress exports them nevertheless.
fn without_controls(text: &str) -> (Cow<'_, str>, u64) {
    let is_allowed =
        |c: &char| !matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    let removed = text.chars().filter(|c| !is_allowed(c)).count() as u64;
    if removed == 0 {
        return (Cow::Borrowed(text), 0);
    }
    (Cow::Owned(text.chars().filter(is_allowed).collect()), removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitespace_around_cdata_is_formatting() {
        let mut field = FieldText::default();
        field.push_text("\n  ");
        field.push_cdata(" a");
        field.push_text("\n");
        field.push_cdata("b ");
        field.push_text("\n  ");
        assert_eq!(field.into_text(), " a\nb ");
    }

    #[test]
    fn markup_is_part_of_the_html_and_not_of_the_text() {
        let field = || {
            let mut field = FieldText::default();
            field.push_text("a ");
            field.push_reference("amp");
            field.push_markup("<b>");
            field.push_reference("lt");
            field.push_markup("</b>");
            field.push_reference("nothing");
            field
        };
        assert_eq!(field().into_html(), "a &amp;<b>&lt;</b>&nothing;");
        assert_eq!(field().into_text(), "a &<&nothing;");
        let mut escaped = FieldText::default();
        escaped.push_reference("lt");
        escaped.push_text("p");
        escaped.push_reference("gt");
        assert_eq!(escaped.into_html(), "<p>");
    }
}
