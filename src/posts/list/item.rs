//! [`ListItem`]: a post in a list, rendered as JSON when its row is read.

use diesel::deserialize;
use diesel::deserialize::QueryableByName;
use diesel::row::{NamedRow, Row};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::db::Timestamp;
use crate::posts::list::query::{Column, CursorPosition, Sort, SortKey, Tier};
use crate::posts::model::{RenderedPost, View};
use crate::posts::row_json::{RowBackend, StringRange, with_buffer};

/// A post in a list: its JSON, in either view, and the values that lists need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListItem {
    pub id: i64,
    pub published: bool,
    pub version: i64,
    pub updated_at: Timestamp,
    published_at: Option<Timestamp>,
    slug: StringRange,
    title: StringRange,
    large_fields: usize,
    json: Box<[u8]>,
}

/// A row with the columns of [`Post`](crate::posts::model::Post).
pub(crate) struct FullRow(pub(crate) ListItem);

/// A row with the columns of [`PostSummary`](crate::posts::model::PostSummary).
pub(crate) struct SummaryRow(pub(crate) ListItem);

impl ListItem {
    fn read<'a, DB: RowBackend>(row: &impl Row<'a, DB>, view: View) -> deserialize::Result<Self> {
        let (post, json) = with_buffer(|json| RenderedPost::render(row, view, json))?;
        let RenderedPost { id, published, version, updated_at, published_at, slug, title, .. } = post;
        let large_fields = post.content + post.tags + post.authors + post.metadata;
        Ok(Self { id, published, version, updated_at, published_at, slug, title, large_fields, json })
    }

    /// The JSON of the post.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    pub(crate) fn slug(&self) -> String {
        self.slug.read(&self.json)
    }

    pub(crate) fn key(&self, column: Column) -> SortKey {
        match column {
            Column::Id => SortKey::Id,
            Column::PublishedAt => self.published_at.map_or(SortKey::Null, SortKey::Time),
            Column::UpdatedAt => SortKey::Time(self.updated_at),
            Column::Title => SortKey::Text(self.title.read(&self.json)),
        }
    }

    /// The position of the post in a list, for the page before or after it.
    pub(crate) fn position(&self, sort: Sort, backwards: bool, tier: Tier) -> CursorPosition {
        let key = self.key(sort.column_and_order().0);
        CursorPosition { backwards, is_other_tier: tier == Tier::Other, key, id: self.id }
    }

    /// The size of the item in memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.json.len()
    }

    /// The size of the fields that can be large, in bytes: content, tags, authors, and metadata.
    pub(crate) fn large_fields(&self) -> usize {
        self.large_fields
    }
}

impl Serialize for ListItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_slice::<&RawValue>(&self.json).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<DB: RowBackend> QueryableByName<DB> for FullRow {
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
        ListItem::read(row, View::Full).map(Self)
    }
}

impl<DB: RowBackend> QueryableByName<DB> for SummaryRow {
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
        ListItem::read(row, View::Summary).map(Self)
    }
}
