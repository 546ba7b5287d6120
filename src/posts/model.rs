//! What a post is: the row, the JSON, and the limits of its fields.

use diesel::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::{InvalidTimestamp, Timestamp};
use crate::posts::examples;
use crate::schema::posts;
use crate::validation::Invalid;

/// A post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, Queryable, Selectable)]
#[diesel(table_name = posts)]
#[schema(example = examples::published)]
pub struct Post {
    /// Given at creation, from 1, never given again.
    #[schema(example = 1, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// The name in URLs, unique among all posts.
    #[schema(example = "hello-world", min_length = 1, max_length = 200, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    pub slug: String,
    #[schema(example = "Hello, world", min_length = 1, max_length = 200)]
    pub title: String,
    /// The text, in whatever markup its readers agree on; null where none was written.
    #[schema(required, example = "My first post.", max_length = 524_288)]
    #[serde(serialize_with = "crate::posts::json_text::serialize")]
    pub content: Option<String>,
    /// Whether everyone may read it. A post that is not published is a draft.
    pub published: bool,
    /// When it was first published, or the time it was published for; null where it never was.
    #[schema(required, value_type = Option<String>, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub published_at: Option<Timestamp>,
    /// When it is to be published; null where nothing is planned.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub scheduled_for: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub created_at: Timestamp,
    /// When it was last changed; at first the same as `created_at`.
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub updated_at: Timestamp,
    /// 1 at creation, and one more with every change.
    #[schema(example = 1, minimum = 1)]
    pub version: i64,
}

/// A row to insert, whose id the database gives.
#[derive(Debug, Clone, PartialEq, Eq, Insertable)]
#[diesel(table_name = posts, treat_none_as_default_value = false)]
pub struct NewPost {
    pub slug: String,
    pub title: String,
    pub content: Option<String>,
    pub excerpt: String,
    pub published: bool,
    pub published_at: Option<Timestamp>,
    pub scheduled_for: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub version: i64,
}

/// A post without its content, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = examples::summary)]
pub struct PostSummary {
    /// Given at creation, from 1, never given again.
    #[schema(example = 1, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// The name in URLs, unique among all posts.
    #[schema(example = "hello-world", min_length = 1, max_length = 200, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    pub slug: String,
    #[schema(example = "Hello, world", min_length = 1, max_length = 200)]
    pub title: String,
    /// The beginning of the content as plain text, cut at a word.
    #[schema(example = "My first post.", max_length = 200)]
    pub excerpt: String,
    /// Whether everyone may read it. A post that is not published is a draft.
    pub published: bool,
    /// When it was first published, or the time it was published for; null where it never was.
    #[schema(required, value_type = Option<String>, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub published_at: Option<Timestamp>,
    /// When it is to be published; null where nothing is planned.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub scheduled_for: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub created_at: Timestamp,
    /// When it was last changed; at first the same as `created_at`.
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub updated_at: Timestamp,
    /// 1 at creation, and one more with every change.
    #[schema(example = 1, minimum = 1)]
    pub version: i64,
}

/// Characters (Unicode scalar values) in a title, after trimming.
pub const MAX_TITLE: usize = 200;
/// Characters, all ASCII, in a slug.
pub const MAX_SLUG: usize = 200;
/// Bytes of UTF-8 in a content: 512 KiB.
pub const MAX_CONTENT: usize = 512 * 1024;

/// A title within its limits, trimmed.
///
/// # Errors
/// Empty after trimming, or over [`MAX_TITLE`].
pub fn title(text: String) -> Result<String, Invalid> {
    match text.trim() {
        "" => Err(Invalid::new("empty", "must not be empty")),
        title if title.chars().count() > MAX_TITLE => {
            Err(Invalid::new("too_long", "must be at most 200 characters long"))
        }
        title if title.len() == text.len() => Ok(text),
        title => Ok(title.to_owned()),
    }
}

/// A content within its limit.
///
/// # Errors
/// Over [`MAX_CONTENT`].
pub fn content(text: String) -> Result<String, Invalid> {
    if text.len() <= MAX_CONTENT {
        Ok(text)
    } else {
        Err(Invalid::new("too_long", "must be at most 524288 bytes of UTF-8"))
    }
}

/// A slug as a caller gives it.
///
/// # Errors
/// Not `[a-z0-9]+(-[a-z0-9]+)*`, or over [`MAX_SLUG`].
pub fn slug(text: String) -> Result<String, Invalid> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !text.split('-').all(is_word) {
        return Err(Invalid::new("format", "must be words of a-z and 0-9 joined by single hyphens"));
    }
    if text.len() > MAX_SLUG {
        return Err(Invalid::new("too_long", "must be at most 200 characters long"));
    }
    Ok(text)
}

/// An RFC 3339 time.
///
/// # Errors
/// It is none, or outside the range of [`Timestamp`].
pub fn time(text: String) -> Result<Timestamp, Invalid> {
    text.parse().map_err(|error: InvalidTimestamp| Invalid::new("format", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_trimmed_and_counted_in_characters() {
        assert_eq!(title("  Hello \n".into()).unwrap(), "Hello");
        assert_eq!(title("é".repeat(200)).unwrap().chars().count(), 200);
        assert_eq!(title("é".repeat(201)).unwrap_err().code, "too_long");
        assert_eq!(title(" \t ".into()).unwrap_err().code, "empty");
    }

    #[test]
    fn a_slug_is_lower_case_words_joined_by_single_hyphens() {
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
