//! `PUT /api/posts/by-slug/{slug}`, and batches that replace posts: creates posts, or replaces those with the same
//! slug.
//!
//! A replacement that changes nothing does not touch the row: the post keeps its version, its entity tag, and its
//! `updated_at`, and no cache is invalidated. On PostgreSQL, the statement that replaces a post compares it with the
//! new row in its `WHERE` clause, so that no other write happens in between. On SQLite, no other write runs at the same
//! time.

use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::query_dsl::methods;
use diesel::sql_types::SqlType;
use diesel::upsert::excluded;

use crate::db::{Backend, Cached, Connection, Timestamp, Visibility, on};
use crate::posts::etag;
use crate::posts::input::{CreatePost, PutPost, put_fields};
use crate::posts::model::{NewPost, Post, next_version};
use crate::posts::store::{ReadScope, coalesce, find_by_slug, insert};
use crate::resource::versioned::{Change, Preconditions, TagSet};
use crate::schema::posts;

/// The assignments that replace a post by a [`NewPost`]: the fields of a `PUT`, and what depends on them.
/// `$new!(column)` is the new value of a column.
///
/// The post keeps its id, its creation time, and the time of its first publication. A scheduled publication is
/// canceled.
macro_rules! replacement {
    ($new:ident [$($column:ident)*]) => {
        (
            $(posts::$column.eq($new!($column)),)*
            posts::excerpt.eq($new!(excerpt)),
            posts::published_at.eq(coalesce(posts::published_at, $new!(published_at))),
            posts::scheduled_for.eq(None::<Timestamp>),
            posts::updated_at.eq($new!(updated_at)),
            posts::version.eq(next_version()),
        )
    };
}

/// Whether the replacement changes the post. The excerpt is not compared: it is derived from the content, and null if
/// an external writer has written the content.
macro_rules! is_different {
    ($new:ident [$($column:ident)*]) => {
        posts::scheduled_for
            .is_not_null()
            .or(is_distinct_from(posts::published_at, coalesce(posts::published_at, $new!(published_at))))
            $(.or(is_distinct_from(posts::$column, $new!($column))))*
    };
}

/// Does not compile if a field of posts is neither a field of a `PUT` nor in this list of other fields.
macro_rules! check_completeness {
    ([$($column:ident)*]) => {
        const _: fn(Post) = |Post {
            id: _, slug: _, published_at: _, scheduled_for: _, created_at: _, updated_at: _, version: _, $($column: _,)*
        }| {};
    };
}
put_fields!(check_completeness);

diesel::infix_operator!(IsDistinctFrom, " IS DISTINCT FROM ");

/// Like `<>`, but null is a value. diesel has this operator for PostgreSQL only.
fn is_distinct_from<L, R>(left: L, right: R) -> IsDistinctFrom<L, R::Expression>
where
    L: Expression,
    L::SqlType: SqlType,
    R: AsExpression<L::SqlType>,
{
    IsDistinctFrom::new(left, right.as_expression())
}

/// The result of a `PUT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutResult {
    pub post: Post,
    /// Whether the request has created the post. Otherwise it has replaced the post or changed nothing.
    pub is_new: bool,
}

/// Creates or replaces the post with this slug. Omitted fields get the values of a new post, except that a replaced
/// post keeps the time of its first publication. A created post is at version 1.
pub fn apply(
    conn: &mut Connection,
    slug: String,
    post: PutPost,
    preconditions: &Preconditions,
    now: Timestamp,
) -> QueryResult<Change<PutResult>> {
    let row = CreatePost::from(post).into_row(slug, now);
    loop {
        if let Some(post) = try_put(conn, &row, preconditions)? {
            conn.mark_posts_changed(Visibility::of(may_have_been_public(&post)), vec![post.id]);
            return Ok(Change::Done(PutResult { is_new: is_new(&post), post }));
        }
        conn.mark_changed(Visibility::Private);
        match compare(conn, &row)? {
            Some((post, _)) if !etag::allow(preconditions, &post) => return Ok(Change::Stale),
            Some((post, false)) => return Ok(Change::Done(PutResult { post, is_new: false })),
            None if preconditions.if_match.is_some() => return Ok(Change::Stale),
            // Another request changed the post between the two statements. It has made progress, so the loop ends.
            _ => {}
        }
    }
}

