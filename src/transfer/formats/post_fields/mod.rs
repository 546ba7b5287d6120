//! Fits the values of another publishing system into the fields of a post.
//!
//! A value that breaks a rule of its field goes into the metadata as it is, under the name that it has in the file. The
//! field gets the part that fits, such as the first 50 tags, or its default. Metadata over its own limits loses its
//! largest members. Each such change is a note about the post and is counted. None makes the post invalid.

mod metadata;

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::posts::aliases::model::MAX_ALIASES;
use crate::posts::labels::LabelKind;
use crate::posts::metadata::Metadata;
use crate::posts::{image, labels, validate};
use crate::transfer::formats::post_fields::metadata::fit_metadata;
use crate::transfer::printable::quoted;
use crate::transfer::report::Mapping;
use crate::validation::Invalid;

/// Collects the values of one post.
#[derive(Debug, Default)]
pub(crate) struct PostFields {
    members: Map<String, Value>,
    metadata: Metadata,
    /// The members of the metadata that are values of fields.
    invalid: HashSet<String>,
    notes: Vec<String>,
    mapping: Mapping,
}

/// The result of [`PostFields::fit`].
#[derive(Debug, Default)]
pub(crate) struct FittedFields {
    /// The members of the post's JSON object that have a value. All of them are valid.
    pub(crate) members: Map<String, Value>,
    /// How the post differs from the file.
    pub(crate) notes: Vec<String>,
    /// The values that did not fit, counted.
    pub(crate) mapping: Mapping,
}

impl PostFields {
    /// Sets the description, with its lines joined. Ignores a blank text. Returns whether the post has a description
    /// now.
    ///
    /// In each of these functions, `key` is the name of the value in the file.
    pub(crate) fn set_description(&mut self, key: &str, text: &str) -> bool {
        !text.trim().is_empty() && self.set("description", key, text, |text| validate::description(joined_lines(text)))
    }

    /// Sets the image. Ignores a blank text. Returns whether the post has an image now.
    pub(crate) fn set_image(&mut self, key: &str, url: &str) -> bool {
        !url.trim().is_empty() && self.set("image", key, url, |url| image::location(url.to_owned()))
    }

    /// Sets the alternative text of the image, with its lines joined. Returns whether the post has such a text now.
    pub(crate) fn set_image_alt(&mut self, key: &str, text: &str) -> bool {
        self.set("image_alt", key, text, |text| image::alt(text.to_owned()).or_else(|_| image::alt(joined_lines(text))))
    }

    fn set(
        &mut self,
        field: &'static str,
        key: &str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<String, Invalid>,
    ) -> bool {
        match parse(text) {
            Ok(value) => {
                self.members.insert(field.to_owned(), value.into());
                true
            }
            Err(invalid) => {
                self.keep_invalid(field, key, text.into(), &invalid.detail);
                false
            }
        }
    }

    /// Sets the tags or the authors. Ignores blank names, and names that differ from an earlier one in ASCII case only.
    pub(crate) fn set_labels(&mut self, kind: LabelKind, key: &str, names: &[String]) {
        let field = match kind {
            LabelKind::Tag => "tags",
            LabelKind::Author => "authors",
        };
        let (mut valid, mut folded, mut problem) = (Vec::new(), HashSet::new(), None);
        for name in names.iter().filter(|name| !name.trim().is_empty()) {
            match labels::name(kind, name) {
                Ok(name) if folded.insert(labels::fold(&name)) => valid.push(name),
                Ok(_) => {}
                Err(invalid) => problem = problem.or(Some(invalid.detail)),
            }
        }
        if valid.len() > kind.max_count() {
            valid.truncate(kind.max_count());
            problem = problem.or(Some(format!("must have at most {} items", kind.max_count()).into()));
        }
        if !valid.is_empty() {
            self.members.insert(field.to_owned(), json!(valid));
        }
        if let Some(problem) = problem {
            self.keep_invalid(field, key, json!(names), &problem);
        }
    }

    /// Sets the old slugs of the post, whose slug is `slug`, the oldest first. Those that are not valid as slugs, and
    /// the oldest if there are too many, become metadata. Returns the number of the others.
    pub(crate) fn set_aliases(&mut self, key: &str, slug: &str, old_slugs: &[String]) -> u64 {
        let (mut aliases, mut invalid, mut problem) = (Vec::new(), Vec::new(), None);
        for old in old_slugs.iter().filter(|old| !old.is_empty() && *old != slug) {
            match validate::slug(old.clone()) {
                Ok(old) if aliases.contains(&old) => {}
                Ok(old) => aliases.push(old),
                Err(reason) => {
                    problem = problem.or(Some(reason.detail));
                    invalid.push(old.clone());
                }
            }
        }
        let excess = aliases.len().saturating_sub(MAX_ALIASES);
        if excess > 0 {
            invalid.extend(aliases.drain(..excess));
            problem = problem.or(Some(format!("must have at most {MAX_ALIASES} items").into()));
        }
        let count = aliases.len() as u64;
        if !aliases.is_empty() {
            self.members.insert("aliases".to_owned(), json!(aliases));
        }
        if let Some(problem) = problem {
            self.keep_invalid("aliases", key, json!(invalid), &problem);
        }
        count
    }

