//! One post at a time in the database.
//!
//! Every change is one `UPDATE` or `DELETE` whose `WHERE` holds the caller's condition, so that of several writers
//! exactly one wins; only where it changed nothing is the reason looked up.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::Nullable;
use diesel::upsert::excluded;

use crate::db::{Connection, Timestamp, Visibility, on};
use crate::posts::input::{CreatePost, PutPost, UpdatePost};
use crate::posts::model::{NewPost, Post};
use crate::posts::{excerpt, slug};
use crate::resource::versioned::{Change, Expected, PutCondition};
use crate::schema::posts;

diesel::define_sql_function! {
    /// The first of the two that is not null.
    fn coalesce(first: Nullable<crate::db::Timestamptz>, second: Nullable<crate::db::Timestamptz>) -> Nullable<crate::db::Timestamptz>;
}

/// Which posts are to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    All,
    /// A draft is then looked for as little as a post that never was, so that even the time does not tell of it.
    Published,
}

/// # Errors
/// The database's.
pub fn find(conn: &mut Connection, id: i64, scope: Scope) -> QueryResult<Option<Post>> {
    on!(conn, conn => {
        let mut query = posts::table.find(id).select(Post::as_select()).into_boxed();
        if scope == Scope::Published {
            query = query.filter(posts::published.eq(true));
        }
        query.first(conn).optional()
    })
}

/// # Errors
/// The database's.
pub fn find_by_slug(conn: &mut Connection, slug: &str, scope: Scope) -> QueryResult<Option<Post>> {
    on!(conn, conn => {
        let mut query = posts::table.filter(posts::slug.eq(slug)).select(Post::as_select()).into_boxed();
        if scope == Scope::Published {
            query = query.filter(posts::published.eq(true));
        }
        query.first(conn).optional()
    })
}

/// # Errors
/// The database's.
pub fn find_by_slugs(conn: &mut Connection, slugs: &[String]) -> QueryResult<Vec<Post>> {
    on!(conn, conn => posts::table.filter(posts::slug.eq_any(slugs)).select(Post::as_select()).load(conn))
}

/// Stores a new post. [`Change::Conflict`] only where it asks for a slug; one made from the title is made free.
///
/// # Errors
/// The database's.
pub fn create(conn: &mut Connection, post: CreatePost, now: Timestamp) -> QueryResult<Change<Post>> {
    let is_given = post.slug.is_some();
    let base = post.slug.clone().unwrap_or_else(|| slug::from_title(&post.title));
    let mut row = post.into_row(base.clone(), now);
    loop {
        if let Some(post) = insert(conn, &row)? {
            conn.mark_changed(Visibility::of(post.published));
            return Ok(Change::Done(post));
        }
        if is_given {
            conn.mark_changed(Visibility::Private);
            return Ok(Change::Conflict);
        }
        // Whoever took it between the look-up and the insert got through: with every turn at least one writer does.
        row.slug = slug::first_free(&base, |slug| is_taken(conn, slug))?;
    }
}

/// `None`: the slug is taken. No error, which would end PostgreSQL's transaction.
fn insert(conn: &mut Connection, row: &NewPost) -> QueryResult<Option<Post>> {
    on!(conn, conn => diesel::insert_into(posts::table)
        .values(row)
        .on_conflict(posts::slug)
        .do_nothing()
        .returning(Post::as_returning())
        .get_result(conn)
        .optional())
}

pub(crate) fn is_taken(conn: &mut Connection, slug: &str) -> QueryResult<bool> {
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
    let stays = patch.published.is_none();
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
        Ok(Some(post)) => {
            conn.mark_changed(Visibility::of(!stays || post.published));
            Ok(Change::Done(post))
        }
        Ok(None) => unchanged(conn, id, expected).map(|reason| match reason {
            // It was not at an expected version a moment ago.
            Change::Done(_) => Change::Stale,
            reason => reason,
        }),
        // The only other unique column is the id, which no update touches.
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            conn.mark_changed(Visibility::Private);
            Ok(Change::Conflict)
        }
        Err(error) => Err(error),
    }
}

