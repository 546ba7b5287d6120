//! Parses and validates the values of a post's fields, and defines their limits.

use crate::db::{InvalidTimestamp, Timestamp};
use crate::validation::Invalid;

/// The maximum length of a title in characters (Unicode scalar values), after trimming.
pub const MAX_TITLE: usize = 200;
/// The maximum length of a slug in characters, which are all ASCII.
pub const MAX_SLUG: usize = 200;
/// The maximum length of a description in characters, after trimming.
pub const MAX_DESCRIPTION: usize = 500;
/// The maximum length of the content in bytes of UTF-8: 512 KiB.
pub const MAX_CONTENT: usize = 512 * 1024;

/// Trims a title and checks its length.
///
/// # Errors
/// The title is empty after trimming, or longer than [`MAX_TITLE`].
pub fn title(text: String) -> Result<String, Invalid> {
    match text.trim() {
        "" => Err(Invalid::new("empty", "must not be empty")),
        title if title.chars().count() > MAX_TITLE => Err(Invalid::new("too_long", "must be at most 200 characters")),
        title if title.len() == text.len() => Ok(text),
        title => Ok(title.to_owned()),
    }
}

/// Trims a description, and checks its length and that it is one line.
///
/// # Errors
/// The description is empty after trimming, longer than [`MAX_DESCRIPTION`], or contains a line break or another
/// control character.
pub fn description(text: String) -> Result<String, Invalid> {
    let description = text.trim();
    if description.is_empty() {
        return Err(Invalid::new("empty", "must not be empty; null removes the description"));
    }
    if description.chars().count() > MAX_DESCRIPTION {
        return Err(Invalid::new("too_long", "must be at most 500 characters"));
    }
    if description.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(Invalid::new("format", "must be one line without control characters"));
    }
    Ok(description.to_owned())
}

/// Checks the length of the content.
///
/// # Errors
/// The content is longer than [`MAX_CONTENT`].
pub fn content(text: String) -> Result<String, Invalid> {
    if text.len() <= MAX_CONTENT {
        Ok(text)
    } else {
        Err(Invalid::new("too_long", "must be at most 524288 bytes of UTF-8"))
    }
}

/// Checks the characters and the length of a slug.
///
/// # Errors
/// The slug does not match `[a-z0-9]+(-[a-z0-9]+)*`, or is longer than [`MAX_SLUG`].
pub fn slug(text: String) -> Result<String, Invalid> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !text.split('-').all(is_word) {
        return Err(Invalid::new("format", "must consist of words of a-z and 0-9 joined by single hyphens"));
    }
    if text.len() > MAX_SLUG {
        return Err(Invalid::new("too_long", "must be at most 200 characters"));
    }
    Ok(text)
}

/// Parses an RFC 3339 time.
///
/// # Errors
/// The text is not an RFC 3339 time, or the time is outside the range of [`Timestamp`].
pub fn time(text: String) -> Result<Timestamp, Invalid> {
    text.parse().map_err(|error: InvalidTimestamp| Invalid::new("format", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_trimmed_and_limited_in_characters() {
        assert_eq!(title("  Hello \n".into()).unwrap(), "Hello");
        assert_eq!(title("é".repeat(200)).unwrap().chars().count(), 200);
        assert_eq!(title("é".repeat(201)).unwrap_err().code, "too_long");
        assert_eq!(title(" \t ".into()).unwrap_err().code, "empty");
    }

    #[test]
    fn descriptions_are_one_line() {
        assert_eq!(description(" a é \n".into()).unwrap(), "a é");
        for (text, code) in [("", "empty"), (" \n", "empty"), ("a\nb", "format"), ("a\u{2028}b", "format")] {
            assert_eq!(description(text.into()).unwrap_err().code, code);
        }
        assert_eq!(description("é".repeat(501)).unwrap_err().code, "too_long");
    }

    #[test]
    fn slugs_are_lower_case_words_joined_by_single_hyphens() {
        for good in ["a", "0", "hello-world", "rust-1-0"] {
            assert_eq!(slug(good.into()).unwrap(), good);
        }
        for bad in ["", "-", "a-", "-a", "a--b", "A", "a_b", "é", "a b"] {
            assert_eq!(slug(bad.into()).unwrap_err().code, "format", "{bad}");
        }
        assert!(slug("a".repeat(200)).is_ok());
        assert_eq!(slug("a".repeat(201)).unwrap_err().code, "too_long");
    }
}
