//! The SQL of lists: from a [`IndexScan`] to its rows.
//!
//! Every name and operator in it is written here; what callers send is bound. Row values, `(title, id) < (?, ?)`, let
//! both databases enter the index where the page begins, which `title <= ? AND …` would not for equal titles.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use crate::db::{Backend, BindValue, Connection, FixedSql, Timestamp, on};
use crate::posts::excerpt;
use crate::posts::list::query::{Column, Filter, IndexScan, Item, Key, Order, SearchFilter, Tier, View};
use crate::posts::list::search::{Search, SearchScope};
use crate::posts::model::{Post, PostSummary};
use crate::schema::posts;

/// Adds the filter to a boxed query on `posts`.
macro_rules! filtered {
    ($query:expr, $filter:expr, $published:expr, $search:expr) => {{
        let (mut query, filter, search): (_, &Filter, &[FixedSql<Bool>]) = ($query, $filter, $search);
        query = query.filter(posts::published.eq($published));
        if !filter.slugs.is_empty() {
            query = query.filter(posts::slug.eq_any(&filter.slugs));
        }
        if let Some(time) = filter.published_after {
            query = query.filter(posts::published_key.gt(time)).filter(posts::published_at.is_not_null());
        }
        if let Some(time) = filter.published_before {
            query = query.filter(posts::published_key.lt(time)).filter(posts::published_at.is_not_null());
        }
        if let Some(time) = filter.updated_after {
            query = query.filter(posts::updated_at.gt(time));
        }
        if let Some(time) = filter.updated_before {
            query = query.filter(posts::updated_at.lt(time));
        }
        for condition in search {
            query = query.filter(condition.clone());
        }
        query
    }};
}

/// The query of a stretch, selecting `$columns`.
macro_rules! selected {
    ($columns:expr, $stretch:expr, $search:expr, $order:expr) => {{
        let stretch: &IndexScan<'_> = $stretch;
        let mut query =
            filtered!(posts::table.select($columns).into_boxed(), &stretch.query.filter, stretch.published, $search);
        if let Some(place) = stretch.after {
            query = match (&place.key, stretch.order) {
                (Key::Id, Order::Ascending) => query.filter(posts::id.gt(place.id)),
                (Key::Id, Order::Descending) => query.filter(posts::id.lt(place.id)),
                (Key::Time(time), _) => query.filter(beyond(stretch, BindValue::Time(*time), place.id)),
                (Key::Text(text), _) => query.filter(beyond(stretch, BindValue::Text(text.clone()), place.id)),
            };
        }
        let limit = i64::try_from(stretch.limit).unwrap_or(i64::MAX);
        query.order($order).limit(limit)
    }};
}

/// The posts of a stretch, in its order.
///
/// # Errors
/// The database's.
pub(crate) fn items(conn: &mut Connection, stretch: &IndexScan<'_>) -> QueryResult<Vec<Item>> {
    if stretch.query.filter.search == SearchFilter::Nothing {
        return Ok(Vec::new());
    }
    let search = conditions(conn, &stretch.query.filter, stretch.tier);
    let order = order(conn, stretch);
    match stretch.query.view {
        View::Full => {
            let posts: Vec<Post> = on!(conn, conn => selected!(Post::as_select(), stretch, &search, order).load(conn))?;
            Ok(posts.into_iter().map(Item::Full).collect())
        }
        View::Summary => {
            let rows: Vec<SummaryRow> =
                on!(conn, conn => selected!(SummaryRow::as_select(), stretch, &search, order).load(conn))?;
            Ok(rows.into_iter().map(PostSummary::from).map(Item::Summary).collect())
        }
    }
}