    /// Adds a value that is invalid in its field to the metadata.
    pub(crate) fn keep_invalid(&mut self, field: &'static str, key: &str, value: Value, problem: &str) {
        let name = self.add_metadata(key, value);
        self.notes.push(format!("/{field}: {problem}; the value in the file becomes the metadata {}", quoted(&name)));
        self.mapping.unmapped.increment(format!("invalid values of {field} stored in metadata"));
        self.invalid.insert(name);
    }

    /// Adds a member to the metadata, and returns its name. If the name is in use, appends a number to it.
    pub(crate) fn add_metadata(&mut self, name: &str, value: Value) -> String {
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        let unused = names.find(|name| !self.metadata.contains_key(name)).unwrap_or_default();
        self.metadata.insert(unused.clone(), value);
        unused
    }

    /// Fits the metadata into its limits.
    pub(crate) fn fit(self) -> FittedFields {
        // Bounds the note about a post with very many members.
        const MAX_LISTED: usize = 10;
        let Self { mut members, metadata, invalid, mut notes, mut mapping } = self;
        let (metadata, omitted) = fit_metadata(metadata, &invalid);
        if !omitted.is_empty() {
            let listed =
                omitted.iter().take(MAX_LISTED).map(|(name, bytes)| format!("{} ({bytes} bytes)", quoted(name)));
            let mut list = listed.collect::<Vec<_>>().join(", ");
            if omitted.len() > MAX_LISTED {
                list = format!("{list}, and {} more", omitted.len() - MAX_LISTED);
            }
            notes.push(format!("/metadata: values that do not fit are not imported: {list}"));
        }
        mapping.unmapped.add("values that do not fit into metadata not imported", omitted.len() as u64);
        if !metadata.is_empty() {
            members.insert("metadata".to_owned(), Value::Object(metadata));
        }
        FittedFields { members, notes, mapping }
    }
}

/// Joins the lines of a text with spaces. A tab and the other control characters that are white space separate lines
/// too.
fn joined_lines(text: &str) -> String {
    let separates = |c: char| c.is_whitespace() && c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(separates) {
        return text.to_owned();
    }
    text.split(separates).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(set: impl FnOnce(&mut PostFields)) -> (Value, Vec<String>) {
        let mut fields = PostFields::default();
        set(&mut fields);
        let FittedFields { members, notes, .. } = fields.fit();
        (Value::Object(members), notes)
    }

    #[test]
    fn valid_values_go_into_their_fields() {
        let (members, notes) = fitted(|fields| {
            assert!(fields.set_description("excerpt", " one\r\n\ttwo \u{2028} three  four "));
            assert!(fields.set_image("cover", " /a.png\n"));
            assert!(fields.set_image_alt("alt", ""));
            let names = ["B", " a  b ", "", "A B", "b", "É", "é"].map(str::to_owned);
            fields.set_labels(LabelKind::Tag, "tags", &names);
            fields.set_labels(LabelKind::Author, "authors", &[" ".to_owned()]);
            fields.add_metadata("x", json!({"y": null}));
        });
        let expected = json!({
            "description": "one two three  four", "image": "/a.png", "image_alt": "", "tags": ["B", "a b", "É", "é"],
            "metadata": {"x": {}},
        });
        assert_eq!((members, notes), (expected, Vec::new()));
    }

    #[test]
    fn blank_values_are_ignored() {
        let (members, notes) = fitted(|fields| {
            assert!(!fields.set_description("excerpt", " \n"));
            assert!(!fields.set_image("cover", " "));
            fields.set_labels(LabelKind::Tag, "tags", &[]);
        });
        assert_eq!((members, notes), (json!({}), Vec::new()));
    }

    #[test]
    fn invalid_values_go_into_the_metadata() {
        let long = "x".repeat(501);
        let many: Vec<String> = (0..60).map(|number| format!("t{number}")).collect();
        let (members, notes) = fitted(|fields| {
            fields.add_metadata("excerpt", json!("taken"));
            assert!(!fields.set_description("excerpt", &long));
            assert!(!fields.set_image("cover", "javascript:alert(1)"));
            assert!(!fields.set_image_alt("alt", &format!("a\n{long}")));
            fields.set_labels(LabelKind::Tag, "tags", &many);
            fields.set_labels(LabelKind::Author, "author", &["\u{7}".to_owned(), "Ada".to_owned()]);
        });
        let expected = json!({
            "tags": many.iter().take(50).collect::<Vec<_>>(), "authors": ["Ada"],
            "metadata": {
                "excerpt": "taken", "excerpt_2": long, "cover": "javascript:alert(1)", "alt": format!("a\n{long}"),
                "tags": many, "author": ["\u{7}", "Ada"],
            },
        });
        assert_eq!(members, expected);
        assert_eq!(notes.len(), 5, "{notes:#?}");
        assert_eq!(
            notes.first().map(String::as_str),
            Some(
                "/description: must be at most 500 characters; the value in the file becomes the metadata \"excerpt_2\""
            )
        );
    }
}
