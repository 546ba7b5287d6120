//! Versioned resources: the entity tag of a version, and changes that depend on it.

use actix_web::http::header::EntityTag;

use crate::http::content_coding::uncompressed;
use crate::http::extract::preconditions::{IfMatch, PutPrecondition};

/// The versions at which a change may be applied; `None`: any.
pub type Expected = Option<Vec<i64>>;

/// What must exist for a `PUT` to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutCondition {
    Unconditional,
    /// No resource.
    Absent,
    /// A resource in any version.
    Exists,
    /// A resource with one of these ids and versions.
    Is(Vec<(i64, i64)>),
}

/// The outcome of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    Done(T),
    /// The resource does not exist.
    Missing,
    /// The resource is at a version that was not expected.
    Stale,
    /// A value that must be unique, such as the slug, is used by another resource.
    Conflict,
}

/// A strong tag: two responses with the same tag have the same bytes. It contains the id as well as the version, because
/// a slug can belong to one resource today and to another one tomorrow.
#[must_use]
pub fn etag(id: i64, version: i64) -> EntityTag {
    EntityTag::new_strong(format_tag(id, version))
}

fn format_tag(id: i64, version: i64) -> String {
    format!("{id}-{version}")
}

/// The id and the version in a tag of [`etag`].
#[must_use]
pub fn parse_tag(tag: &str) -> Option<(i64, i64)> {
    let tag = uncompressed(tag);
    let (id, version) = tag.split_once('-')?;
    let (id, version) = (id.parse().ok()?, version.parse().ok()?);
    // Tags are compared by their characters: "+1-01" differs from "1-1".
    (format_tag(id, version) == tag).then_some((id, version))
}

/// The versions of the resource `id` that `If-Match` lists.
#[must_use]
pub fn expected_versions(id: i64, condition: &IfMatch) -> Expected {
    let version = |tag: &str| parse_tag(tag).filter(|(of, _)| *of == id).map(|(_, version)| version);
    condition.tags().map(|tags| tags.iter().filter_map(|tag| version(tag)).collect())
}

/// The condition that the headers of a `PUT` state.
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
