//! The types of a list query: filter, sort order, cursor position, and view. They do not depend on SQL or HTTP.

use serde::{Deserialize, Serialize};

use crate::db::Timestamp;
use crate::posts::labels::LabelKind;
use crate::posts::list::search::{Search, SearchScope};
pub use crate::posts::model::View;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    pub filter: Filter,
    pub sort: Sort,
    /// The maximum number of posts on the page, 1 to 100.
    pub limit: u8,
    /// Where the page begins. `None` is the beginning of the list.
    pub position: Option<CursorPosition>,
    pub view: View,
}

/// The conditions that each post in the list meets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// `None` includes published posts and drafts.
    pub published: Option<bool>,
    /// The slugs of the posts. If empty, includes posts with any slug.
    pub slugs: Vec<String>,
    pub published_after: Option<Timestamp>,
    pub published_before: Option<Timestamp>,
    pub updated_after: Option<Timestamp>,
    pub updated_before: Option<Timestamp>,
    pub search: SearchFilter,
    /// Folded tags, of which the posts have at least one. If empty, includes posts with any tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The same for authors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
}

impl Filter {
    /// The values of `published` that posts in the list may have.
    pub(crate) fn published_values(&self) -> impl Iterator<Item = bool> {
        [true, false].into_iter().filter(|value| self.published.is_none_or(|published| published == *value))
    }

    /// Whether a page of the list consists of ranges of indexes, so that it reads only the posts that it returns: the
    /// list has no filters except `published` and labels of one kind.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        let Self { search, tags, authors, .. } = self;
        self.has_any_slug_and_time() && *search == SearchFilter::Off && (tags.is_empty() || authors.is_empty())
    }

    fn has_any_slug_and_time(&self) -> bool {
        let Self { published: _, slugs, published_after, published_before, updated_after, updated_before, .. } = self;
        let times = [published_after, published_before, updated_after, updated_before];
        slugs.is_empty() && times.iter().all(|time| time.is_none())
    }

    /// Whether the statements of the list have so few variants that they can be cached, and no plan that depends on the
    /// bound values: the list has at most one label or a search without phrases, and no other filters but `published`.
    pub(crate) fn is_cacheable(&self) -> bool {
        let labels = self.tags.len() + self.authors.len();
        self.has_any_slug_and_time()
            && match &self.search {
                SearchFilter::Off => labels <= 1,
                SearchFilter::For(search) => labels == 0 && search.phrases().next().is_none(),
                SearchFilter::Nothing => false,
            }
    }

    /// The labels of this kind, of which the posts have at least one.
    pub(crate) fn labels(&self, kind: LabelKind) -> &[String] {
        match kind {
            LabelKind::Tag => &self.tags,
            LabelKind::Author => &self.authors,
        }
    }

    /// The kinds of labels that the list is filtered by.
    pub(crate) fn label_kinds(&self) -> impl Iterator<Item = LabelKind> {
        [LabelKind::Author, LabelKind::Tag].into_iter().filter(|kind| !self.labels(*kind).is_empty())
    }
}

/// The full-text search of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub enum SearchFilter {
    #[default]
    Off,
    For(Search),
    /// A search text without words, which matches no post.
    Nothing,
}

/// The sort order. Ties are broken by id, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Sort {
    By(Column, Order),
    /// Posts whose title contains all words first, then by id, descending. Requires a search.
    Relevance,
}

/// The column that a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Column {
    Id,
    /// A post without `published_at` sorts before all others.
    PublishedAt,
    UpdatedAt,
    /// Compared by bytes, so ASCII capital letters sort before small letters.
    Title,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Order {
    Ascending,
    Descending,
}

/// The post next to which a page begins. The post itself is not on the page. A cursor contains this position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorPosition {
    #[serde(rename = "b")]
    pub backwards: bool,
    /// Whether the post is in `Tier::Other` of a list sorted by relevance.
    #[serde(rename = "r")]
    pub is_other_tier: bool,
    #[serde(rename = "k")]
    pub key: SortKey,
    #[serde(rename = "i")]
    pub id: i64,
}

/// The value of a post in the sort column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SortKey {
    /// The list is sorted by id. The value is [`CursorPosition::id`].
    #[serde(rename = "i")]
    Id,
    /// The list is sorted by `published_at`, which is null. Sorts before every time.
    #[serde(rename = "n")]
    Null,
    #[serde(rename = "t")]
    Time(Timestamp),
    #[serde(rename = "x")]
    Text(String),
}

/// A part of a list sorted by relevance. The parts follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// The whole list, if it is not sorted by relevance.
    All,
    /// The posts whose title contains all words.
    Title,
    /// The other posts.
    Other,
}

/// A scan of one index, which returns part of a list in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexScan<'a> {
    pub(crate) query: &'a ListQuery,
    pub(crate) published: bool,
    pub(crate) tier: Tier,
    pub(crate) column: Column,
    /// The direction of the scan. Opposite to that of the list if the page ends at the cursor position.
    pub(crate) order: Order,
    /// The scan begins after this position.
    pub(crate) after: Option<&'a CursorPosition>,
    /// The ids of all posts in `Tier::Title`, if they are known when `Tier::Other` is read.
    pub(crate) titles: Option<&'a [i64]>,
    pub(crate) limit: usize,
}

impl Sort {
    pub(crate) fn column_and_order(self) -> (Column, Order) {
        match self {
            Self::By(column, order) => (column, order),
            Self::Relevance => (Column::Id, Order::Descending),
        }
    }

    /// The tiers to scan, beginning with the one that contains the position.
    pub(crate) fn remaining_tiers(self, position: Option<&CursorPosition>, backwards: bool) -> Vec<Tier> {
        match (self, position) {
            (Self::By(..), _) => vec![Tier::All],
            (Self::Relevance, Some(position)) if position.is_other_tier != backwards => {
                vec![if position.is_other_tier { Tier::Other } else { Tier::Title }]
            }
            (Self::Relevance, _) if backwards => vec![Tier::Other, Tier::Title],
            (Self::Relevance, _) => vec![Tier::Title, Tier::Other],
        }
    }

    /// Whether a list in this order can return a cursor with this position. The cursor of a request may be forged.
    #[must_use]
    pub fn accepts(self, position: &CursorPosition) -> bool {
        match (self.column_and_order().0, &position.key) {
            (Column::Id, SortKey::Id)
            | (Column::PublishedAt, SortKey::Null)
            | (Column::PublishedAt | Column::UpdatedAt, SortKey::Time(_)) => true,
            (Column::Title, SortKey::Text(title)) => !title.contains('\0'),
            _ => false,
        }
    }

    /// The position for the opposite direction, such that the page begins with the post of `position`.
    pub(crate) fn reversed_position(self, position: &CursorPosition) -> CursorPosition {
        // Ids decrease when a descending list is read forwards, and when an ascending list is read backwards.
        let was_descending = (self.column_and_order().1 == Order::Descending) != position.backwards;
        let id = if was_descending { position.id.saturating_sub(1) } else { position.id.saturating_add(1) };
        CursorPosition { backwards: !position.backwards, id, ..position.clone() }
    }
}

impl Tier {
    pub(crate) fn search_scope(self) -> SearchScope {
        match self {
            Self::All => SearchScope::Post,
            Self::Title => SearchScope::Title,
            Self::Other => SearchScope::NotTitle,
        }
    }
}

impl Order {
    pub(crate) fn reversed(self) -> Self {
        if self == Self::Ascending { Self::Descending } else { Self::Ascending }
    }
}
