//! Finds the posts of a filtered list on SQLite.
//!
//! SQLite plans a statement without its bound values and without statistics, so it cannot choose between an index on a
//! filter and the index of the sort order. This module chooses, and writes each statement such that it allows one plan:
//! a unary `+` excludes a column from the choice of an index.
//!
//! 1. [`choose`] counts the posts in each time range and the matches of the search, up to [`FEW`].
//! 2. [`positions`] reads the sort keys and ids of a page, and [`count`] counts, both from indexes. To reject a post
//!    does not read its row: each sort index contains the columns that lists filter by.
//! 3. The caller reads the rows of the page by id.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::db::{BindValue, FixedSql, not_canceled_on_sqlite};
use crate::posts::list::conditions::{
    SQLITE, Selection, SortColumns, SortSequence, and_after, and_time_range, name, order, published, sort_columns,
    time_columns,
};
use crate::posts::list::query::{Column, SearchFilter, Tier};
use crate::posts::list::search::Search;

/// The largest number of posts that are read to be sorted. Each one may be anywhere in the table.
const FEW: usize = 5000;

/// How a statement finds posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IndexAccess {
    /// Looks up each slug.
    Slugs,
    /// Reads the matches of the search by id, and looks up each post.
    Matches,
    /// Reads the range of a time filter in the index on this column.
    Range(Column),
    /// Scans the index on this column.
    Scan(Column),
}

/// The sort keys, as text, and the ids of at most `limit` posts, in order.
pub(crate) fn positions(
    conn: &mut SqliteConnection,
    selection: Selection<'_>,
    sequence: SortSequence<'_>,
    limit: usize,
) -> QueryResult<Vec<(String, i64)>> {
    let access = choose(conn, selection, sequence.column)?;
    let columns = match access {
        IndexAccess::Matches if sequence.column == Column::Id => ("posts_search.rowid", "posts_search.rowid"),
        _ => sort_columns(sequence.column, access == IndexAccess::Scan(sequence.column)),
    };
    positions_by(selection, sequence, access, columns, limit).load(conn)
}

fn positions_by(
    selection: Selection<'_>,
    sequence: SortSequence<'_>,
    access: IndexAccess,
    columns: SortColumns,
    limit: usize,
) -> FixedSql<(Text, BigInt)> {
    let key = if sequence.column == Column::Id { "''" } else { name(sequence.column, true) };
    let sql = and_selected(FixedSql::new("SELECT ").text(key).text(", posts.id FROM "), selection, access);
    let sql = and_after(sql, columns, sequence, SQLITE).text(" ORDER BY ").append(order(columns, sequence, SQLITE));
    and_limit(sql, limit)
}

/// The number of posts, at most `limit`.
pub(crate) fn count(conn: &mut SqliteConnection, selection: Selection<'_>, limit: usize) -> QueryResult<i64> {
    let access = match choose(conn, selection, Column::Id)? {
        IndexAccess::Scan(_) => {
            time_columns(selection.filter).next().map_or(IndexAccess::Scan(Column::Id), IndexAccess::Range)
        }
        access => access,
    };
    let sql = and_selected(FixedSql::<BigInt>::new("SELECT count(*) FROM (SELECT 1 FROM "), selection, access);
    and_limit(sql, limit).text(")").get_result(conn)
}

/// Chooses the access that reads the fewest posts. The cost of the choice does not depend on the number of posts.
fn choose(conn: &mut SqliteConnection, selection: Selection<'_>, sort: Column) -> QueryResult<IndexAccess> {
    let filter = selection.filter;
    let columns: Vec<Column> = time_columns(filter).collect();
    if !filter.slugs.is_empty() {
        return Ok(IndexAccess::Slugs);
    }
    if let SearchFilter::For(search) = &filter.search {
        // FTS5 returns matches by id and stops when the page is full.
        if (sort == Column::Id && columns.is_empty()) || has_few_matches(conn, search, selection.tier)? {
            return Ok(IndexAccess::Matches);
        }
    }
    if columns != [sort] {
        for column in columns {
            if is_narrow(conn, selection, column)? {
                return Ok(if column == sort { IndexAccess::Scan(sort) } else { IndexAccess::Range(column) });
            }
        }
    }
    Ok(IndexAccess::Scan(sort))
}

