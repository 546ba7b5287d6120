//! The parts of list statements that both databases share: conditions and orders as SQL text with bound values.

use diesel::sql_types::{BigInt, Bool};

use crate::db::{BindValue, FixedSql};
use crate::posts::list::query::{
    Column, CursorPosition, Filter, IndexScan, ListQuery, Order, SearchFilter, SortKey, Tier,
};

/// Posts to find: those of `filter` that are in `tier`, either the published ones or the drafts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection<'a> {
    pub(crate) filter: &'a Filter,
    pub(crate) published: bool,
    pub(crate) tier: Tier,
}

/// The order in which posts are found, and where to begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SortSequence<'a> {
    pub(crate) column: Column,
    pub(crate) order: Order,
    pub(crate) after: Option<&'a CursorPosition>,
}

impl<'a> IndexScan<'a> {
    pub(crate) fn selection(&self) -> Selection<'a> {
        Selection { filter: &self.query.filter, published: self.published, tier: self.tier }
    }

    pub(crate) fn sequence(&self) -> SortSequence<'a> {
        SortSequence { column: self.column, order: self.order, after: self.after }
    }
}

impl ListQuery {
    /// Whether the list is a search by relevance or by id, and has no other filters except `published`. SQLite's search
    /// index returns its posts in order.
    pub(crate) fn is_search_by_id(&self) -> bool {
        let Self { filter, sort, .. } = self;
        let has_others =
            !filter.slugs.is_empty() || time_columns(filter).next().is_some() || filter.label_kinds().next().is_some();
        matches!(filter.search, SearchFilter::For(_)) && sort.column_and_order().0 == Column::Id && !has_others
    }
}

impl SortSequence<'_> {
    pub(crate) fn direction(&self) -> &'static str {
        if self.order == Order::Ascending { " ASC" } else { " DESC" }
    }
}

/// How the SQL of the two databases differs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// The key of a post without `published_at`, as a literal. It is before every time.
    pub(crate) null_key: &'static str,
    /// What follows `posts.id ASC` and `posts.id DESC` in a list by id.
    pub(crate) nulls: (&'static str, &'static str),
    /// Before a column, prevents the use of an index. On PostgreSQL, the planner chooses.
    pub(crate) unindexed: &'static str,
    /// The names of columns that must not be used to choose an index.
    pub(crate) unindexed_posts: &'static ColumnNames,
    pub(crate) unindexed_labels: &'static ColumnNames,
    /// What precedes and follows the statement of a page in the condition on the id. With IN, PostgreSQL may join the
    /// page with a scan of all posts in sort order. It looks up the items of an array.
    pub(crate) in_page: (&'static str, &'static str),
    /// The conditions of the indexes of `post_labels`, by sort column.
    pub(crate) label_index: fn(Column) -> &'static str,
    /// Whether a bound `LIMIT` prevents that the database keeps a plan; see [`Limited`](crate::db::Limited).
    pub(crate) plans_limits: bool,
}

pub(crate) const SQLITE: Dialect = Dialect {
    null_key: "''",
    nulls: ("", ""),
    unindexed: "+",
    unindexed_posts: &UNINDEXED_POSTS,
    unindexed_labels: &UNINDEXED_LABELS,
    in_page: ("IN (SELECT id FROM (", ") AS page)"),
    label_index: |_| "",
    plans_limits: false,
};

/// `NULLS FIRST` and `NULLS LAST` do not change the order, because ids are never null. They match the index
/// `posts_published_id` and not the primary key. With the primary key, the planner could choose a scan that also reads
/// all drafts.
pub(crate) const POSTGRES: Dialect = Dialect {
    null_key: "'-infinity'",
    nulls: (" NULLS FIRST", " NULLS LAST"),
    unindexed: "",
    unindexed_posts: &POSTS,
    unindexed_labels: &LABELS,
    in_page: ("= ANY (ARRAY(SELECT id FROM (", ") AS page))"),
    label_index: |column| match column {
        Column::Id => "",
        Column::PublishedAt => " AND post_labels.published_key >= '-infinity'",
        Column::UpdatedAt => " AND post_labels.updated_at >= '-infinity'",
        Column::Title => " AND post_labels.title >= ''",
    },
    plans_limits: true,
};

/// The columns that lists filter and sort by, in one of the tables.
#[derive(Debug)]
pub(crate) struct ColumnNames {
    id: &'static str,
    published_key: &'static str,
    updated_at: &'static str,
    title: &'static str,
}

pub(crate) const POSTS: ColumnNames = ColumnNames {
    id: "posts.id",
    published_key: "posts.published_key",
    updated_at: "posts.updated_at",
    title: "posts.title",
};

pub(crate) const LABELS: ColumnNames = ColumnNames {
    id: "post_labels.post_id",
    published_key: "post_labels.published_key",
    updated_at: "post_labels.updated_at",
    title: "post_labels.title",
};

const UNINDEXED_POSTS: ColumnNames = ColumnNames {
    id: "+posts.id",
    published_key: "+posts.published_key",
    updated_at: "+posts.updated_at",
    title: "+posts.title",
};

