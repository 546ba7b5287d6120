//! The SQL of lists: executes an [`IndexScan`].
//!
//! The SQL text is fixed in this module and in `conditions`, `sqlite`, and `postgres`, and values from clients are
//! bound.

use diesel::prelude::*;
use diesel::sql_types;
use diesel::sql_types::Bool;

use crate::db::{Backend, Connection, FixedSql, Limited, Untyped, on};
use crate::posts::list::conditions::{POSTGRES, POSTS, SQLITE, Selection, SortSequence, and_after, order, published};
use crate::posts::list::item::{FullRow, ListItem, SummaryRow};
use crate::posts::list::labels;
use crate::posts::list::postgres::IsPlanned;
use crate::posts::list::query::{Column, IndexScan, ListQuery, Order, SearchFilter, View};
use crate::posts::list::{postgres, sqlite};
use crate::posts::model::{Post, PostSummary, RenderedPost};
use crate::schema::posts;

/// Loads list items with a query on `posts` that `$query` refines, in the columns of the view.
macro_rules! load_items {
    ($conn:expr, $view:expr, $table:ident => $query:expr) => {
        match $view {
            View::Full => $crate::db::on!($conn, conn => {
                let $table = posts::table.select(Post::as_select());
                let rows = Untyped($query).load(conn);
                rows.map(|rows: Vec<FullRow>| rows.into_iter().map(|FullRow(item)| item).collect())
            }),
            View::Summary => $crate::db::on!($conn, conn => {
                let $table = posts::table.select(PostSummary::as_select());
                let rows = Untyped($query).load(conn);
                rows.map(|rows: Vec<SummaryRow>| rows.into_iter().map(|SummaryRow(item)| item).collect())
            }),
        }
    };
}
pub(crate) use load_items;

/// Whether a list is read in two steps: [`positions`], then [`by_ids`]. Otherwise [`items`] reads it.
pub(crate) fn has_two_steps(conn: &Connection, query: &ListQuery) -> bool {
    is_sqlite(conn) && !query.filter.is_indexed() && !query.is_search_by_id()
}

/// Whether the statements of [`items`] for a page must see the same snapshot: each one reads a tier of a search.
pub(crate) fn needs_snapshot(conn: &Connection, query: &ListQuery) -> bool {
    is_sqlite(conn) && query.is_search_by_id()
}

fn is_sqlite(conn: &Connection) -> bool {
    matches!(conn.backend, Backend::Sqlite(_))
}

/// Reads the posts of a scan, in its order.
pub(crate) fn items(conn: &mut Connection, scan: &IndexScan<'_>) -> QueryResult<Vec<ListItem>> {
    let (selection, sequence, limit) = (scan.selection(), scan.sequence(), scan.limit);
    let filter = selection.filter;
    if filter.search == SearchFilter::Nothing {
        return Ok(Vec::new());
    }
    let kind = labels::kind_to_scan(selection, |sql| on!(conn, conn => sql.get_result(conn)))?;
    let (dialect, labeled) = match &conn.backend {
        Backend::Sqlite(_) => (SQLITE, kind.map(|kind| sqlite::labeled(selection, kind, sequence, limit))),
        Backend::Postgres(_) => (POSTGRES, kind.map(|kind| postgres::labeled(selection, kind, sequence, limit))),
    };
    let columns = if kind.is_some() { dialect.unindexed_posts } else { &POSTS }.sort(scan.column);
    let condition: FixedSql<Bool> = match (&filter.search, labeled) {
        (_, Some(page)) => {
            let sql = FixedSql::new("posts.id ").text(dialect.in_page.0).append(page).text(dialect.in_page.1);
            let sql = sql.text(" AND ");
            sql.text(dialect.unindexed).append(published(scan.published))
        }
        (SearchFilter::For(_), None) if is_sqlite(conn) => sqlite::in_page(scan),
        (SearchFilter::For(_), None) if filter.slugs.is_empty() => postgres::in_page(selection, sequence, limit),
        _ if filter.is_indexed() => and_after(published(scan.published), columns, sequence, dialect),
        _ => and_after(postgres::selected(selection, IsPlanned::Yes), columns, sequence, dialect),
    };
    let order = order(columns, sequence, dialect);
    let view = scan.query.view;
    let form = || (view == View::Summary, condition.form(), order.form(), Limited::<()>::form(limit));
    // A prepared statement takes 65 to 235 kB of PostgreSQL's memory, and clients without a key choose the forms.
    let is_cached = if dialect.plans_limits {
        filter.is_cacheable() && conn.cached_forms.admit(form())
    } else {
        // The text of a search by id is the same for all searches.
        filter.is_cacheable() || scan.query.is_search_by_id()
    };
    let condition = if is_cached { condition } else { condition.uncached() };
    load(conn, view, condition.text(" ORDER BY ").append(order), limit)
}