/// Whether at most [`FEW`] posts match the search.
fn has_few_matches(conn: &mut SqliteConnection, search: &Search, tier: Tier) -> QueryResult<bool> {
    let sql = FixedSql::<BigInt>::new("SELECT count(*) FROM (SELECT 1 FROM posts_search WHERE posts_search MATCH ");
    let count: i64 = and_limit(sql.bind(query(search, tier), ""), FEW + 1).text(")").get_result(conn)?;
    Ok(usize::try_from(count).is_ok_and(|count| count <= FEW))
}

/// Whether at most [`FEW`] posts are in the range of the filters on this column.
fn is_narrow(conn: &mut SqliteConnection, selection: Selection<'_>, column: Column) -> QueryResult<bool> {
    let sql = FixedSql::<BigInt>::new("SELECT count(*) FROM (SELECT 1 FROM posts WHERE ");
    let sql = and_time_range(sql.append(published(selection.published)), selection.filter, column, true, SQLITE);
    let count: i64 = and_limit(sql, FEW + 1).text(")").get_result(conn)?;
    Ok(usize::try_from(count).is_ok_and(|count| count <= FEW))
}

/// Appends the tables that the access reads, and the conditions of the selection.
fn and_selected<T>(mut sql: FixedSql<T>, selection: Selection<'_>, access: IndexAccess) -> FixedSql<T> {
    let Selection { filter, tier, .. } = selection;
    // CROSS JOIN fixes the order of the tables.
    sql = match (access, &filter.search) {
        (IndexAccess::Matches, SearchFilter::For(search)) => sql
            .text("posts_search CROSS JOIN posts ON posts.id = posts_search.rowid WHERE posts_search MATCH ")
            .bind(query(search, tier), " AND "),
        _ => sql.text("posts WHERE "),
    };
    if matches!(access, IndexAccess::Slugs | IndexAccess::Matches) {
        sql = sql.text("+");
    }
    sql = sql.append(published(selection.published)).text(" AND ").append(not_canceled_on_sqlite());
    for column in [Column::PublishedAt, Column::UpdatedAt] {
        let is_indexed = access == IndexAccess::Range(column) || access == IndexAccess::Scan(column);
        sql = and_time_range(sql, filter, column, is_indexed, SQLITE);
    }
    if access == IndexAccess::Slugs {
        sql = sql.text(" AND posts.slug IN (");
        for (index, slug) in filter.slugs.iter().enumerate() {
            sql = sql.text(if index == 0 { "" } else { ", " }).bind(BindValue::Text(slug.clone()), "");
        }
        sql = sql.text(")");
    }
    match (&filter.search, access) {
        (SearchFilter::Off, _) | (_, IndexAccess::Matches) => sql,
        (SearchFilter::Nothing, _) => sql.text(" AND FALSE"),
        (SearchFilter::For(search), IndexAccess::Slugs) => sql
            .text(" AND EXISTS (SELECT 1 FROM posts_search WHERE posts_search.rowid = posts.id AND posts_search MATCH ")
            .bind(query(search, tier), ")"),
        (SearchFilter::For(search), IndexAccess::Range(_) | IndexAccess::Scan(_)) => sql
            .text(" AND +posts.id IN (SELECT rowid FROM posts_search WHERE posts_search MATCH ")
            .bind(query(search, tier), ")"),
    }
}

fn query(search: &Search, tier: Tier) -> BindValue {
    BindValue::Text(search.fts5(tier.search_scope()))
}

/// The statements are not cached, because they have many variants.
fn and_limit<T>(sql: FixedSql<T>, limit: usize) -> FixedSql<T> {
    sql.text(" LIMIT ").bind(BindValue::Integer(i64::try_from(limit).unwrap_or(i64::MAX)), "").uncached()
}
