//! The SQL of lists: executes an [`IndexScan`].
//!
//! The SQL text is fixed in this file, and values from clients are bound. Row comparisons such as
//! `(title, id) < (?, ?)` let both databases seek in the index to the beginning of the page. `title <= ? AND …` would
//! scan all posts with the same title.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use crate::db::{Backend, BindValue, Connection, FixedSql, not_canceled_on_sqlite, on};
use crate::posts::list::query::{Column, Filter, IndexScan, ListItem, Order, SearchFilter, SortKey, Tier, View};
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

/// The query of a scan that selects `$columns`.
macro_rules! selected {
    ($columns:expr, $scan:expr, $search:expr, $order:expr) => {{
        let scan: &IndexScan<'_> = $scan;
        let mut query =
            filtered!(posts::table.select($columns).into_boxed(), &scan.query.filter, scan.published, $search);
        if let Some(position) = scan.after {
            query = match (&position.key, scan.order) {
                (SortKey::Id, Order::Ascending) => query.filter(posts::id.gt(position.id)),
                (SortKey::Id, Order::Descending) => query.filter(posts::id.lt(position.id)),
                (SortKey::Time(time), _) => query.filter(after_position(scan, BindValue::Time(*time), position.id)),
                (SortKey::Text(text), _) => {
                    query.filter(after_position(scan, BindValue::Text(text.clone()), position.id))
                }
            };
        }
        let limit = i64::try_from(scan.limit).unwrap_or(i64::MAX);
        query.order($order).limit(limit)
    }};
}

/// Reads the posts of a scan, in its order.
pub(crate) fn items(conn: &mut Connection, scan: &IndexScan<'_>) -> QueryResult<Vec<ListItem>> {
    if scan.query.filter.search == SearchFilter::Nothing {
        return Ok(Vec::new());
    }
    let search = conditions(conn, &scan.query.filter, scan.tier);
    let order = order(conn, scan);
    match scan.query.view {
        View::Full => {
            let posts: Vec<Post> = on!(conn, conn => selected!(Post::as_select(), scan, &search, order).load(conn))?;
            Ok(posts.into_iter().map(ListItem::Full).collect())
        }
        View::Summary => {
            let summaries: Vec<PostSummary> =
                on!(conn, conn => selected!(PostSummary::as_select(), scan, &search, order).load(conn))?;
            Ok(summaries.into_iter().map(ListItem::Summary).collect())
        }
    }
}

/// The ids of at most `limit` posts that match the filter. Without `order`, the database chooses the order.
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

/// The number of posts that match the filter.
pub(crate) fn count(conn: &mut Connection, filter: &Filter, published: bool) -> QueryResult<i64> {
    if filter.search == SearchFilter::Nothing {
        return Ok(0);
    }
    let mut search = conditions(conn, filter, Tier::All);
    if matches!(conn.backend, Backend::Sqlite(_)) && filter.is_indexed() {
        search.push(not_canceled_on_sqlite());
    }
    on!(conn, conn => {
        filtered!(posts::table.count().into_boxed(), filter, published, &search).get_result(conn)
    })
}

/// The condition for the rows that follow a position in the direction of the scan.
fn after_position(scan: &IndexScan<'_>, key: BindValue, id: i64) -> FixedSql<Bool> {
    let (prefix, suffix) = match (scan.column, scan.order) {
        (Column::Id, Order::Ascending) => ("(posts.id, posts.id) > (", ")"),
        (Column::Id, Order::Descending) => ("(posts.id, posts.id) < (", ")"),
        (Column::PublishedAt, Order::Ascending) => ("(posts.published_key, posts.id) > (", ")"),
        (Column::PublishedAt, Order::Descending) => ("(posts.published_key, posts.id) < (", ")"),
        (Column::UpdatedAt, Order::Ascending) => ("(posts.updated_at, posts.id) > (", ")"),
        (Column::UpdatedAt, Order::Descending) => ("(posts.updated_at, posts.id) < (", ")"),
        (Column::Title, Order::Ascending) => ("(posts.title, posts.id) > (", ")"),
        (Column::Title, Order::Descending) => ("(posts.title, posts.id) < (", ")"),
    };
    FixedSql::new(prefix).bind(key, ", ").bind(BindValue::Integer(id), suffix)
}