/// The ids of at most so many posts, in whichever order is the cheapest where none is asked for.
///
/// # Errors
/// The database's.
pub(crate) fn ids(
    conn: &mut Connection,
    filter: &Filter,
    published: bool,
    order: Option<Order>,
    limit: i64,
) -> QueryResult<Vec<i64>> {
    if filter.search == SearchFilter::Nothing {
        return Ok(Vec::new());
    }
    let search = conditions(conn, filter, Tier::All);
    let order = order.map(|order| by_id(conn, order));
    on!(conn, conn => {
        let query = filtered!(posts::table.select(posts::id).into_boxed(), filter, published, &search).limit(limit);
        match order {
            None => query,
            Some(order) => query.order(order),
        }
        .load(conn)
    })
}

/// How many posts the filter lets through.
///
/// # Errors
/// The database's.
pub(crate) fn count(conn: &mut Connection, filter: &Filter, published: bool) -> QueryResult<i64> {
    if filter.search == SearchFilter::Nothing {
        return Ok(0);
    }
    let search = conditions(conn, filter, Tier::All);
    on!(conn, conn => {
        filtered!(posts::table.count().into_boxed(), filter, published, &search).get_result(conn)
    })
}

/// The rows past a place, in the order of the stretch.
fn beyond(stretch: &IndexScan<'_>, key: BindValue, id: i64) -> FixedSql<Bool> {
    let (before, end) = match (stretch.column, stretch.order) {
        (Column::Id, Order::Ascending) => ("(posts.id, posts.id) > (", ")"),
        (Column::Id, Order::Descending) => ("(posts.id, posts.id) < (", ")"),
        (Column::PublishedAt, Order::Ascending) => ("(posts.published_key, posts.id) > (", ")"),
        (Column::PublishedAt, Order::Descending) => ("(posts.published_key, posts.id) < (", ")"),
        (Column::UpdatedAt, Order::Ascending) => ("(posts.updated_at, posts.id) > (", ")"),
        (Column::UpdatedAt, Order::Descending) => ("(posts.updated_at, posts.id) < (", ")"),
        (Column::Title, Order::Ascending) => ("(posts.title, posts.id) > (", ")"),
        (Column::Title, Order::Descending) => ("(posts.title, posts.id) < (", ")"),
    };
    FixedSql::new(before).bind(key, ", ").bind(BindValue::Integer(id), end)
}

/// Plain lists have few shapes and are asked for most.
fn order(conn: &Connection, stretch: &IndexScan<'_>) -> FixedSql<BigInt> {
    let order = match (stretch.column, stretch.order) {
        (Column::Id, order) => by_id(conn, order),
        (Column::PublishedAt, Order::Ascending) => FixedSql::new("posts.published_key ASC, posts.id ASC"),
        (Column::PublishedAt, Order::Descending) => FixedSql::new("posts.published_key DESC, posts.id DESC"),
        (Column::UpdatedAt, Order::Ascending) => FixedSql::new("posts.updated_at ASC, posts.id ASC"),
        (Column::UpdatedAt, Order::Descending) => FixedSql::new("posts.updated_at DESC, posts.id DESC"),
        (Column::Title, Order::Ascending) => FixedSql::new("posts.title ASC, posts.id ASC"),
        (Column::Title, Order::Descending) => FixedSql::new("posts.title DESC, posts.id DESC"),
    };
    if stretch.query.filter.is_indexed() { order } else { order.uncached() }
}

/// On PostgreSQL the place of nulls, of which an id has none, is that of `posts_published_id`: the primary key, which
/// leads past all drafts, cannot serve it.
fn by_id(conn: &Connection, order: Order) -> FixedSql<BigInt> {
    FixedSql::new(match (&conn.backend, order) {
        (Backend::Sqlite(_), Order::Ascending) => "posts.id ASC",
        (Backend::Sqlite(_), Order::Descending) => "posts.id DESC",
        (Backend::Postgres(_), Order::Ascending) => "posts.id ASC NULLS FIRST",
        (Backend::Postgres(_), Order::Descending) => "posts.id DESC NULLS LAST",
    })
}

