//! [`Words`]: collects plain text, and cuts it to the length of an excerpt.

/// The maximum length of an excerpt in characters (Unicode scalar values), including the ellipsis.
pub(super) const MAX: usize = 200;

/// The end of a cut excerpt.
const ELLIPSIS: char = '…';

/// Plain text with single spaces between words: the first [`MAX`] characters of what was pushed.
#[derive(Debug, Default)]
pub(super) struct Words {
    text: String,
    characters: usize,
    /// White space follows the text. Stored as one space as soon as another word follows.
    has_gap: bool,
    /// The text that was pushed is longer than [`MAX`] characters.
    pub(super) is_full: bool,
}

impl Words {
    pub(super) fn push(&mut self, text: &str) {
        for character in text.chars() {
            if character.is_whitespace() {
                self.push_gap();
            } else if !is_invisible(character) {
                self.push_visible(character);
            }
            if self.is_full {
                return;
            }
        }
    }

    pub(super) fn push_gap(&mut self) {
        self.has_gap = !self.text.is_empty();
    }

    fn push_visible(&mut self, character: char) {
        let length = 1 + usize::from(self.has_gap);
        self.is_full = self.characters + length > MAX;
        if self.has_gap && self.characters < MAX {
            self.text.push(' ');
        }
        if !self.is_full {
            self.text.push(character);
        }
        self.characters = (self.characters + length).min(MAX);
        self.has_gap = false;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The excerpt. It ends with an ellipsis if and only if the text is longer than [`MAX`] characters, or `has_more`
    /// says that the text continues.
    pub(super) fn into_excerpt(self, has_more: bool) -> String {
        if !self.is_full && !has_more {
            let Some(text) = self.text.strip_suffix(ELLIPSIS) else { return self.text };
            // The whole text ends with an ellipsis. Three periods distinguish it from a cut one.
            if self.characters + "...".len() - 1 <= MAX {
                return format!("{text}...");
            }
        }
        let end = cut(&self.text).trim_end_matches([' ', ',', ';', ':', ELLIPSIS]);
        format!("{end}{ELLIPSIS}")
    }
}

/// At most [`MAX`] - 1 characters, cut before the first word that does not fit. If that word begins in the first half,
/// cuts within the word: scripts without spaces, such as Chinese, have "words" that are as long as a paragraph.
fn cut(text: &str) -> &str {
    let Some((end, next)) = text.char_indices().nth(MAX - 1) else { return text };
    let (head, _) = text.split_at(end);
    match head.rsplit_once(' ') {
        Some((words, _)) if next != ' ' && words.chars().count() >= MAX / 2 => words,
        _ => head,
    }
}

/// Control characters and the soft hyphen.
fn is_invisible(character: char) -> bool {
    character.is_control() || character == '\u{ad}'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, has_more: bool) -> String {
        let mut words = Words::default();
        words.push(text);
        words.into_excerpt(has_more)
    }

    #[test]
    fn an_ellipsis_ends_exactly_the_cut_excerpts() {
        for (text, whole, beginning) in [
            ("One  two\n", "One two", "One two…"),
            ("", "", "…"),
            ("One, two,", "One, two,", "One, two…"),
            ("And so on…", "And so on...", "And so on…"),
            ("…", "...", "…"),
        ] {
            assert_eq!(
                (excerpt(text, false), excerpt(text, true)),
                (whole.to_owned(), beginning.to_owned()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn excerpts_end_at_a_word_within_the_limit() {
        for word in ["word", "wörter", "w"] {
            let text = format!("{word} ").repeat(300);
            let excerpt = excerpt(&text, false);
            assert!(excerpt.chars().count() <= MAX && excerpt.ends_with(&format!("{word}…")), "{excerpt}");
        }
        for unbroken in ["é".repeat(5000), format!("标题 {}", "字".repeat(600))] {
            assert_eq!(excerpt(&unbroken, false).chars().count(), MAX);
        }
    }

    #[test]
    fn a_text_of_the_maximum_length_is_not_cut() {
        for (length, is_cut) in [(MAX - 1, false), (MAX, false), (MAX + 1, true)] {
            let text = format!("{} {}", "a".repeat(150), "b".repeat(length - 151));
            assert_eq!(excerpt(&text, false).ends_with('…'), is_cut, "{length}");
            assert_eq!(excerpt(&format!("{text} \n"), false).ends_with('…'), is_cut, "{length}");
            let ellipsis = format!("{}…", "a".repeat(length - 1));
            // The other spelling needs two characters more.
            assert_eq!(excerpt(&ellipsis, false).ends_with('…'), length + 2 > MAX, "{length}");
            assert!(excerpt(&ellipsis, false).chars().count() <= MAX);
        }
    }
}
