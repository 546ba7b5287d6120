//! The types of the change feed. They do not depend on SQL or HTTP.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::db::Timestamp;
use crate::posts::list::query::View;

/// A page of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedQuery {
    pub start: FeedStart,
    /// The maximum number of items on the page, 1 to 100.
    pub limit: u8,
    pub view: View,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedStart {
    /// With all published posts.
    Posts,
    /// After the latest change.
    Now,
    After(FeedPosition),
}

impl FeedStart {
    /// The row of the log that the client has read last. `None` if it has read none.
    pub(crate) fn seq(self) -> Option<i64> {
        match self {
            Self::After(position) => Some(position.row.seq),
            Self::Posts | Self::Now => None,
        }
    }
}

/// The position in a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedPosition {
    #[serde(flatten)]
    pub row: LogRowId,
    /// Set during the first walk: the id of the post that the client has read last. The feed continues after `row` when
    /// the walk has ended.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub walked_id: Option<i64>,
}

/// Identifies a row of the log. A restored database may assign `seq` again, but at another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRowId {
    #[serde(rename = "s")]
    pub seq: i64,
    #[serde(rename = "t")]
    pub at: Timestamp,
}

/// The type of a change: published, updated while public, unpublished, or deleted while public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeType {
    Published,
    Updated,
    Unpublished,
    Deleted,
}

impl Serialize for ChangeType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ChangeType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <Cow<'de, str>>::deserialize(deserializer)?;
        let found = Self::ALL.into_iter().find(|change| change.as_str() == name);
        found.ok_or_else(|| serde::de::Error::custom("unknown type of change"))
    }
}

impl ChangeType {
    pub(crate) const ALL: [Self; 4] = [Self::Published, Self::Updated, Self::Unpublished, Self::Deleted];

    /// `None` for the first row of a log, which is not a change.
    pub(crate) fn of_kind(kind: i16) -> Option<Self> {
        match kind {
            1 => Some(Self::Published),
            2 => Some(Self::Updated),
            3 => Some(Self::Unpublished),
            4 => Some(Self::Deleted),
            _ => None,
        }
    }

    /// The value of the column `kind`.
    pub(crate) fn kind(self) -> i16 {
        match self {
            Self::Published => 1,
            Self::Updated => 2,
            Self::Unpublished => 3,
            Self::Deleted => 4,
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "post.published",
            Self::Updated => "post.updated",
            Self::Unpublished => "post.unpublished",
            Self::Deleted => "post.deleted",
        }
    }

    /// Whether the post was public after the change.
    pub(crate) fn is_public(self) -> bool {
        matches!(self, Self::Published | Self::Updated)
    }
}
