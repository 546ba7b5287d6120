//! Escapes text from clients, users, and files before it is shown to a person. Without it, such text could send escape
//! sequences to a terminal, start a new line, or change the order in which characters are displayed.
//!
//! Every log line and every human-readable output of the commands passes through this module. It uses no other module.

use std::borrow::Cow;
use std::fmt;
use std::io;

/// Whether a character must not be shown as it is: a control character (C0, DEL, C1), a Unicode line or paragraph
/// separator, or a character with the Unicode property `Bidi_Control`.
#[must_use]
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Escapes the unsafe characters as in Rust: `\n`, `\u{1b}`.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    // Writing to a string cannot fail.
    let _ = fmt::Write::write_str(&mut EscapingWriter(&mut escaped), text);
    Cow::Owned(escaped)
}

/// Escapes each line of a text that has several lines, and keeps the line feeds.
#[must_use]
pub fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// Escapes the unsafe characters of formatted text, as [`escape`] does.
pub struct EscapingWriter<'a, W>(pub &'a mut W);

impl<W: fmt::Write> fmt::Write for EscapingWriter<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(is_unsafe) {
            match part.chars().next_back().filter(|last| is_unsafe(*last)) {
                Some(last) => {
                    self.0.write_str(part.strip_suffix(last).unwrap_or(part))?;
                    write!(self.0, "{}", last.escape_default())?;
                }
                None => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// Escapes the unsafe characters that JSON strings may contain, such as C1 and bidirectional control characters, as
/// `\uXXXX`. The JSON value does not change.
pub struct JsonEscapingWriter<W>(pub W);

impl<W: io::Write> io::Write for JsonEscapingWriter<W> {
    /// Expects whole lines, so that no character is split between two calls.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        if text.contains(is_unsafe_in_json) {
            self.0.write_all(escape_json(&text).as_bytes())?;
        } else {
            self.0.write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Escapes the unsafe characters in the strings of a JSON text.
#[must_use]
pub fn escape_json(json: &str) -> String {
    let mut units = [0; 2];
    let mut escaped = String::with_capacity(json.len() + 32);
    for character in json.chars() {
        if is_unsafe_in_json(character) {
            for unit in character.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = fmt::Write::write_fmt(&mut escaped, format_args!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Excludes the ASCII characters except DEL. JSON already escapes other ASCII control characters in strings, and the
/// line feed after a value must not be escaped.
fn is_unsafe_in_json(character: char) -> bool {
    is_unsafe(character) && !character.is_ascii() || character == '\u{7f}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_characters_are_escaped_and_others_kept() {
        for (text, escaped) in [
            ("Café 日本 👩‍👩‍👧 שלום \"\\", "Café 日本 👩‍👩‍👧 שלום \"\\"),
            ("a\nb\r\tc\0", r"a\nb\r\tc\u{0}"),
            ("\u{1b}[31m\u{1b}]0;x\u{7}", r"\u{1b}[31m\u{1b}]0;x\u{7}"),
            ("\u{7f}\u{80}\u{9b}31m\u{9f}", r"\u{7f}\u{80}\u{9b}31m\u{9f}"),
            ("\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}", r"\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}"),
            ("\u{2066}\u{2067}\u{2068}\u{2069}", r"\u{2066}\u{2067}\u{2068}\u{2069}"),
            ("\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}", r"\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}"),
        ] {
            assert_eq!(escape(text), escaped);
            assert_eq!(escape_lines(text), escaped.replace(r"\n", "\n"));
        }
    }

    #[test]
    fn escaped_json_is_safe_and_has_the_same_value() {
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let json = serde_json::to_string(&character).unwrap();
            let escaped = escape_json(&json);
            assert!(!escaped.contains(is_unsafe), "{escaped:?}");
            assert_eq!(serde_json::from_str::<char>(&escaped).unwrap(), character);
        }
    }
}
