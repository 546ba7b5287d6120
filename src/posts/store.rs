//! Queries that read and change one post. They do not depend on HTTP.
//!
//! Every change is one `UPDATE` or `DELETE` with the preconditions in its `WHERE` clause, so exactly one of several
//! concurrent writers with the same `If-Match` succeeds. If the statement changes no row, a second query determines the
//! reason.

use diesel::prelude::*;
use diesel::sql_types::Nullable;

use crate::db::{Cached, Connection, Timestamp, Visibility, on};
use crate::posts::input::CreatePost;
use crate::posts::model::{NewPost, Post};
use crate::posts::{etag, slug};
use crate::resource::versioned::{Change, Preconditions};
use crate::schema::posts;

type NullableTime = Nullable<crate::db::Timestamptz>;

diesel::define_sql_function! {
    /// The first argument that is not null.
    fn coalesce(first: NullableTime, second: NullableTime) -> NullableTime;
}

/// The posts that a read may return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadScope {
    All,
    /// Excludes drafts in SQL, so a draft and a missing post take the same query path and timing reveals nothing.
    Published,
}

/// The post with this id.
pub fn find(conn: &mut Connection, id: i64, scope: ReadScope) -> QueryResult<Option<Post>> {
    on!(conn, conn => {
        let found = posts::table.find(id).select(Post::as_select());
        match scope {
            ReadScope::All => found.get_result(conn).optional(),
            ReadScope::Published => found.filter(posts::published.eq(true)).get_result(conn).optional(),
        }
    })
}

/// The post with this slug.
pub fn find_by_slug(conn: &mut Connection, slug: &str, scope: ReadScope) -> QueryResult<Option<Post>> {
    on!(conn, conn => {
        let found = posts::table.filter(posts::slug.eq(slug)).select(Post::as_select());
        match scope {
            ReadScope::All => found.get_result(conn).optional(),
            ReadScope::Published => found.filter(posts::published.eq(true)).get_result(conn).optional(),
        }
    })
}

/// The posts with these slugs, in any order.
pub fn find_by_slugs(conn: &mut Connection, slugs: &[String]) -> QueryResult<Vec<Post>> {
    on!(conn, conn => posts::table.filter(posts::slug.eq_any(slugs)).select(Post::as_select()).load(conn))
}

/// Stores a new post. If `post.slug` is `None`, the post gets an unused slug derived from its title.
///
/// Returns [`Change::Conflict`] if another post has the requested slug.
pub fn create(conn: &mut Connection, post: CreatePost, now: Timestamp) -> QueryResult<Change<Post>> {
    let is_requested = post.slug.is_some();
    let base = post.slug.clone().unwrap_or_else(|| slug::from_title(&post.title));
    let mut row = post.into_row(base.clone(), now);
    loop {
        if let Some(post) = insert(conn, &row)? {
            conn.mark_posts_changed(Visibility::of(post.published), vec![post.id]);
            return Ok(Change::Done(post));
        }
        if is_requested {
            conn.mark_changed(Visibility::Private);
            return Ok(Change::Conflict);
        }
        // If another writer takes the slug before the insert, the loop tries another slug. It makes progress: whenever
        // an insert fails, another writer has succeeded.
        row.slug = slug::find_free(&base, |slug| slug_exists(conn, slug))?;
    }
}

/// Inserts a row, or returns `None` if its slug is in use. An error would abort PostgreSQL's transaction.
pub(crate) fn insert(conn: &mut Connection, row: &NewPost) -> QueryResult<Option<Post>> {
    on!(conn, conn => diesel::insert_into(posts::table)
        .values(row)
        .on_conflict(posts::slug)
        .do_nothing()
        .returning(Post::as_returning())
        .get_result(conn)
        .optional())
}

pub(crate) fn slug_exists(conn: &mut Connection, slug: &str) -> QueryResult<bool> {
    on!(conn, conn => diesel::select(diesel::dsl::exists(posts::table.filter(posts::slug.eq(slug)))).get_result(conn))
}

/// Sets every column of a post, except its id, to the values of `row`. The caller increases the version.
pub(crate) fn overwrite(conn: &mut Connection, id: i64, row: &NewPost) -> QueryResult<()> {
    on!(conn, conn => Cached::new(diesel::update(posts::table.find(id)).set(row)).execute(conn)).map(drop)
}

/// Deletes the post.
pub fn delete(conn: &mut Connection, id: i64, preconditions: &Preconditions) -> QueryResult<Change<()>> {
    // Repeated if another writer created the post after the DELETE, or changed it so that it meets the preconditions.
    for _ in 0..2 {
        let condition = etag::condition(conn, preconditions, |conn| find(conn, id, ReadScope::All))?;
        let deleted: Option<bool> = on!(conn, conn => diesel::delete(posts::table.find(id))
            .filter(condition)
            .returning(posts::published)
            .get_result(conn)
            .optional())?;
        if let Some(was_published) = deleted {
            conn.mark_posts_changed(Visibility::of(was_published), vec![id]);
            return Ok(Change::Done(()));
        }
        match explain_unchanged(conn, id, preconditions)? {
            Change::Done(_) => {}
            Change::Missing => return Ok(Change::Missing),
            _ => return Ok(Change::Stale),
        }
    }
    Ok(Change::Stale)
}

/// Determines why a statement changed no row: returns [`Change::Missing`] or [`Change::Stale`] if the post is missing
/// or does not meet the preconditions, otherwise [`Change::Done`] with the current post.
pub(crate) fn explain_unchanged(
    conn: &mut Connection,
    id: i64,
    preconditions: &Preconditions,
) -> QueryResult<Change<Post>> {
    conn.mark_changed(Visibility::Private);
    Ok(match find(conn, id, ReadScope::All)? {
        None => Change::Missing,
        Some(post) if !etag::allow(preconditions, &post) => Change::Stale,
        Some(post) => Change::Done(post),
    })
}

/// The time of the latest change to any post. The tables must exist.
pub fn newest_change(conn: &mut Connection) -> QueryResult<Option<Timestamp>> {
    let mut newest = None;
    // `posts_published_updated_at` begins with `published`, so each value takes one index lookup.
    for published in [true, false] {
        let times: Vec<Timestamp> = on!(conn, conn => posts::table
            .filter(posts::published.eq(published))
            .order(posts::updated_at.desc())
            .limit(1)
            .select(posts::updated_at)
            .load(conn))?;
        newest = newest.max(times.first().copied());
    }
    Ok(newest)
}