const UNINDEXED_LABELS: ColumnNames = ColumnNames {
    id: "+post_labels.post_id",
    published_key: "+post_labels.published_key",
    updated_at: "+post_labels.updated_at",
    title: "+post_labels.title",
};

impl ColumnNames {
    pub(crate) fn name(&self, column: Column) -> &'static str {
        match column {
            Column::Id => self.id,
            Column::PublishedAt => self.published_key,
            Column::UpdatedAt => self.updated_at,
            Column::Title => self.title,
        }
    }

    /// The names of the sort column and of the id, in conditions and orders.
    pub(crate) fn sort(&self, column: Column) -> SortColumns {
        (self.name(column), self.id)
    }
}

/// The names of the sort column and of the id, in conditions and orders.
pub(crate) type SortColumns = (&'static str, &'static str);

/// A bound value: with a literal, statistics of SQLite could make the planner prefer another index.
pub(crate) fn published(is_published: bool) -> FixedSql<Bool> {
    FixedSql::new("posts.published = ").bind(BindValue::Bool(is_published), "")
}

/// The columns of the time filters.
pub(crate) fn time_columns(filter: &Filter) -> impl Iterator<Item = Column> {
    let is_filtered = [
        (Column::PublishedAt, filter.published_after.or(filter.published_before)),
        (Column::UpdatedAt, filter.updated_after.or(filter.updated_before)),
    ];
    is_filtered.into_iter().filter_map(|(column, time)| time.map(|_| column))
}

/// Appends the filters on a time column, each with ` AND ` before it.
pub(crate) fn and_time_range<T>(
    mut sql: FixedSql<T>,
    filter: &Filter,
    column: Column,
    names: &ColumnNames,
    dialect: Dialect,
) -> FixedSql<T> {
    let (after, before) = match column {
        Column::PublishedAt => (filter.published_after, filter.published_before),
        Column::UpdatedAt => (filter.updated_after, filter.updated_before),
        Column::Id | Column::Title => (None, None),
    };
    let column_name = names.name(column);
    if let Some(time) = after {
        sql = sql.text(" AND ").text(column_name).text(" > ").bind(BindValue::Time(time), "");
    }
    if let Some(time) = before {
        sql = sql.text(" AND ").text(column_name).text(" < ").bind(BindValue::Time(time), "");
        if column == Column::PublishedAt && after.is_none() {
            sql = sql.text(" AND ").text(column_name).text(" > ").text(dialect.null_key);
        }
    }
    sql
}

/// Appends the condition for the posts that follow the position of the sequence, with ` AND ` before it.
///
/// A row comparison such as `(title, id) < (?, ?)` lets both databases seek in the index to the beginning of the page.
/// `title <= ? AND …` would scan all posts with the same title.
pub(crate) fn and_after<T>(
    sql: FixedSql<T>,
    columns: SortColumns,
    sequence: SortSequence<'_>,
    dialect: Dialect,
) -> FixedSql<T> {
    let Some(position) = sequence.after else { return sql };
    let operator = if sequence.order == Order::Ascending { " > " } else { " < " };
    let id = BindValue::Integer(position.id);
    if sequence.column == Column::Id {
        return sql.text(" AND ").text(columns.1).text(operator).bind(id, "");
    }
    let sql = sql.text(" AND (").text(columns.0).text(", ").text(columns.1).text(")").text(operator).text("(");
    let sql = match &position.key {
        SortKey::Time(time) => sql.bind(BindValue::Time(*time), ""),
        SortKey::Text(text) => sql.bind(BindValue::Text(text.clone()), ""),
        SortKey::Id | SortKey::Null => sql.text(dialect.null_key),
    };
    sql.text(", ").bind(id, ")")
}

/// The `ORDER BY` expressions of the sequence.
pub(crate) fn order(columns: SortColumns, sequence: SortSequence<'_>, dialect: Dialect) -> FixedSql<BigInt> {
    let direction = sequence.direction();
    if sequence.column == Column::Id {
        let nulls = match sequence.order {
            _ if columns.1 != POSTS.id => "",
            Order::Ascending => dialect.nulls.0,
            Order::Descending => dialect.nulls.1,
        };
        return FixedSql::new(columns.1).text(direction).text(nulls);
    }
    FixedSql::new(columns.0).text(direction).text(", ").text(columns.1).text(direction)
}

/// Appends a list of bound texts in parentheses.
pub(crate) fn in_list<T>(sql: FixedSql<T>, texts: &[String]) -> FixedSql<T> {
    let mut sql = sql.text(" IN (");
    for (index, text) in texts.iter().enumerate() {
        sql = sql.text(if index == 0 { "" } else { ", " }).bind(BindValue::Text(text.clone()), "");
    }
    sql.text(")")
}

/// At most `limit` rows of a whole statement, in its order.
pub(crate) fn limited<T>(statement: FixedSql<T>, limit: usize, dialect: Dialect) -> FixedSql<T> {
    if dialect.plans_limits { statement.limited(limit) } else { and_limit(statement, limit) }
}

/// Appends the maximum number of rows. For statements that are planned at each execution.
pub(crate) fn and_limit<T>(sql: FixedSql<T>, limit: usize) -> FixedSql<T> {
    sql.bound_limit(limit)
}

pub(crate) fn integer(number: usize) -> BindValue {
    BindValue::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
