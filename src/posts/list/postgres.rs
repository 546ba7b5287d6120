//! Finds the posts of a search on PostgreSQL.
//!
//! The planner estimates how many posts match a search as if its words were independent of each other and of the sort
//! order. For words that never occur together it would scan a million posts in sort order and find none. So it may not
//! choose: [`in_page`] tries a bounded scan, and then reads the matches from the search index.
//!
//! Other filters need no such care. Each sort index contains the columns that lists filter by, and PostgreSQL checks
//! them before it reads a row, so that even the wrong index answers in time.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use crate::db::{BindValue, FixedSql};
use crate::posts::labels::LabelKind;
use crate::posts::list::conditions::{
    POSTGRES, POSTS, Selection, SortSequence, and_after, and_limit, and_time_range, in_list, integer, limited, order,
    published,
};
use crate::posts::list::labels::{self, LabelScan};
use crate::posts::list::query::{Column, Order, SearchFilter, Tier};
use crate::posts::list::search::{Search, SearchScope};

/// The number of posts, at most `limit`.
pub(crate) fn count(conn: &mut PgConnection, selection: Selection<'_>, limit: usize) -> QueryResult<i64> {
    let filter = selection.filter;
    // The index on the id has the order of the table. In any other order, checking which rows are visible takes several
    // times as long.
    let sequence = SortSequence { column: Column::Id, order: Order::Ascending, after: None };
    let counted = if let Some(kind) = labels::kind_to_scan(selection, |sql| sql.get_result(conn))? {
        FixedSql::<BigInt>::new("").append(labeled(selection, kind, sequence, limit))
    } else {
        let mut sql = FixedSql::new("SELECT 1 FROM posts WHERE ").append(selected(selection, IsPlanned::No));
        if filter.search == SearchFilter::Off {
            sql = sql.text(" ORDER BY ").append(order(POSTS.sort(Column::Id), sequence, POSTGRES));
        }
        limited(sql, limit, POSTGRES)
    };
    let sql = FixedSql::<BigInt>::new("SELECT count(*) FROM (").append(counted).text(") AS found");
    if filter.is_cacheable() { sql.get_result(conn) } else { sql.uncached().get_result(conn) }
}

/// The ids of at most `limit` posts, in this order.
pub(crate) fn ids(
    conn: &mut PgConnection,
    selection: Selection<'_>,
    sequence: SortSequence<'_>,
    limit: usize,
) -> QueryResult<Vec<i64>> {
    let sql = if let Some(kind) = labels::kind_to_scan(selection, |sql| sql.get_result(conn))? {
        let sql = FixedSql::<BigInt>::new("SELECT id FROM (").append(labeled(selection, kind, sequence, limit));
        sql.text(") AS found ORDER BY id").text(sequence.direction())
    } else {
        let sql = FixedSql::<BigInt>::new("SELECT posts.id FROM posts WHERE ");
        let order = order(POSTS.sort(sequence.column), sequence, POSTGRES);
        and_limit(sql.append(selected(selection, IsPlanned::Yes)).text(" ORDER BY ").append(order), limit)
    };
    sql.uncached().load(conn)
}

/// The sort keys and the ids of at most `limit` posts with labels of this kind.
pub(crate) fn labeled(
    selection: Selection<'_>,
    kind: LabelKind,
    sequence: SortSequence<'_>,
    limit: usize,
) -> FixedSql<(Text, BigInt)> {
    let filter = selection.filter;
    let scan = LabelScan { selection, kind, sequence, dialect: POSTGRES };
    let other = filter.label_kinds().find(|other| *other != kind);
    if other.is_none() && filter.search == SearchFilter::Off {
        return labels::page(&scan, None, limit);
    }
    let mut is_match = FixedSql::<Bool>::new("TRUE");
    if let Some(other) = other {
        is_match = is_match.text(" AND ").append(labels::is_labeled(selection, other, "labeled.id"));
    }
    if filter.search == SearchFilter::Off {
        let others = labels::and_page(in_all_labels(&scan, labels::IS_INCOMPLETE), sequence, limit);
        return labels::tested_page(&scan, is_match, others, limit);
    }
    let searched = searched(selection, IsPlanned::No);
    let is_match = is_match.text(" AND (SELECT ").append(searched).text(" FROM posts WHERE posts.id = labeled.id)");
    labels::tested_page(&scan, is_match, labeled_matches(&scan, limit), limit)
}

/// The sort keys and the ids of all posts with labels of every kind that the list is filtered by. INTERSECT reads each
/// part once. In a join, the planner would choose lookups, because it expects few rows.
fn in_all_labels(scan: &LabelScan<'_>, condition: &'static str) -> FixedSql<(Text, BigInt)> {
    let mut sql = FixedSql::new("");
    for (index, kind) in scan.selection.filter.label_kinds().enumerate() {
        sql = sql.text(if index == 0 { "" } else { " INTERSECT " }).append(labels::key_and_id(scan.sequence));
        sql = labels::and_listed(sql.append(labels::all_labeled(scan.selection, kind)), scan);
        sql = sql.text(" AND ").text(condition);
    }
    sql
}