/// Loads at most `limit` posts. `sql` is the statement after `WHERE`.
fn load(conn: &mut Connection, view: View, sql: FixedSql<Bool>, limit: usize) -> QueryResult<Vec<ListItem>> {
    let [before_content, content, after_content] = RenderedPost::columns(view);
    let select = FixedSql::<sql_types::Untyped>::new("SELECT ").text(before_content).text(content).text(after_content);
    let sql = Limited::new(select.text(" FROM posts WHERE ").append(sql), limit);
    on!(conn, conn => match view {
        View::Full => sql.load(conn).map(|rows| rows.into_iter().map(|FullRow(item)| item).collect()),
        View::Summary => sql.load(conn).map(|rows| rows.into_iter().map(|SummaryRow(item)| item).collect()),
    })
}

/// The sort keys and ids of the posts of a scan, in its order. SQLite only.
pub(crate) fn positions(conn: &mut Connection, scan: &IndexScan<'_>) -> QueryResult<Vec<(String, i64)>> {
    match &mut conn.backend {
        Backend::Sqlite(conn) if scan.query.filter.search != SearchFilter::Nothing => {
            sqlite::positions(conn, scan.selection(), scan.sequence(), scan.limit)
        }
        _ => Ok(Vec::new()),
    }
}

/// Reads the posts with these ids, in the order of the ids.
pub(crate) fn by_ids(conn: &mut Connection, view: View, ids: &[i64]) -> QueryResult<Vec<ListItem>> {
    let items: QueryResult<Vec<ListItem>> = load_items!(conn, view, posts => posts.filter(posts::id.eq_any(ids)));
    let mut items = items?;
    items.sort_by_key(|item| ids.iter().position(|id| *id == item.id));
    Ok(items)
}

/// The number of posts, at most `limit`.
pub(crate) fn count(conn: &mut Connection, selection: Selection<'_>, limit: usize) -> QueryResult<i64> {
    if selection.filter.search == SearchFilter::Nothing {
        return Ok(0);
    }
    match &mut conn.backend {
        Backend::Sqlite(conn) => sqlite::count(conn, selection, limit),
        Backend::Postgres(conn) => postgres::count(conn, selection, limit),
    }
}

/// The ids of at most `limit` posts in order of id.
pub(crate) fn ids(
    conn: &mut Connection,
    selection: Selection<'_>,
    order: Order,
    limit: usize,
) -> QueryResult<Vec<i64>> {
    let sequence = SortSequence { column: Column::Id, order, after: None };
    match &mut conn.backend {
        Backend::Sqlite(conn) => {
            let positions = sqlite::positions(conn, selection, sequence, limit)?;
            Ok(positions.into_iter().map(|(_, id)| id).collect())
        }
        Backend::Postgres(conn) => postgres::ids(conn, selection, sequence, limit),
    }
}

/// The number of posts that the database expects a search to match. `None` if the database has no expectation.
pub(crate) fn expected_matches(conn: &mut Connection, selection: Selection<'_>) -> QueryResult<Option<i64>> {
    match &mut conn.backend {
        Backend::Postgres(conn) if selection.filter.search != SearchFilter::Off => {
            postgres::estimate(conn, selection).map(Some)
        }
        _ => Ok(None),
    }
}
