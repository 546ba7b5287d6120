//! One post at a time in the database.
//!
//! Every change is one `UPDATE` or `DELETE` whose `WHERE` holds the caller's condition, so that of several writers
//! exactly one wins; only where it changed nothing is the reason looked up.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::Nullable;

use super::input::{CreatePost, UpdatePost};
use super::model::Post;
use super::{excerpt, slug};
use crate::db::{Connection, Timestamp, on};
use crate::schema::posts;

#[derive(Insertable)]
#[diesel(table_name = posts)]
struct NewRow {
    slug: String,
    title: String,
    content: Option<String>,
    excerpt: String,
    published: bool,
    published_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The versions that a post may be at for a change to go through; `None`: any.
pub type Expected = Option<Vec<i64>>;

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    Done(T),
    /// There is no such post.
    Missing,
    /// The post is at a version that was not expected.
    Stale,
    /// Another post has the slug.
    SlugTaken,
}

diesel::define_sql_function! {
    /// The first of the two that is not null.
    fn coalesce(first: Nullable<crate::db::Timestamptz>, second: Nullable<crate::db::Timestamptz>) -> Nullable<crate::db::Timestamptz>;
}

/// # Errors
/// The database's.
pub fn find(conn: &mut Connection, id: i64) -> QueryResult<Option<Post>> {
    on!(conn, conn => posts::table.find(id).select(Post::as_select()).first(conn).optional())
}

/// # Errors
/// The database's.
pub fn find_by_slug(conn: &mut Connection, slug: &str) -> QueryResult<Option<Post>> {
    on!(conn, conn => posts::table.filter(posts::slug.eq(slug)).select(Post::as_select()).first(conn).optional())
}

/// Stores a new post. [`Change::SlugTaken`] only where it asks for a slug; one made from the title is made free.
///
/// # Errors
/// The database's.
pub fn create(conn: &mut Connection, post: CreatePost, now: Timestamp) -> QueryResult<Change<Post>> {
    let is_given = post.slug.is_some();
    let base = post.slug.unwrap_or_else(|| slug::from_title(&post.title));
    let mut row = NewRow {
        slug: base.clone(),
        title: post.title,
        excerpt: excerpt::of(post.content.as_deref().unwrap_or_default()),
        content: post.content,
        published: post.published,
        published_at: post.published.then_some(now),
        created_at: now,
        updated_at: now,
    };
    loop {
        if let Some(post) = insert(conn, &row)? {
            return Ok(Change::Done(post));
        }
        if is_given {
            return Ok(Change::SlugTaken);
        }
        // Whoever took it between the look-up and the insert got through: with every turn at least one writer does.
        row.slug = slug::first_free(&base, |slug| is_taken(conn, slug))?;
    }
}

/// `None`: the slug is taken. No error, which would end PostgreSQL's transaction.
fn insert(conn: &mut Connection, row: &NewRow) -> QueryResult<Option<Post>> {
    on!(conn, conn => diesel::insert_into(posts::table)
        .values(row)
        .on_conflict(posts::slug)
        .do_nothing()
        .returning(Post::as_returning())
        .get_result(conn)
        .optional())
}

pub(super) fn is_taken(conn: &mut Connection, slug: &str) -> QueryResult<bool> {
    on!(conn, conn => diesel::select(diesel::dsl::exists(posts::table.filter(posts::slug.eq(slug)))).get_result(conn))
}

/// Applies a merge patch; one that names no field changes nothing.
///
/// # Errors
/// The database's.
pub fn update(
    conn: &mut Connection,
    id: i64,
    expected: &Expected,
    patch: UpdatePost,
    now: Timestamp,
) -> QueryResult<Change<Post>> {
    if patch == UpdatePost::default() {
        return unchanged(conn, id, expected);
    }
    let publishes = patch.published == Some(true);
    let changes = (
        patch.title.map(|title| posts::title.eq(title)),
        patch.slug.map(|slug| posts::slug.eq(slug)),
        patch.content.map(|content| {
            let excerpt = excerpt::of(content.as_deref().unwrap_or_default());
            (posts::content.eq(content), posts::excerpt.eq(excerpt))
        }),
        patch.published.map(|published| (posts::published.eq(published), posts::scheduled_for.eq(None::<Timestamp>))),
        publishes.then(|| posts::published_at.eq(coalesce(posts::published_at, Some(now)))),
        posts::updated_at.eq(now),
        posts::version.eq(posts::version + 1),
    );
    let updated: QueryResult<Option<Post>> = on!(conn, conn => {
        let mut update = diesel::update(posts::table.find(id)).set(changes).into_boxed();
        if let Some(versions) = expected {
            update = update.filter(posts::version.eq_any(versions.clone()));
        }
        update.returning(Post::as_returning()).get_result(conn).optional()
    });
    match updated {
        Ok(Some(post)) => Ok(Change::Done(post)),
        Ok(None) => unchanged(conn, id, expected).map(|reason| match reason {
            // It was not at an expected version a moment ago.
            Change::Done(_) => Change::Stale,
            reason => reason,
        }),
        // The only other unique column is the id, which no update touches.
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(Change::SlugTaken),
        Err(error) => Err(error),
    }
}

/// Publishes a draft, or makes a draft of a published post. A post that is so already stays as it is.
///
/// The time of the first publication stays when a post is published again.
///
/// # Errors
/// The database's.
pub fn set_published(
    conn: &mut Connection,
    id: i64,
    expected: &Expected,
    published: bool,
    now: Timestamp,
) -> QueryResult<Change<Post>> {
    loop {
        let changes = (
            posts::published.eq(published),
            posts::scheduled_for.eq(None::<Timestamp>),
            published.then(|| posts::published_at.eq(coalesce(posts::published_at, Some(now)))),
            posts::updated_at.eq(now),
            posts::version.eq(posts::version + 1),
        );
        let updated: Option<Post> = on!(conn, conn => {
            let mut update = diesel::update(posts::table.find(id)).set(changes).into_boxed();
            update = update.filter(posts::published.eq(!published));
            if let Some(versions) = expected {
                update = update.filter(posts::version.eq_any(versions.clone()));
            }
            update.returning(Post::as_returning()).get_result(conn).optional()
        })?;
        if let Some(post) = updated {
            return Ok(Change::Done(post));
        }
        match unchanged(conn, id, expected)? {
            // Somebody turned it back between the two statements.
            Change::Done(post) if post.published != published => {}
            outcome => return Ok(outcome),
        }
    }
}

/// # Errors
/// The database's.
pub fn delete(conn: &mut Connection, id: i64, expected: &Expected) -> QueryResult<Change<()>> {
    let deleted = on!(conn, conn => {
        let mut delete = diesel::delete(posts::table.find(id)).into_boxed();
        if let Some(versions) = expected {
            delete = delete.filter(posts::version.eq_any(versions.clone()));
        }
        delete.execute(conn)
    })?;
    if deleted > 0 {
        return Ok(Change::Done(()));
    }
    unchanged(conn, id, expected).map(|reason| match reason {
        Change::Missing => Change::Missing,
        _ => Change::Stale,
    })
}

/// The post as it is, or why a change to it found none to change.
fn unchanged(conn: &mut Connection, id: i64, expected: &Expected) -> QueryResult<Change<Post>> {
    Ok(match find(conn, id)? {
        None => Change::Missing,
        Some(post) if expected.as_ref().is_some_and(|versions| !versions.contains(&post.version)) => Change::Stale,
        Some(post) => Change::Done(post),
    })
}
