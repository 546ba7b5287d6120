//! Versioned resources: the entity tag of a version, and changes that depend on it.

use actix_web::http::header::EntityTag;

use crate::http::content_coding::uncompressed_tag;
use crate::http::extract::preconditions::{IfMatch, PutPrecondition};

/// The versions of a resource to which a change may be applied. `None`: any version.
pub type Expected = Option<Vec<i64>>;

/// The condition under which a `PUT` is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutCondition {
    Unconditional,
    /// The resource does not exist.
    Absent,
    /// The resource exists, in any version.
    Exists,
    /// The resource has one of these pairs of id and version.
    Is(Vec<(i64, i64)>),
}

/// The outcome of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    Done(T),
    /// The resource does not exist.
    Missing,
    /// The resource does not meet the condition of the request. Nothing was changed.
    Stale,
    /// A value that must be unique, such as the slug, is used by another resource.
    Conflict,
}

/// The strong entity tag of a version: two responses with the same tag have the same bytes. It contains the id as well,
/// because a URL with a slug can identify different resources over time.
#[must_use]
pub fn etag(id: i64, version: i64) -> EntityTag {
    EntityTag::new_strong(format_tag(id, version))
}

fn format_tag(id: i64, version: i64) -> String {
    format!("{id}-{version}")
}

/// The id and the version in a tag that [`etag`] has created, without its quotes. `None` for any other tag.
#[must_use]
pub fn parse_tag(tag: &str) -> Option<(i64, i64)> {
    let tag = uncompressed_tag(tag);
    let (id, version) = tag.split_once('-')?;
    let (id, version) = (id.parse().ok()?, version.parse().ok()?);
    // Tags are compared by their characters: "+1-01" differs from "1-1".
    (format_tag(id, version) == tag).then_some((id, version))
}

/// The versions of the resource `id` that `If-Match` lists.
#[must_use]
pub fn expected_versions(id: i64, condition: &IfMatch) -> Expected {
    let version = |tag: &str| parse_tag(tag).filter(|(tag_id, _)| *tag_id == id).map(|(_, version)| version);
    condition.tags().map(|tags| tags.iter().filter_map(|tag| version(tag)).collect())
}

/// The condition in the headers of a `PUT`.
#[must_use]
pub fn put_condition(precondition: &PutPrecondition) -> PutCondition {
    match &precondition.if_match {
        None if precondition.if_none_match => PutCondition::Absent,
        None => PutCondition::Unconditional,
        Some(if_match) => if_match.tags().map_or(PutCondition::Exists, |tags| {
            PutCondition::Is(tags.iter().filter_map(|tag| parse_tag(tag)).collect())
        }),
    }
}
