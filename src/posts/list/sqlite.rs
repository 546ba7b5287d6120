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
use diesel::sql_types::{BigInt, Bool, Text};

use crate::db::{BindValue, FixedSql, not_canceled_on_sqlite};
use crate::posts::labels::LabelKind;
use crate::posts::list::conditions::{
    POSTS, SQLITE, Selection, SortColumns, SortSequence, and_after, and_limit, and_time_range, in_list, order,
    published, time_columns,
};
use crate::posts::list::labels::{self, LabelScan};
use crate::posts::list::query::{Column, IndexScan, Order, SearchFilter, Tier};
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
    /// Scans the labels of this kind.
    Labels(LabelKind),
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
        IndexAccess::Labels(kind) => return labeled(selection, kind, sequence, limit).uncached().load(conn),
        IndexAccess::Matches if sequence.column == Column::Id => BY_MATCH,
        IndexAccess::Scan(column) if column == sequence.column => POSTS.sort(column),
        _ => SQLITE.unindexed_posts.sort(sequence.column),
    };
    positions_by(selection, sequence, access, columns, limit).load(conn)
}

/// The sort keys and the ids of at most `limit` posts with labels of this kind, in order.
pub(crate) fn labeled(
    selection: Selection<'_>,
    kind: LabelKind,
    sequence: SortSequence<'_>,
    limit: usize,
) -> FixedSql<(Text, BigInt)> {
    let scan = LabelScan { selection, kind, sequence, dialect: SQLITE };
    let is_canceled = FixedSql::<Bool>::new("").append(not_canceled_on_sqlite());
    let (mut row, mut set) = (is_canceled.clone(), is_canceled.clone());
    // SQLite tests a constant condition for each row, and reads the sets first. With a limit of 0 it reads nothing.
    let others =
        |set: &FixedSql<Bool>| labels::page(&scan, Some(set), limit).text(" * (SELECT NOT is_complete FROM page)");
    let other = selection.filter.label_kinds().find(|other| *other != kind);
    if let Some(other) = other {
        row = row.text(" AND ").append(labels::is_labeled(selection, other, "labeled.id"));
        set = set.text(" AND +post_labels.post_id IN (SELECT post_labels.post_id FROM ");
        set = set.append(labels::all_labeled(selection, other)).text(")");
    }
    let SearchFilter::For(search) = &selection.filter.search else {
        return match other {
            None => labels::page(&scan, Some(&is_canceled), limit),
            Some(_) => labels::tested_page(&scan, row, others(&set), limit),
        };
    };
    row = row.text(" AND (SELECT TRUE FROM posts_search WHERE posts_search.rowid = labeled.id AND posts_search MATCH ");
    row = row.bind(query(search, selection.tier), ")");
    set = set.text(" AND +post_labels.post_id IN (SELECT rowid FROM posts_search WHERE posts_search MATCH ");
    set = set.bind(query(search, selection.tier), ")");
    labels::tested_page(&scan, row, others(&set), limit)
}

/// The sort columns of a search in the order of the ids: FTS5 returns its matches in this order.
const BY_MATCH: SortColumns = ("posts_search.rowid", "posts_search.rowid");

/// The condition for the posts of a page of a search by id. The text depends on neither the search nor the tier.
pub(crate) fn in_page(scan: &IndexScan<'_>) -> FixedSql<Bool> {
    let (mut selection, sequence) = (scan.selection(), scan.sequence());
    let titles = scan.titles.filter(|_| selection.tier == Tier::Other);
    if titles.is_some() {
        // The matches without those in the title are the other tier. For NOT, FTS5 would look for matches in the title
        // again.
        selection.tier = Tier::All;
    }
    let sql = and_selected(FixedSql::new("posts.id IN (SELECT posts.id FROM "), selection, IndexAccess::Matches);
    let mut sql = and_after(sql, BY_MATCH, sequence, SQLITE);
    if let Some(ids) = titles.filter(|ids| !ids.is_empty()) {
        sql = sql.text(" AND posts_search.rowid NOT IN (SELECT value FROM json_each(");
        sql = sql.bind(BindValue::Text(format!("{ids:?}")), "))");
    }
    let sql = sql.text(" ORDER BY ").append(order(BY_MATCH, sequence, SQLITE));
    and_limit(sql, scan.limit).text(")")
}

