//! What can be asked of a list of posts: which ones, in what order, from where on, and how much of each.

use serde::{Deserialize, Serialize};

use crate::db::Timestamp;
use crate::posts::list::search::Search;
use crate::posts::model::{Post, PostSummary};

/// Which page of which list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    pub filter: Filter,
    pub sort: Sort,
    /// 1 to 100.
    pub limit: u8,
    /// Where to go on; `None`: at the beginning.
    pub place: Option<Place>,
    pub view: View,
}

/// Which posts are in the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// `None`: published posts and drafts.
    pub published: Option<bool>,
    /// Empty: whatever their slug.
    pub slugs: Vec<String>,
    pub published_after: Option<Timestamp>,
    pub published_before: Option<Timestamp>,
    pub updated_after: Option<Timestamp>,
    pub updated_before: Option<Timestamp>,
    pub search: SearchFilter,
}

impl Filter {
    /// Whether the list is all that is published, or all drafts, or both: an index then has its posts side by side.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        let Self { published: _, slugs, published_after, published_before, updated_after, updated_before, search } =
            self;
        let times = [published_after, published_before, updated_after, updated_before];
        slugs.is_empty() && times.iter().all(|time| time.is_none()) && *search == SearchFilter::Off
    }
}

/// Whether and for what the list is searched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub enum SearchFilter {
    #[default]
    Off,
    For(Search),
    /// A search without a word in it finds nothing.
    Nothing,
}

/// In what order. Posts that are equal in it are ordered by their id, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Sort {
    By(Column, Order),
    /// Those whose title has all the words first, then newest id first. Takes a search.
    Relevance,
}

/// A column that every post has a value in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Column {
    Id,
    /// A post that never was published counts as published before all others.
    PublishedAt,
    UpdatedAt,
    /// By its bytes, which for ASCII puts capitals before small letters.
    Title,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Order {
    Ascending,
    Descending,
}

/// How much of each post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Full,
    /// An excerpt in place of the content.
    Summary,
}

/// Where a page begins: next to this post, which is not on it. This is what a cursor holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    #[serde(rename = "b")]
    pub backwards: bool,
    /// In the second part of a list by relevance.
    #[serde(rename = "r")]
    pub rest: bool,
    #[serde(rename = "k")]
    pub key: Key,
    #[serde(rename = "i")]
    pub id: i64,
}

/// The post's value in the column of the sort.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// The id alone.
    #[serde(rename = "i")]
    Id,
    #[serde(rename = "t")]
    Time(Timestamp),
    #[serde(rename = "x")]
    Text(String),
}

/// A post in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Item {
    Full(Post),
    Summary(PostSummary),
}

/// A part of a list that is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// All of it.
    All,
    /// The posts whose title alone has all the words: the more relevant ones.
    Title,
    /// The others.
    Rest,
}

/// A stretch of a list that one index gives in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexScan<'a> {
    pub(crate) query: &'a ListQuery,
    pub(crate) published: bool,
    pub(crate) tier: Tier,
    pub(crate) column: Column,
    /// The order in which it is read: against the list's where the page is before its place.
    pub(crate) order: Order,
    pub(crate) after: Option<&'a Place>,
    pub(crate) limit: usize,
}

impl Sort {
    pub(crate) fn column_and_order(self) -> (Column, Order) {
        match self {
            Self::By(column, order) => (column, order),
            Self::Relevance => (Column::Id, Order::Descending),
        }
    }

    /// The parts of the list in the order in which they are read, from the one where the place is.
    pub(crate) fn tiers(self, place: Option<&Place>, backwards: bool) -> Vec<Tier> {
        match (self, place) {
            (Self::By(..), _) => vec![Tier::All],
            (Self::Relevance, Some(place)) if place.rest != backwards => {
                vec![if place.rest { Tier::Rest } else { Tier::Title }]
            }
            (Self::Relevance, _) if backwards => vec![Tier::Rest, Tier::Title],
            (Self::Relevance, _) => vec![Tier::Title, Tier::Rest],
        }
    }

    /// Whether the place can be in a list of this order: a forged cursor may say anything.
    #[must_use]
    pub fn has(self, place: &Place) -> bool {
        match (self.column_and_order().0, &place.key) {
            (Column::Id, Key::Id) | (Column::PublishedAt | Column::UpdatedAt, Key::Time(_)) => true,
            (Column::Title, Key::Text(title)) => !title.contains('\0'),
            _ => false,
        }
    }

    /// The same place for the other direction, in which the post that it names is the first one.
    pub(crate) fn turned(self, place: &Place) -> Place {
        // Reading forwards in descending order or backwards in ascending order goes to smaller ids.
        let was_descending = (self.column_and_order().1 == Order::Descending) != place.backwards;
        let id = if was_descending { place.id.saturating_sub(1) } else { place.id.saturating_add(1) };
        Place { backwards: !place.backwards, id, ..place.clone() }
    }

    pub(crate) fn place(self, backwards: bool, tier: Tier, item: &Item) -> Place {
        let key = item.key(self.column_and_order().0);
        Place { backwards, rest: tier == Tier::Rest, key, id: item.id() }
    }
}

impl Order {
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

impl Item {
    /// What tells this representation from every other one: its kind, the post and the version.
    #[must_use]
    pub fn identity(&self) -> (u8, i64, i64) {
        match self {
            Self::Full(post) => (0, post.id, post.version),
            Self::Summary(post) => (1, post.id, post.version),
        }
    }

    pub(crate) fn id(&self) -> i64 {
        match self {
            Self::Full(post) => post.id,
            Self::Summary(post) => post.id,
        }
    }

    pub(crate) fn key(&self, column: Column) -> Key {
        let (title, published_at, updated_at) = match self {
            Self::Full(post) => (&post.title, post.published_at, post.updated_at),
            Self::Summary(post) => (&post.title, post.published_at, post.updated_at),
        };
        match column {
            Column::Id => Key::Id,
            Column::PublishedAt => Key::Time(published_at.unwrap_or(Timestamp::MIN)),
            Column::UpdatedAt => Key::Time(updated_at),
            Column::Title => Key::Text(title.clone()),
        }
    }

    pub(crate) fn content_bytes(&self) -> usize {
        match self {
            Self::Full(post) => post.content.as_ref().map_or(0, String::len),
            Self::Summary(_) => 0,
        }
    }
}
