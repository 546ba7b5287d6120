//! Tags and authors: the rules for their names, and the lists of those that published posts have.

pub mod handlers;
pub mod page;
pub mod params;
pub mod query;
pub mod store;

use std::collections::HashMap;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::Serialize;
use serde_json::Value;

use crate::validation::{FieldError, Invalid, JsonValue};

/// What a label says about a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum LabelKind {
    Tag,
    Author,
}

impl LabelKind {
    /// The maximum number of labels of a post.
    #[must_use]
    pub const fn max_count(self) -> usize {
        match self {
            Self::Tag => 50,
            Self::Author => 20,
        }
    }

    /// The maximum length of a name, in characters (Unicode scalar values).
    #[must_use]
    pub const fn max_length(self) -> usize {
        match self {
            Self::Tag => 100,
            Self::Author => 200,
        }
    }
}

/// The name as it is stored: in Unicode normalization form C, trimmed, with one space for each run of white space.
///
/// # Errors
/// The name is empty, contains a control character that is not white space, or is longer than the limit of its kind.
pub fn name(kind: LabelKind, text: &str) -> Result<String, Invalid> {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let name = composed.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        return Err(Invalid::new("empty", "must not be empty"));
    }
    if name.contains(char::is_control) {
        return Err(Invalid::new("format", "must not contain control characters"));
    }
    if name.chars().count() > kind.max_length() {
        return Err(Invalid::new("too_long", format!("must be at most {} characters", kind.max_length())));
    }
    Ok(name)
}

/// The name for comparisons: without ASCII case. Both databases do the same.
#[must_use]
pub fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Parses the labels of one kind. Two labels that differ by ASCII case only are duplicates.
///
/// # Errors
/// The value is not an array, has too many items, or has invalid or repeated items. The pointers are relative to it.
pub fn names(kind: LabelKind, value: Value) -> Result<Vec<String>, Vec<FieldError>> {
    let values = Vec::<Value>::from_json(value).map_err(|invalid| vec![invalid.at("")])?;
    if values.len() > kind.max_count() {
        let detail = format!("must have at most {} items", kind.max_count());
        return Err(vec![Invalid::new("too_many", detail).at("")]);
    }
    let (mut names, mut errors, mut seen) = (Vec::with_capacity(values.len()), Vec::new(), HashMap::new());
    for (index, value) in values.into_iter().enumerate() {
        let unique = String::from_json(value).and_then(|text| name(kind, &text)).and_then(|name| {
            match seen.insert(fold(&name), index) {
                None => Ok(name),
                Some(first) => Err(Invalid::new("duplicate", format!("repeats item {first}, except for ASCII case"))),
            }
        });
        match unique {
            Ok(name) => names.push(name),
            Err(invalid) => errors.push(invalid.at(&format!("/{index}"))),
        }
    }
    if errors.is_empty() { Ok(names) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_composed_trimmed_and_folded_to_single_spaces() {
        for (text, stored) in [
            (" C++ ", "C++"),
            ("web\t \n dev", "web dev"),
            ("no\u{a0}break", "no break"),
            ("e\u{301}", "é"),
            ("\u{2001}a", "a"),
            ("日本", "日本"),
        ] {
            assert_eq!(name(LabelKind::Tag, text).unwrap(), stored);
        }
        for (text, code) in [
            ("", "empty"),
            (" \t", "empty"),
            ("a\u{7}b", "format"),
            ("a\u{9f}", "format"),
            (&"é".repeat(101), "too_long"),
        ] {
            assert_eq!(name(LabelKind::Tag, text).unwrap_err().code, code, "{text:?}");
        }
        assert!(name(LabelKind::Tag, &"e\u{301}".repeat(100)).is_ok());
        assert!(name(LabelKind::Author, &"x".repeat(200)).is_ok());
    }

    #[test]
    fn duplicates_differ_by_ascii_case_only() {
        assert_eq!(names(LabelKind::Tag, json!(["É", "é", "a", "b"])).unwrap().len(), 4);
        let errors = names(LabelKind::Tag, json!(["a", 1, "A", "", "e\u{301}", "é"])).unwrap_err();
        let found: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code)).collect();
        assert_eq!(found, [("/1", "type"), ("/2", "duplicate"), ("/3", "empty"), ("/5", "duplicate")]);
        assert_eq!(names(LabelKind::Author, json!(vec!["a"; 21])).unwrap_err()[0].code, "too_many");
        assert_eq!(names(LabelKind::Author, json!({})).unwrap_err()[0].code, "type");
    }

    proptest! {
        #[test]
        fn normalization_is_idempotent(text in "(?s).{0,40}") {
            if let Ok(once) = name(LabelKind::Tag, &text) {
                prop_assert_eq!(name(LabelKind::Tag, &once).unwrap(), once);
            }
        }
    }
}