fn positions_by(
    selection: Selection<'_>,
    sequence: SortSequence<'_>,
    access: IndexAccess,
    columns: SortColumns,
    limit: usize,
) -> FixedSql<(Text, BigInt)> {
    let key = if sequence.column == Column::Id { "''" } else { POSTS.name(sequence.column) };
    let sql = and_selected(FixedSql::new("SELECT ").text(key).text(", posts.id FROM "), selection, access);
    let sql = and_after(sql, columns, sequence, SQLITE).text(" ORDER BY ").append(order(columns, sequence, SQLITE));
    and_limit(sql, limit).uncached()
}

/// The number of posts, at most `limit`.
pub(crate) fn count(conn: &mut SqliteConnection, selection: Selection<'_>, limit: usize) -> QueryResult<i64> {
    let time_column = time_columns(selection.filter).next();
    let sql = FixedSql::<BigInt>::new("SELECT count(*) FROM (");
    let sql = match choose(conn, selection, Column::Id)? {
        IndexAccess::Labels(kind) => {
            let column = time_column.unwrap_or(Column::Id);
            let sequence = SortSequence { column, order: Order::Ascending, after: None };
            sql.append(labeled(selection, kind, sequence, limit))
        }
        IndexAccess::Scan(_) => {
            let access = time_column.map_or(IndexAccess::Scan(Column::Id), IndexAccess::Range);
            and_limit(and_selected(sql.text("SELECT 1 FROM "), selection, access), limit)
        }
        access => and_limit(and_selected(sql.text("SELECT 1 FROM "), selection, access), limit),
    };
    sql.text(")").uncached().get_result(conn)
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
        let is_full_soon = sort == Column::Id && columns.is_empty() && filter.label_kinds().next().is_none();
        if is_full_soon || has_few_matches(conn, search, selection.tier)? {
            return Ok(IndexAccess::Matches);
        }
    }
    if let Some(kind) = labels::kind_to_scan(selection, |sql| sql.get_result(conn))? {
        return Ok(IndexAccess::Labels(kind));
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
    let count: i64 = and_limit(sql.bind(query(search, tier), ""), FEW + 1).text(")").uncached().get_result(conn)?;
    Ok(usize::try_from(count).is_ok_and(|count| count <= FEW))
}

/// Whether at most [`FEW`] posts are in the range of the filters on this column.
fn is_narrow(conn: &mut SqliteConnection, selection: Selection<'_>, column: Column) -> QueryResult<bool> {
    let sql = FixedSql::<BigInt>::new("SELECT count(*) FROM (SELECT 1 FROM posts WHERE ");
    let sql = and_time_range(sql.append(published(selection.published)), selection.filter, column, &POSTS, SQLITE);
    let count: i64 = and_limit(sql, FEW + 1).text(")").uncached().get_result(conn)?;
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
        let names = if is_indexed { &POSTS } else { SQLITE.unindexed_posts };
        sql = and_time_range(sql, filter, column, names, SQLITE);
    }
    if access == IndexAccess::Slugs {
        sql = in_list(sql.text(" AND posts.slug"), &filter.slugs);
    }
    sql = labels::and_labeled(sql, selection, "posts.id");
    match (&filter.search, access) {
        (SearchFilter::Off, _) | (_, IndexAccess::Matches) => sql,
        (SearchFilter::Nothing, _) => sql.text(" AND FALSE"),
        (SearchFilter::For(search), IndexAccess::Slugs) => sql
            .text(" AND EXISTS (SELECT 1 FROM posts_search WHERE posts_search.rowid = posts.id AND posts_search MATCH ")
            .bind(query(search, tier), ")"),
        (SearchFilter::For(search), _) => sql
            .text(" AND +posts.id IN (SELECT rowid FROM posts_search WHERE posts_search MATCH ")
            .bind(query(search, tier), ")"),
    }
}

fn query(search: &Search, tier: Tier) -> BindValue {
    BindValue::Text(search.fts5(tier.search_scope()))
}