/// Full-text search is where the two databases have no SQL in common.
///
/// On PostgreSQL a statement that is not prepared for later is planned with its values, and what is made of a value by
/// immutable functions is a constant then: words are folded once, and the planner knows how rare they are.
fn conditions(conn: &Connection, filter: &Filter, tier: Tier) -> Vec<FixedSql<Bool>> {
    let SearchFilter::For(search) = &filter.search else { return Vec::new() };
    let conditions = match (&conn.backend, tier) {
        (Backend::Postgres(_), Tier::All) => vec![in_post_on_postgres(search)],
        (Backend::Postgres(_), Tier::Title) => {
            vec![in_title_on_postgres(search, "posts_title_vector(posts.search) @@ posts_fold(")]
        }
        (Backend::Postgres(_), Tier::Rest) => {
            vec![
                in_post_on_postgres(search),
                in_title_on_postgres(search, "NOT posts_title_vector(posts.search) @@ posts_fold("),
            ]
        }
        (Backend::Sqlite(_), Tier::All) => vec![on_sqlite(search, SearchScope::Post, FOUND)],
        (Backend::Sqlite(_), Tier::Title) => vec![on_sqlite(search, SearchScope::Title, FOUND)],
        (Backend::Sqlite(_), Tier::Rest) => {
            vec![on_sqlite(search, SearchScope::Post, FOUND), on_sqlite(search, SearchScope::Title, NOT_FOUND)]
        }
    };
    conditions.into_iter().map(FixedSql::uncached).collect()
}

fn in_post_on_postgres(search: &Search) -> FixedSql<Bool> {
    let found = BindValue::Text(search.tsquery(SearchScope::Post));
    let Some((without_positions, patterns)) = search.without_positions() else {
        return FixedSql::new("posts.search @@ posts_fold(").bind(found, ")::tsquery");
    };
    FixedSql::new("(posts.search @@ posts_fold(")
        .bind(found, ")::tsquery OR (posts.search @@ posts_fold(")
        .bind(
            BindValue::Text(without_positions),
            ")::tsquery AND posts_text(posts.title, posts.content) LIKE ALL (string_to_array(posts_fold(",
        )
        .bind(BindValue::Text(patterns), "), '|'))))")
}

fn in_title_on_postgres(search: &Search, before: &'static str) -> FixedSql<Bool> {
    FixedSql::new(before).bind(BindValue::Text(search.tsquery(SearchScope::Title)), ")::tsquery")
}

const FOUND: &str = "posts.id IN (SELECT rowid FROM posts_search WHERE posts_search MATCH ";
const NOT_FOUND: &str = "posts.id NOT IN (SELECT rowid FROM posts_search WHERE posts_search MATCH ";

fn on_sqlite(search: &Search, scope: SearchScope, before: &'static str) -> FixedSql<Bool> {
    FixedSql::new(before).bind(BindValue::Text(search.fts5(scope)), ")")
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = posts)]
struct SummaryRow {
    id: i64,
    slug: String,
    title: String,
    excerpt: Option<String>,
    /// What an excerpt is made from, where none is stored; `EXCERPT_SOURCE` bytes are at most so many characters.
    #[diesel(select_expression = FixedSql::new("CASE WHEN posts.excerpt IS NULL THEN substr(posts.content, 1, 4096) END"))]
    #[diesel(select_expression_type = FixedSql<Nullable<Text>>)]
    beginning: Option<String>,
    published: bool,
    published_at: Option<Timestamp>,
    scheduled_for: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl From<SummaryRow> for PostSummary {
    fn from(row: SummaryRow) -> Self {
        Self {
            id: row.id,
            slug: row.slug,
            title: row.title,
            excerpt: row.excerpt.unwrap_or_else(|| excerpt::of(row.beginning.as_deref().unwrap_or_default())),
            published: row.published,
            published_at: row.published_at,
            scheduled_for: row.scheduled_for,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}
