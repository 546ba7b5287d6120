//! Text from import files in messages.

use std::fmt;
use std::fmt::Write;

/// Displays text with control characters escaped, so that a file cannot control the terminal that shows a message.
/// Also escapes the invisible characters that change the order or the lines of the text around them.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\n' => f.write_str("\\n"),
            '\r' => f.write_str("\\r"),
            '\t' => f.write_str("\\t"),
            c if is_hidden(c) => write!(f, "\\u{{{:x}}}", u32::from(c)),
            c => f.write_char(c),
        })
    }
}

fn is_hidden(c: char) -> bool {
    // The ranges are the marks, embeddings, and isolates of bidirectional text, and the line and paragraph separators.
    let is_format = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    c.is_control() || is_format
}

/// The text in quotation marks, cut to its first 100 characters.
pub(crate) fn quoted(text: &str) -> String {
    const MAX_QUOTED: usize = 100;
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("\"{}…\"", text.get(..end).unwrap_or_default()),
        None => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_letters_are_not() {
        for (text, expected) in [
            ("สวัสดี, привет, 👩‍💻 \"it’s\" \\", "สวัสดี, привет, 👩‍💻 \"it’s\" \\"),
            ("a\tb\r\nc", "a\\tb\\r\\nc"),
            ("\u{1b}[2J\u{7f}\u{9b}\0", "\\u{1b}[2J\\u{7f}\\u{9b}\\u{0}"),
            ("\u{202e}gpj.exe\u{2066}\u{2028}", "\\u{202e}gpj.exe\\u{2066}\\u{2028}"),
        ] {
            assert_eq!(Printable(text).to_string(), expected);
        }
        assert_eq!(quoted(&"é".repeat(101)), format!("\"{}…\"", "é".repeat(100)));
    }
}