/// Creates or replaces the post with this slug: what `post` leaves out is as in a new post, but the time of its first
/// publication stays. It was created where it is at version 1.
///
/// # Errors
/// The database's.
pub fn put(
    conn: &mut Connection,
    slug: String,
    post: PutPost,
    condition: &PutCondition,
    now: Timestamp,
) -> QueryResult<Change<Post>> {
    let row = CreatePost::from(post).into_row(slug, now);
    let done = match condition {
        PutCondition::Absent => Ok(insert(conn, &row)?.map_or(Change::Stale, Change::Done)),
        PutCondition::Unconditional => {
            upsert(conn, vec![&row]).map(|mut posts| posts.pop().map_or(Change::Missing, Change::Done))
        }
        PutCondition::Exists => replace(conn, &row, None),
        PutCondition::Is(tags) => match find_by_slug(conn, &row.slug, Scope::All)? {
            Some(post) if tags.contains(&(post.id, post.version)) => replace(conn, &row, Some(&post)),
            _ => Ok(Change::Stale),
        },
    }?;
    conn.mark_changed(Visibility::of(matches!(&done, Change::Done(post) if was_public(post))));
    Ok(done)
}

/// Whether the post is public, or may have been before it was changed into this one. `published_at` does not tell:
/// another program may have published it without.
pub(crate) fn was_public(post: &Post) -> bool {
    post.published || post.version != 1
}

/// Creates each post, or replaces the one that has its slug, of which the id, the time of creation and the time of the
/// first publication stay. A post that was created is at version 1.
///
/// # Errors
/// The database's.
pub(crate) fn upsert(conn: &mut Connection, rows: Vec<&NewPost>) -> QueryResult<Vec<Post>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    on!(conn, conn => diesel::insert_into(posts::table)
        .values(rows)
        .on_conflict(posts::slug)
        .do_update()
        .set((
            posts::title.eq(excluded(posts::title)),
            posts::content.eq(excluded(posts::content)),
            posts::excerpt.eq(excluded(posts::excerpt)),
            posts::published.eq(excluded(posts::published)),
            posts::published_at.eq(coalesce(posts::published_at, excluded(posts::published_at))),
            posts::scheduled_for.eq(None::<Timestamp>),
            posts::updated_at.eq(excluded(posts::updated_at)),
            posts::version.eq(posts::version + 1),
        ))
        .returning(Post::as_returning())
        .get_results(conn))
}

/// Replaces the post that has the row's slug; with `seen`, only where that is still the one.
fn replace(conn: &mut Connection, row: &NewPost, seen: Option<&Post>) -> QueryResult<Change<Post>> {
    let replaced: Option<Post> = on!(conn, conn => {
        let mut update = diesel::update(posts::table.filter(posts::slug.eq(&row.slug)))
            .set((
                posts::title.eq(&row.title),
                posts::content.eq(&row.content),
                posts::excerpt.eq(&row.excerpt),
                posts::published.eq(row.published),
                posts::published_at.eq(coalesce(posts::published_at, row.published_at)),
                posts::scheduled_for.eq(None::<Timestamp>),
                posts::updated_at.eq(row.updated_at),
                posts::version.eq(posts::version + 1),
            ))
            .into_boxed();
        if let Some(seen) = seen {
            update = update.filter(posts::id.eq(seen.id)).filter(posts::version.eq(seen.version));
        }
        update.returning(Post::as_returning()).get_result(conn).optional()
    })?;
    Ok(replaced.map_or(Change::Stale, Change::Done))
}

/// # Errors
/// The database's.
pub fn delete(conn: &mut Connection, id: i64, expected: &Expected) -> QueryResult<Change<()>> {
    let deleted: Option<bool> = on!(conn, conn => {
        let mut delete = diesel::delete(posts::table.find(id)).into_boxed();
        if let Some(versions) = expected {
            delete = delete.filter(posts::version.eq_any(versions.clone()));
        }
        delete.returning(posts::published).get_result(conn).optional()
    })?;
    if let Some(was_published) = deleted {
        conn.mark_changed(Visibility::of(was_published));
        return Ok(Change::Done(()));
    }
    unchanged(conn, id, expected).map(|reason| match reason {
        Change::Missing => Change::Missing,
        _ => Change::Stale,
    })
}

/// The post as it is, or why a change to it found none to change.
pub(crate) fn unchanged(conn: &mut Connection, id: i64, expected: &Expected) -> QueryResult<Change<Post>> {
    conn.mark_changed(Visibility::Private);
    Ok(match find(conn, id, Scope::All)? {
        None => Change::Missing,
        Some(post) if expected.as_ref().is_some_and(|versions| !versions.contains(&post.version)) => Change::Stale,
        Some(post) => Change::Done(post),
    })
}

/// The time of the newest change to a post; `None` where there is none. The tables must be there.
///
/// # Errors
/// The database's.
pub fn newest_change(conn: &mut Connection) -> QueryResult<Option<Timestamp>> {
    let mut newest = None;
    // An index gives it for each.
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
