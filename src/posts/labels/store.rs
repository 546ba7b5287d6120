//! Reads the names of tags and authors, and counts the published posts that have them.
//!
//! There are no counters: each number is counted when it is read. A page by name reads the index entries of its own
//! names, never those of drafts. A page by number of posts reads the entries of all names.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use crate::db::{Backend, BindValue, Connection, FixedSql, not_canceled_on_sqlite};
use crate::posts::labels::LabelKind;
use crate::posts::labels::query::{Label, LabelPosition, LabelQuery, LabelSort};

/// The labels of a page, and the position of the next page. It is `None` on the last page.
pub type FoundLabels = (Vec<Label>, Option<LabelPosition>);

/// A folded name, the name as it is spelled, and the number of posts.
type Row = (String, String, i64);

/// Reads the page that the query describes.
pub fn read_labels(conn: &mut Connection, query: &LabelQuery) -> QueryResult<FoundLabels> {
    // One label more than the page holds shows whether there is another page.
    let limit = usize::from(query.limit) + 1;
    let mut rows: Vec<Row> = match &mut conn.backend {
        // Checks once per label, because to read an entry takes less time than to check it.
        Backend::Sqlite(conn) => {
            let table = "post_labels INDEXED BY post_labels_published_key";
            let counted = counted(query, table, not_canceled_on_sqlite()).bound_limit(limit);
            statement(query, "''", counted).load(conn)?
        }
        Backend::Postgres(conn) => {
            let counted = counted(query, "post_labels", FixedSql::new("TRUE")).planned_limit(limit);
            statement(query, "'-infinity'", counted).bound_limit(limit).load(conn)?
        }
    };
    let has_more = rows.len() > usize::from(query.limit);
    rows.truncate(query.limit.into());
    let position = |(label, _, posts): &Row| LabelPosition { label: label.clone(), posts: *posts };
    let next = if has_more { rows.last().map(position) } else { None };
    Ok((rows.into_iter().map(|(_, name, posts)| Label { name, posts }).collect(), next))
}

/// Reads the names of the labels that `counted` finds, in order. `first_key` is a literal that is not after any value of
/// `published_key`.
fn statement(
    query: &LabelQuery,
    first_key: &'static str,
    counted: FixedSql<(Text, BigInt)>,
) -> FixedSql<(Text, Text, BigInt)> {
    let newest = FixedSql::<Text>::new("SELECT newest.name FROM post_labels AS newest WHERE ");
    // The index on `published_key` of PostgreSQL serves only statements with this condition.
    let newest = newest
        .append(published(query.kind))
        .text(" AND newest.published_key >= ")
        .text(first_key)
        .text(" AND newest.label = found.label ORDER BY newest.published_key DESC, newest.post_id DESC LIMIT 1");
    let sql = FixedSql::new("SELECT found.label, (").append(newest).text("), found.posts FROM (");
    sql.append(counted).text(") AS found ORDER BY ").text(order(query.sort))
}

/// The condition for the labels of published posts, which are all in the sort indexes. A bound value: with a literal,
/// statistics of SQLite could make the planner prefer another index.
fn published(kind: LabelKind) -> FixedSql<Bool> {
    let kind = match kind {
        LabelKind::Tag => "t",
        LabelKind::Author => "a",
    };
    FixedSql::new("kind = ")
        .bind(BindValue::Text(kind.to_owned()), " AND published = ")
        .bind(BindValue::Bool(true), " AND sortable = TRUE")
}

const fn order(sort: LabelSort) -> &'static str {
    match sort {
        LabelSort::Name => "label",
        LabelSort::Posts => "posts DESC, label",
    }
}

/// The labels that follow the position, each with its number of posts, in order. `table` names the index to count in
/// if the planner may choose the whole rows of the primary key, and each label must meet `check`.
fn counted(query: &LabelQuery, table: &'static str, check: FixedSql<Bool>) -> FixedSql<(Text, BigInt)> {
    let sql = FixedSql::new("SELECT label, count(*) AS posts FROM ").text(table).text(" WHERE ");
    let mut sql = sql.append(published(query.kind));
    let text = |text: &str| BindValue::Text(text.to_owned());
    // One lower bound: with two, SQLite might seek to the other one, and read all names from there to the position.
    let after = query.position.as_ref().filter(|_| query.sort == LabelSort::Name).map(|position| &position.label);
    sql = match (after, &query.prefix) {
        (Some(after), prefix) if prefix.as_ref().is_none_or(|prefix| after >= prefix) => {
            sql.text(" AND label > ").bind(text(after), "")
        }
        (_, Some(prefix)) => sql.text(" AND label >= ").bind(text(prefix), ""),
        (_, None) => sql,
    };
    if let Some(end) = query.prefix.as_deref().and_then(end_of_prefix) {
        sql = sql.text(" AND label < ").bind(text(&end), "");
    }
    sql = sql.text(" GROUP BY label HAVING ").append(check);
    if let (LabelSort::Posts, Some(LabelPosition { label, posts })) = (query.sort, &query.position) {
        let posts = BindValue::Integer(*posts);
        sql = sql.text(" AND (count(*) < ").bind(posts.clone(), " OR (count(*) = ").bind(posts, " AND label > ");
        sql = sql.bind(text(label), "))");
    }
    sql.text(" ORDER BY ").text(order(query.sort))
}

/// The first text, in order of bytes, after all texts that begin with the prefix. `None` if there is none.
fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut end: Vec<char> = prefix.chars().collect();
    while let Some(last) = end.pop() {
        // A range of characters skips the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return Some(end.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_ends_before_the_next_character() {
        for (prefix, end) in [
            ("a", Some("b")),
            ("ab", Some("ac")),
            ("a\u{d7ff}", Some("a\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("c++", Some("c+,")),
        ] {
            assert_eq!(end_of_prefix(prefix).as_deref(), end, "{prefix}");
        }
    }
}