/// The largest number of matches of a search whose labels are looked up one by one.
const FEW: usize = 1000;

/// The sort keys and the ids of the first `limit` matches of the search that have the labels. Reads all matches, but
/// all posts with the labels only if there are many matches.
fn labeled_matches(scan: &LabelScan<'_>, limit: usize) -> FixedSql<(Text, BigInt)> {
    let LabelScan { selection, sequence, .. } = *scan;
    let key = if sequence.column == Column::Id { "''" } else { POSTS.name(sequence.column) };
    let sql =
        FixedSql::new("WITH matches AS MATERIALIZED (SELECT ").text(key).text(" AS key, posts.id AS id FROM posts");
    let sql = sql.text(" WHERE ").append(listed(selection));
    let sql = and_after(sql, POSTS.sort(sequence.column), sequence, POSTGRES);
    let sql = sql.text(" AND ").text(labels::IS_INCOMPLETE).text(" AND ").append(searched(selection, IsPlanned::No));
    let sql = sql.text("), few AS MATERIALIZED (SELECT count(*) <= ").bind(integer(FEW), " AS are_few FROM matches)");
    let sql = sql.text(" SELECT key, id FROM matches WHERE (SELECT are_few FROM few)");
    let sql = labels::and_labeled(sql, selection, "matches.id").text(" UNION ALL SELECT key, id FROM (");
    let sql = sql.text("SELECT key, id FROM matches WHERE NOT (SELECT are_few FROM few) INTERSECT ");
    let sql = sql.append(in_all_labels(scan, "NOT (SELECT are_few FROM few)")).text(") AS matches");
    labels::and_page(sql, sequence, limit)
}

/// The number of posts that the planner expects.
pub(crate) fn estimate(conn: &mut PgConnection, selection: Selection<'_>) -> QueryResult<i64> {
    let sql = FixedSql::<Text>::new("EXPLAIN (FORMAT JSON) SELECT FROM posts WHERE ");
    let mut sql = sql.append(unlabeled(selection, IsPlanned::Yes));
    for kind in selection.filter.label_kinds() {
        let labeled = labels::all_labeled(selection, kind);
        sql = sql.text(" AND posts.id IN (SELECT post_labels.post_id FROM ").append(labeled).text(")");
    }
    let plan: String = sql.uncached().get_result(conn)?;
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap_or_default();
    Ok(plan.pointer("/0/Plan/Plan Rows").and_then(serde_json::Value::as_i64).unwrap_or(0))
}

/// Whether the planner estimates how many posts match a search, which takes it 0.2 ms. Otherwise it assumes that few
/// do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IsPlanned {
    Yes,
    No,
}

/// The number of posts that are tested to find out whether a search has frequent matches.
const SAMPLE: i64 = 64;

/// In a small table, to read the matches from the search index costs less than a scan, unless every tenth post matches:
/// the number of posts to test, and how many of them must match before one more match makes the search frequent.
/// A table of 32 MiB has about 20,000 posts.
const IS_SMALL: &str = "WITH size AS MATERIALIZED (SELECT pg_relation_size('posts') < 33554432 AS is_small), ";
const SMALL_SAMPLE: &str = " LIMIT CASE WHEN (SELECT is_small FROM size) THEN 32 ELSE 64 END";
const MATCHES: &str = " OFFSET CASE WHEN (SELECT is_small FROM size) THEN 2 ELSE 0 END LIMIT 1";

/// The number of posts in which a scan looks for the matches of a page.
const SCAN: i64 = 1000;