/// The `ORDER BY` expressions of a scan. The connection caches the prepared statements of indexed lists only: there are
/// few of them, and most requests use them.
fn order(conn: &Connection, scan: &IndexScan<'_>) -> FixedSql<BigInt> {
    let order = match (scan.column, scan.order) {
        (Column::Id, order) => by_id(conn, order),
        (Column::PublishedAt, Order::Ascending) => FixedSql::new("posts.published_key ASC, posts.id ASC"),
        (Column::PublishedAt, Order::Descending) => FixedSql::new("posts.published_key DESC, posts.id DESC"),
        (Column::UpdatedAt, Order::Ascending) => FixedSql::new("posts.updated_at ASC, posts.id ASC"),
        (Column::UpdatedAt, Order::Descending) => FixedSql::new("posts.updated_at DESC, posts.id DESC"),
        (Column::Title, Order::Ascending) => FixedSql::new("posts.title ASC, posts.id ASC"),
        (Column::Title, Order::Descending) => FixedSql::new("posts.title DESC, posts.id DESC"),
    };
    if scan.query.filter.is_indexed() { order } else { order.uncached() }
}

/// The order by id. On PostgreSQL, `NULLS FIRST` and `NULLS LAST` do not change the order, because ids are never null.
/// They match the index `posts_published_id` and not the primary key. With the primary key, the planner could choose a
/// scan that also reads all drafts.
fn by_id(conn: &Connection, order: Order) -> FixedSql<BigInt> {
    FixedSql::new(match (&conn.backend, order) {
        (Backend::Sqlite(_), Order::Ascending) => "posts.id ASC",
        (Backend::Sqlite(_), Order::Descending) => "posts.id DESC",
        (Backend::Postgres(_), Order::Ascending) => "posts.id ASC NULLS FIRST",
        (Backend::Postgres(_), Order::Descending) => "posts.id DESC NULLS LAST",
    })
}

/// The conditions of a full-text search, which differ completely between the two databases.
///
/// The statements are not cached, so PostgreSQL plans each one with its bound values. The planner can then evaluate
/// immutable functions such as `posts_fold` once, and estimate how many posts contain the words.
fn conditions(conn: &Connection, filter: &Filter, tier: Tier) -> Vec<FixedSql<Bool>> {
    let mut conditions = search_conditions(conn, filter, tier);
    // Indexed lists read few rows, and their statements are cached.
    if matches!(conn.backend, Backend::Sqlite(_)) && !filter.is_indexed() {
        conditions.push(not_canceled_on_sqlite());
    }
    conditions
}

fn search_conditions(conn: &Connection, filter: &Filter, tier: Tier) -> Vec<FixedSql<Bool>> {
    let SearchFilter::For(search) = &filter.search else { return Vec::new() };
    let conditions = match (&conn.backend, tier) {
        (Backend::Postgres(_), Tier::All) => vec![in_post_on_postgres(search)],
        (Backend::Postgres(_), Tier::Title) => {
            vec![in_title_on_postgres(search, "posts_title_vector(posts.search) @@ posts_fold(")]
        }
        (Backend::Postgres(_), Tier::Other) => {
            vec![
                in_post_on_postgres(search),
                in_title_on_postgres(search, "NOT posts_title_vector(posts.search) @@ posts_fold("),
            ]
        }
        (Backend::Sqlite(_), Tier::All) => vec![on_sqlite(search, SearchScope::Post, FOUND)],
        (Backend::Sqlite(_), Tier::Title) => vec![on_sqlite(search, SearchScope::Title, FOUND)],
        (Backend::Sqlite(_), Tier::Other) => {
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

fn in_title_on_postgres(search: &Search, prefix: &'static str) -> FixedSql<Bool> {
    FixedSql::new(prefix).bind(BindValue::Text(search.tsquery(SearchScope::Title)), ")::tsquery")
}

/// The part of a SQLite condition before the bound query.
const FOUND: &str = "posts.id IN (SELECT rowid FROM posts_search WHERE posts_search MATCH ";
const NOT_FOUND: &str = "posts.id NOT IN (SELECT rowid FROM posts_search WHERE posts_search MATCH ";

fn on_sqlite(search: &Search, scope: SearchScope, prefix: &'static str) -> FixedSql<Bool> {
    FixedSql::new(prefix).bind(BindValue::Text(search.fts5(scope)), ")")
}
