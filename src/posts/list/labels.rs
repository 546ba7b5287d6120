//! The part of a list statement that reads `post_labels`, for lists with tags or authors.
//!
//! 1. [`page`] scans one index range per label in sort order, each with the limit of the page, and merges them.
//!    `label IN (…)` would read all posts with these labels, and sort them.
//! 2. The sort indexes contain the drafts with a label only if there are many. [`page`] sorts the others, about 1,000
//!    at most.
//! 3. A list with tags and authors scans the labels of one kind. The other kind, and a search, are tests: see
//!    [`tested_page`].

use diesel::sql_types::{BigInt, Bool, Text};

use crate::db::{BindValue, FixedSql};
use crate::posts::labels::LabelKind;
use crate::posts::list::conditions::{
    Dialect, LABELS, Selection, SortSequence, and_after, and_limit, and_time_range, in_list, integer, limited, order,
};
use crate::posts::list::query::Column;

/// The largest number of rows that are counted to compare the tags and the authors of a list.
const FEW: usize = 1000;

/// A scan of the labels of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LabelScan<'a> {
    pub(crate) selection: Selection<'a>,
    pub(crate) kind: LabelKind,
    pub(crate) sequence: SortSequence<'a>,
    pub(crate) dialect: Dialect,
}

/// The kind of labels to scan. `None` if the list has no labels, or if its slugs are to be looked up. `count` returns
/// the number of rows of a statement.
pub(crate) fn kind_to_scan<E>(
    selection: Selection<'_>,
    count: impl FnOnce(FixedSql<BigInt>) -> Result<i64, E>,
) -> Result<Option<LabelKind>, E> {
    let mut kinds = selection.filter.label_kinds();
    match (kinds.next(), kinds.next()) {
        _ if !selection.filter.slugs.is_empty() => Ok(None),
        // Authors usually have more posts than a tag has, but a list of a rare tag must not look up each post of an
        // author.
        (Some(authors), Some(tags)) => {
            let is_rare = usize::try_from(count(count_rows(selection, tags))?).is_ok_and(|rows| rows <= FEW);
            Ok(Some(if is_rare { tags } else { authors }))
        }
        (kind, _) => Ok(kind),
    }
}

/// The number of rows with the labels of this kind, up to [`FEW`] per label and one more.
fn count_rows(selection: Selection<'_>, kind: LabelKind) -> FixedSql<BigInt> {
    let mut sql = FixedSql::new("SELECT count(*) FROM (");
    for (index, label) in selection.filter.labels(kind).iter().enumerate() {
        sql = sql.text(if index == 0 {
            "SELECT 1 FROM (SELECT 1 FROM "
        } else {
            " UNION ALL SELECT 1 FROM (SELECT 1 FROM "
        });
        sql = and_limit(sql.append(labeled(selection, kind, label)), FEW + 1).text(") AS found");
    }
    sql.text(") AS found").uncached()
}

/// The values of `post_labels.sortable` that rows of the selection may have, as conditions.
fn sortable_values(selection: Selection<'_>) -> &'static [&'static str] {
    const IS_SORTABLE: &str = " AND post_labels.sortable = TRUE";
    if selection.published { &[IS_SORTABLE] } else { &[IS_SORTABLE, " AND post_labels.sortable = FALSE"] }
}

/// `post_labels` with the condition for one label.
fn labeled(selection: Selection<'_>, kind: LabelKind, label: &str) -> FixedSql<Bool> {
    FixedSql::new("post_labels WHERE post_labels.kind = ")
        .text(literal(kind))
        .text(" AND post_labels.label = ")
        .bind(BindValue::Text(label.to_owned()), " AND post_labels.published = ")
        .bind(BindValue::Bool(selection.published), "")
}

/// The value of `post_labels.kind`.
fn literal(kind: LabelKind) -> &'static str {
    match kind {
        LabelKind::Tag => "'t'",
        LabelKind::Author => "'a'",
    }
}

/// The sort keys and the ids of at most `limit` posts, in order, as the columns `key` and `id`. `condition` is a
/// further condition on `post_labels`. The key of a list by id is empty.
pub(crate) fn page(scan: &LabelScan<'_>, condition: Option<&FixedSql<Bool>>, limit: usize) -> FixedSql<(Text, BigInt)> {
    let labels = scan.selection.filter.labels(scan.kind);
    let mut ranges = labels.iter().flat_map(|label| {
        let sortable_values = sortable_values(scan.selection).iter();
        sortable_values.map(move |is_sortable| range(scan, label, is_sortable, condition, limit))
    });
    if let ([_], true) = (labels, scan.selection.published) {
        return ranges.next().unwrap_or_else(|| FixedSql::new(""));
    }
    let mut sql = FixedSql::new("");
    for (index, range) in ranges.enumerate() {
        sql = sql.text(if index == 0 { "SELECT key, id FROM (" } else { " UNION SELECT key, id FROM (" });
        sql = sql.append(range).text(") AS found");
    }
    limited(ordered(sql, scan.sequence), limit, scan.dialect)
}

/// The same for one label and one value of `sortable`: a range of an index.
fn range(
    scan: &LabelScan<'_>,
    label: &str,
    is_sortable: &'static str,
    condition: Option<&FixedSql<Bool>>,
    limit: usize,
) -> FixedSql<(Text, BigInt)> {
    let mut sql = key_and_id(scan.sequence).append(labeled(scan.selection, scan.kind, label));
    sql = and_listed(sql.text(is_sortable), scan);
    if let Some(condition) = condition {
        sql = sql.text(" AND ").append(condition.clone());
    }
    let order = order(LABELS.sort(scan.sequence.column), scan.sequence, scan.dialect);
    limited(sql.text(" ORDER BY ").append(order), limit, scan.dialect)
}