/// Returns `None` if the preconditions are not met, or if the post does not change.
fn try_put(conn: &mut Connection, row: &NewPost, preconditions: &Preconditions) -> QueryResult<Option<Post>> {
    match preconditions {
        Preconditions { if_match: None, if_none_match: None } => Ok(upsert(conn, vec![row])?.pop()),
        Preconditions { if_match: None, if_none_match: Some(TagSet::Any) } => insert(conn, row),
        // `If-Match` is not met by a missing post.
        Preconditions { if_match: Some(_), .. } => replace(conn, row, preconditions),
        Preconditions { if_match: None, if_none_match: Some(TagSet::Tags(_)) } => {
            match replace(conn, row, preconditions)? {
                None => insert(conn, row),
                replaced => Ok(replaced),
            }
        }
    }
}

/// Whether a write has created the post, rather than replaced one. The version alone does not determine this, because
/// an external writer may have set it: a replaced post has an earlier `created_at`.
pub(crate) fn is_new(post: &Post) -> bool {
    post.version == 1 && post.created_at == post.updated_at
}

/// Whether a post that [`upsert`] has stored is public now, or may have been public before. `published_at` does not
/// determine this, because an external writer can publish a post without setting `published_at`.
pub(crate) fn may_have_been_public(post: &Post) -> bool {
    post.published || !is_new(post)
}

/// Inserts each row, or replaces the post that has its slug. Returns the posts that were created or changed. On
/// PostgreSQL, the others are locked until the end of the transaction.
pub(crate) fn upsert(conn: &mut Connection, rows: Vec<&NewPost>) -> QueryResult<Vec<Post>> {
    macro_rules! new {
        ($column:ident) => {
            excluded(posts::$column)
        };
    }
    let rows = if let Backend::Sqlite(conn) = &mut conn.backend { with_changes(conn, rows)? } else { rows };
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    // The number of rows is part of the text.
    let is_single = rows.len() == 1;
    let upsert = diesel::insert_into(posts::table)
        .values(rows)
        .on_conflict(posts::slug)
        .do_update()
        .set(put_fields!(replacement new));
    match &mut conn.backend {
        Backend::Postgres(conn) => {
            let changes = methods::FilterDsl::filter(upsert, put_fields!(is_different new));
            Cached::only_if(is_single, changes.returning(Post::as_returning())).get_results(conn)
        }
        Backend::Sqlite(conn) => upsert.returning(Post::as_returning()).get_results(conn),
    }
}

/// Returns the rows that are new or change a post. A `WHERE` clause of the upsert would not be enough on SQLite:
/// `INSERT` advances the sequence of ids before it detects a conflict, and other processes notice this write. There is
/// only one writer at a time, so the result stays true.
fn with_changes<'a>(conn: &mut SqliteConnection, rows: Vec<&'a NewPost>) -> QueryResult<Vec<&'a NewPost>> {
    let mut changes = Vec::with_capacity(rows.len());
    for row in rows {
        macro_rules! new {
            ($column:ident) => {
                &row.$column
            };
        }
        let is_different: Option<bool> = posts::table
            .filter(posts::slug.eq(&row.slug))
            .select(put_fields!(is_different new).assume_not_null())
            .first(conn)
            .optional()?;
        if is_different.unwrap_or(true) {
            changes.push(row);
        }
    }
    Ok(changes)
}

/// Replaces the post that has the row's slug. Returns `None` if there is none that meets the preconditions, or if it
/// does not change.
fn replace(conn: &mut Connection, row: &NewPost, preconditions: &Preconditions) -> QueryResult<Option<Post>> {
    macro_rules! new {
        ($column:ident) => {
            &row.$column
        };
    }
    let condition = etag::condition(conn, preconditions, |conn| find_by_slug(conn, &row.slug, ReadScope::All))?;
    on!(conn, conn => {
        let update = diesel::update(posts::table.filter(posts::slug.eq(&row.slug)).filter(condition))
            .filter(put_fields!(is_different new))
            .set(put_fields!(replacement new))
            .returning(Post::as_returning());
        Cached::new(update).get_result(conn).optional()
    })
}

/// The post that has the row's slug, and whether the row would change it.
fn compare(conn: &mut Connection, row: &NewPost) -> QueryResult<Option<(Post, bool)>> {
    macro_rules! new {
        ($column:ident) => {
            &row.$column
        };
    }
    on!(conn, conn => posts::table
        .filter(posts::slug.eq(&row.slug))
        .select((Post::as_select(), put_fields!(is_different new).assume_not_null()))
        .first(conn)
        .optional())
}
