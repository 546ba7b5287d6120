//! Queries that read and add aliases. Triggers add and remove them when posts change.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::db::{Connection, Timestamp, on};
use crate::schema::{post_aliases, posts};

/// Why an alias was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("is the slug of a published post")]
    LiveSlug,
    #[error("is an alias of another post")]
    OtherPost,
}

/// An alias to add. `T` identifies the caller's item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewAlias<T> {
    pub(crate) item: T,
    /// The present slug of the post.
    pub(crate) post: String,
    pub(crate) alias: String,
}

/// Rows per statement. SQLite binds at most 32,766 values per statement.
const CHUNK: usize = 1000;

/// Adds aliases to posts, the oldest first, and returns those that were rejected. An alias that the post already has,
/// or that is its own slug, changes nothing and is not rejected.
///
/// The caller must prevent concurrent changes to the posts until its transaction ends.
pub(crate) fn add<T>(
    conn: &mut Connection,
    aliases: Vec<NewAlias<T>>,
    now: Timestamp,
) -> QueryResult<Vec<(NewAlias<T>, Rejection)>> {
    let slugs: HashSet<&str> = aliases.iter().map(|new| new.post.as_str()).collect();
    let ids: HashMap<String, i64> = on!(conn, conn => posts::table
        .filter(posts::slug.eq_any(slugs))
        .select((posts::slug, posts::id))
        .load(conn))?
    .into_iter()
    .collect();
    let mut rejected = Vec::new();
    // The times keep the order of the aliases: the oldest is the first to be removed when a post has too many.
    let first = now.as_microseconds() - i64::try_from(aliases.len()).unwrap_or_default();
    let mut rows = Vec::new();
    for (time, new) in (first..).zip(aliases) {
        if let Some(id) = ids.get(&new.post).copied().filter(|_| new.alias != new.post) {
            let created_at = Timestamp::from_microseconds(time).unwrap_or(now);
            rows.push((Row { slug: new.alias.clone(), post_id: id, created_at }, new));
        }
    }
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(CHUNK));
        rejected.extend(insert(conn, std::mem::replace(&mut rows, rest))?);
    }
    Ok(rejected)
}

#[derive(Insertable)]
#[diesel(table_name = post_aliases, treat_none_as_default_value = false)]
struct Row {
    slug: String,
    post_id: i64,
    created_at: Timestamp,
}

/// Inserts the rows, and returns those that their post does not have afterwards.
fn insert<T>(conn: &mut Connection, rows: Vec<(Row, NewAlias<T>)>) -> QueryResult<Vec<(NewAlias<T>, Rejection)>> {
    let values: Vec<&Row> = rows.iter().map(|(row, _)| row).collect();
    on!(conn, conn => diesel::insert_into(post_aliases::table).values(values).on_conflict_do_nothing().execute(conn))?;
    let slugs: Vec<&str> = rows.iter().map(|(row, _)| row.slug.as_str()).collect();
    let holders: HashMap<String, i64> = on!(conn, conn => post_aliases::table
        .filter(post_aliases::slug.eq_any(slugs))
        .select((post_aliases::slug, post_aliases::post_id))
        .load(conn))?
    .into_iter()
    .collect();
    let rejection = |(row, new): (Row, NewAlias<T>)| match holders.get(&row.slug) {
        Some(id) if *id == row.post_id => None,
        Some(_) => Some((new, Rejection::OtherPost)),
        None => Some((new, Rejection::LiveSlug)),
    };
    Ok(rows.into_iter().filter_map(rejection).collect())
}

/// The aliases of these posts, and the aliases that equal one of the slugs, with the ids of their posts.
pub(crate) fn held_by(conn: &mut Connection, ids: &[i64], slugs: &[String]) -> QueryResult<HashSet<(i64, String)>> {
    let rows: Vec<(i64, String)> = on!(conn, conn => post_aliases::table
        .filter(post_aliases::post_id.eq_any(ids).or(post_aliases::slug.eq_any(slugs)))
        .select((post_aliases::post_id, post_aliases::slug))
        .load(conn))?;
    Ok(rows.into_iter().collect())
}

/// The aliases of the posts whose ids are between `first` and `last`, the oldest first.
pub(crate) fn of_posts(conn: &mut Connection, first: i64, last: i64) -> QueryResult<HashMap<i64, Vec<String>>> {
    let rows: Vec<(i64, String)> = on!(conn, conn => post_aliases::table
        .filter(post_aliases::post_id.between(first, last))
        .order((post_aliases::post_id, post_aliases::created_at, post_aliases::slug))
        .select((post_aliases::post_id, post_aliases::slug))
        .load(conn))?;
    let mut aliases: HashMap<i64, Vec<String>> = HashMap::new();
    for (id, slug) in rows {
        aliases.entry(id).or_default().push(slug);
    }
    Ok(aliases)
}