/// The beginning of a statement that reads sort keys and ids from `post_labels`.
pub(crate) fn key_and_id(sequence: SortSequence<'_>) -> FixedSql<(Text, BigInt)> {
    let key = if sequence.column == Column::Id { "''" } else { LABELS.name(sequence.column) };
    FixedSql::new("SELECT ").text(key).text(" AS key, post_labels.post_id AS id FROM ")
}

/// Appends the conditions for the rows after the position of the sequence, and in the time ranges.
pub(crate) fn and_listed<T>(mut sql: FixedSql<T>, scan: &LabelScan<'_>) -> FixedSql<T> {
    let LabelScan { selection, sequence, dialect, .. } = *scan;
    sql = sql.text((dialect.label_index)(sequence.column));
    for column in [Column::PublishedAt, Column::UpdatedAt] {
        let names = if column == sequence.column { &LABELS } else { dialect.unindexed_labels };
        sql = and_time_range(sql, selection.filter, column, names, dialect);
    }
    and_after(sql, LABELS.sort(sequence.column), sequence, dialect)
}

/// The number of rows that [`tested_page`] tests one by one.
const TESTED: usize = 1000;

/// Like [`page`], for a list whose posts must also pass tests that no index range answers. Reads bounded numbers of
/// rows:
///
/// 1. `labeled` has the first rows in sort order, and `scan` tests each of them by lookups: `is_match` is a condition
///    on `labeled.id`. If most posts pass, they fill the page. If there are no other posts, they are the whole list.
/// 2. Otherwise, `others` reads everything that may match, once, instead of testing it row by row: an author and a tag
///    may have half of the posts each, and none in common. It is a statement for the same columns that reads nothing if
///    `is_complete` of `page` is true.
pub(crate) fn tested_page(
    scan: &LabelScan<'_>,
    is_match: FixedSql<Bool>,
    others: FixedSql<(Text, BigInt)>,
    limit: usize,
) -> FixedSql<(Text, BigInt)> {
    let sql = FixedSql::new("WITH labeled AS MATERIALIZED (").append(page(scan, None, TESTED));
    let sql = sql.text("), scan AS MATERIALIZED (SELECT key, id FROM labeled WHERE ").append(is_match);
    let sql = and_page(sql, scan.sequence, limit).text("), page AS MATERIALIZED (SELECT count(*) = ");
    sql.bind(integer(limit), " OR (SELECT count(*) FROM labeled) < ")
        .bind(integer(TESTED), " AS is_complete FROM scan) SELECT key, id FROM scan")
        .text(" WHERE (SELECT is_complete FROM page) UNION ALL SELECT key, id FROM (")
        .append(others)
        .text(") AS others")
}

/// The condition for `others` of [`tested_page`] on PostgreSQL, which tests it once.
pub(crate) const IS_INCOMPLETE: &str = "NOT (SELECT is_complete FROM page)";

/// Appends the order and the limit of a page, for a statement whose columns are `key` and `id`.
pub(crate) fn and_page<T>(sql: FixedSql<T>, sequence: SortSequence<'_>, limit: usize) -> FixedSql<T> {
    and_limit(ordered(sql, sequence), limit)
}

/// Appends the order of a page, for a statement whose columns are `key` and `id`.
fn ordered<T>(sql: FixedSql<T>, sequence: SortSequence<'_>) -> FixedSql<T> {
    let direction = sequence.direction();
    sql.text(" ORDER BY 1").text(direction).text(", 2").text(direction)
}

/// The condition that the post with this id has one of the labels of this kind. Each one is looked up by primary key:
/// LIMIT keeps PostgreSQL from a join. For `sortable IN (…)`, it may read all rows of the label.
pub(crate) fn is_labeled(selection: Selection<'_>, kind: LabelKind, id: &'static str) -> FixedSql<Bool> {
    let lookup = |sql: FixedSql<Bool>, is_sortable| {
        let sql = sql.text("(SELECT TRUE FROM post_labels AS other WHERE other.kind = ").text(literal(kind));
        in_list(sql.text(" AND other.label"), selection.filter.labels(kind))
            .text(" AND other.published = ")
            .bind(BindValue::Bool(selection.published), is_sortable)
            .text(" AND other.post_id = ")
            .text(id)
            .text(" LIMIT 1)")
    };
    if selection.published {
        return lookup(FixedSql::new(""), " AND other.sortable = TRUE");
    }
    let sql = lookup(FixedSql::new("coalesce("), " AND other.sortable = FALSE").text(", ");
    lookup(sql, " AND other.sortable = TRUE").text(")")
}

/// Appends [`is_labeled`] for all labels of the list, with ` AND ` before each.
pub(crate) fn and_labeled<T>(sql: FixedSql<T>, selection: Selection<'_>, id: &'static str) -> FixedSql<T> {
    let kinds = selection.filter.label_kinds();
    kinds.fold(sql, |sql, kind| sql.text(" AND ").append(is_labeled(selection, kind, id)))
}

/// All rows with the labels of this kind, in no order.
pub(crate) fn all_labeled(selection: Selection<'_>, kind: LabelKind) -> FixedSql<Bool> {
    let sql = FixedSql::new("post_labels WHERE post_labels.kind = ").text(literal(kind));
    let sql = in_list(sql.text(" AND post_labels.label"), selection.filter.labels(kind))
        .text(" AND post_labels.published = ")
        .bind(BindValue::Bool(selection.published), "");
    match sortable_values(selection) {
        [is_sortable] => sql.text(is_sortable),
        _ => sql,
    }
}