/// The condition for the posts of a page of at most `limit` posts.
///
/// 1. `sample` and `scan` test the first posts in sort order. For a common word, they fill the page. To test a post
///    costs about five times as much as to read a match from the search index.
/// 2. If they do not, the last part reads all matches from the search index, and sorts them. `OFFSET 0` prevents the
///    planner from a scan in sort order.
pub(crate) fn in_page(selection: Selection<'_>, sequence: SortSequence<'_>, limit: usize) -> FixedSql<Bool> {
    let columns = POSTS.sort(sequence.column);
    let by = || order(columns, sequence, POSTGRES);
    let listed = || and_after(listed(selection), columns, sequence, POSTGRES);
    let searched = || searched(selection, IsPlanned::No);
    let first = |posts| {
        let sql = FixedSql::<Bool>::new("(SELECT posts.* FROM posts WHERE ").append(listed());
        sql.text(" ORDER BY ").append(by()).text(" LIMIT ").number(posts).text(") AS posts")
    };
    let scan = FixedSql::<BigInt>::new("SELECT posts.id FROM ").append(first(SCAN));
    let scan = scan.text(" WHERE EXISTS (SELECT FROM sample) AND ");
    let scan = limited(scan.append(searched()).text(" ORDER BY ").append(by()), limit, POSTGRES);
    let matches = FixedSql::<BigInt>::new("SELECT posts.id FROM (SELECT posts.id").text(sort_key(sequence.column));
    let matches = matches
        .text(" FROM posts WHERE (SELECT count(*) FROM scan) < ")
        .bind(integer(limit), " AND ")
        .append(listed())
        .text(" AND ")
        .append(searched());
    let matches = limited(matches.text(" OFFSET 0) AS posts ORDER BY ").append(by()), limit, POSTGRES);
    FixedSql::new("posts.id ")
        .text(POSTGRES.in_page.0)
        .text(IS_SMALL)
        .text("sample AS MATERIALIZED (SELECT FROM (SELECT * FROM ")
        .append(first(SAMPLE))
        .text(SMALL_SAMPLE)
        .text(") AS posts WHERE ")
        .append(searched())
        .text(MATCHES)
        .text("), scan AS MATERIALIZED (")
        .append(scan)
        .text(") SELECT id FROM scan WHERE (SELECT count(*) FROM scan) = ")
        .bind(integer(limit), " UNION ALL (")
        .append(matches)
        .text(")")
        .text(POSTGRES.in_page.1)
}

/// The sort column, to select after the id.
fn sort_key(column: Column) -> &'static str {
    match column {
        Column::Id => "",
        Column::PublishedAt => ", posts.published_key",
        Column::UpdatedAt => ", posts.updated_at",
        Column::Title => ", posts.title",
    }
}

/// The conditions of the selection except its search, slugs, and labels.
fn listed(selection: Selection<'_>) -> FixedSql<Bool> {
    [Column::PublishedAt, Column::UpdatedAt].into_iter().fold(published(selection.published), |sql, column| {
        and_time_range(sql, selection.filter, column, &POSTS, POSTGRES)
    })
}

/// All conditions of the selection. The planner chooses the indexes.
pub(crate) fn selected(selection: Selection<'_>, is_planned: IsPlanned) -> FixedSql<Bool> {
    labels::and_labeled(unlabeled(selection, is_planned), selection, "posts.id")
}

/// The conditions of the selection except its labels.
fn unlabeled(selection: Selection<'_>, is_planned: IsPlanned) -> FixedSql<Bool> {
    let mut sql = listed(selection);
    if !selection.filter.slugs.is_empty() {
        sql = in_list(sql.text(" AND posts.slug"), &selection.filter.slugs);
    }
    match selection.filter.search {
        SearchFilter::Off => sql,
        _ => sql.text(" AND ").append(searched(selection, is_planned)),
    }
}

/// The condition of the search.
fn searched(selection: Selection<'_>, is_planned: IsPlanned) -> FixedSql<Bool> {
    let SearchFilter::For(search) = &selection.filter.search else { return FixedSql::new("FALSE") };
    let has_phrases = search.phrases().next().is_some();
    let indexed = |scope| {
        let (head, tail) = match is_planned {
            IsPlanned::Yes => ("posts.search @@ posts_fold(", ")::tsquery"),
            IsPlanned::No => ("posts.search @@ (SELECT posts_fold(", ")::tsquery)"),
        };
        FixedSql::new(head).bind(BindValue::Text(search.tsquery(scope, false)), tail)
    };
    if !has_phrases {
        return indexed(selection.tier.search_scope());
    }
    let in_post = || indexed(SearchScope::Post).text(" AND ").append(phrases(search, SearchScope::Post));
    let in_title = || indexed(SearchScope::Title).text(" AND ").append(phrases(search, SearchScope::Title));
    match selection.tier {
        Tier::All => in_post(),
        Tier::Title => in_title(),
        Tier::Other => in_post().text(" AND NOT (").append(in_title()).text(")"),
    }
}

/// The condition that the post contains each phrase. The migration describes `search_text`.
fn phrases(search: &Search, scope: SearchScope) -> FixedSql<Bool> {
    let text = match scope {
        SearchScope::Title => "' ' || posts_words(posts.title) || ' '",
        SearchScope::Post | SearchScope::NotTitle => "posts.search_text",
    };
    let mut sql = FixedSql::new("CASE WHEN posts.search_text IS NULL THEN posts.search @@ posts_fold(")
        .bind(BindValue::Text(search.tsquery(scope, true)), ")::tsquery ELSE TRUE");
    for phrase in search.phrases() {
        sql = sql.text(" AND strpos(").text(text).text(", posts_fold(").bind(BindValue::Text(phrase), ")) > 0");
    }
    sql.text(" END")
}
