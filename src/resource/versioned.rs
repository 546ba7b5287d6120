//! Versioned resources: changes that depend on the entity tag of a resource.

use crate::http::content_coding::uncompressed_tag;
use crate::http::extract::preconditions::{PreconditionHeaders, TagCondition};
use crate::validation::FieldError;

/// The preconditions of a change (RFC 9110, section 13). Tags are without quotes, and those of the uncompressed
/// representation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// `If-Match`: the resource must exist, with one of these tags.
    pub if_match: Option<TagSet>,
    /// `If-None-Match`: the resource must not exist with one of these tags.
    pub if_none_match: Option<TagSet>,
}

/// The entity tags that a precondition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagSet {
    /// `*`: every tag.
    Any,
    Tags(Vec<String>),
}

/// The outcome of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    Done(T),
    /// The resource does not exist.
    Missing,
    /// The resource does not meet the preconditions of the request. Nothing was changed.
    Stale,
    /// A value that must be unique, such as the slug, is used by another resource.
    Conflict,
    /// The changed resource would exceed a limit. The error points into the request body.
    Invalid(FieldError),
}

impl TagSet {
    fn contains(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.iter().any(|listed| listed == tag),
        }
    }
}

impl Preconditions {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the change may be applied to an existing resource with this tag.
    #[must_use]
    pub fn allow(&self, tag: &str) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.contains(tag))
            && !self.if_none_match.as_ref().is_some_and(|tags| tags.contains(tag))
    }

    /// Whether the change may be applied to an existing resource that has no tag. `*` matches it, and no tag does.
    #[must_use]
    pub fn allow_untagged(&self) -> bool {
        self.if_match.as_ref().is_none_or(|tags| *tags == TagSet::Any) && self.if_none_match != Some(TagSet::Any)
    }
}

impl From<PreconditionHeaders> for Preconditions {
    /// `If-Match` compares tags strongly, so weak ones match nothing. `If-None-Match` compares weakly (RFC 9110,
    /// section 8.8.3.2).
    fn from(headers: PreconditionHeaders) -> Self {
        let set = |condition: TagCondition, accepts_weak: bool| match condition {
            TagCondition::Any => TagSet::Any,
            TagCondition::Tags(tags) => {
                let tags = tags.into_iter().filter(|(is_weak, _)| accepts_weak || !is_weak);
                TagSet::Tags(tags.map(|(_, tag)| uncompressed_tag(&tag).to_owned()).collect())
            }
        };
        Self {
            if_match: headers.if_match.map(|condition| set(condition, false)),
            if_none_match: headers.if_none_match.map(|condition| set(condition, true)),
        }
    }
}
