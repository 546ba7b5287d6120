//! Publishing, at once or at a time, and taking it back.

use diesel::prelude::*;

use crate::db::{Connection, Timestamp, Visibility, on};
use crate::posts::model::Post;
use crate::posts::store::{coalesce, unchanged};
use crate::resource::versioned::{Change, Expected};
use crate::schema::posts;

/// What a post is to be. One that is so already stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostState {
    /// Published, since `at`; `None`: since its first publication, or now.
    Published { at: Option<Timestamp> },
    /// A draft that is published at this time. A post that is published stays so.
    Scheduled(Timestamp),
    /// A draft with nothing planned.
    Draft,
}

impl PostState {
    /// What publishing `at` means now: a time that has passed publishes at once.
    #[must_use]
    pub fn publish(at: Option<Timestamp>, now: Timestamp) -> Self {
        match at {
            Some(at) if at > now => Self::Scheduled(at),
            at => Self::Published { at },
        }
    }

    fn is_state_of(self, post: &Post) -> bool {
        match self {
            Self::Published { .. } => post.published,
            Self::Scheduled(at) => post.published || post.scheduled_for == Some(at),
            Self::Draft => !post.published && post.scheduled_for.is_none(),
        }
    }
}

/// Changes the post where it is not yet what it is to be.
///
/// # Errors
/// The database's.
pub fn set_state(
    conn: &mut Connection,
    id: i64,
    expected: &Expected,
    state: PostState,
    now: Timestamp,
) -> QueryResult<Change<Post>> {
    loop {
        if let Some(post) = try_set_state(conn, id, expected, state, now)? {
            // What is scheduled was a draft.
            conn.mark_changed(Visibility::of(!matches!(state, PostState::Scheduled(_))));
            return Ok(Change::Done(post));
        }
        match unchanged(conn, id, expected)? {
            // Somebody changed it between the two statements.
            Change::Done(post) if !state.is_state_of(&post) => {}
            outcome => return Ok(outcome),
        }
    }
}

/// `None`: the post is missing, at another version, or what it is to be.
fn try_set_state(
    conn: &mut Connection,
    id: i64,
    expected: &Expected,
    state: PostState,
    now: Timestamp,
) -> QueryResult<Option<Post>> {
    let (published, scheduled_for) = match state {
        PostState::Published { .. } => (true, None),
        PostState::Scheduled(at) => (false, Some(at)),
        PostState::Draft => (false, None),
    };
    let published_at = match state {
        PostState::Published { at } => Some(at),
        PostState::Scheduled(_) | PostState::Draft => None,
    };
    let changes = (
        posts::published.eq(published),
        posts::scheduled_for.eq(scheduled_for),
        published_at.map(|at| posts::published_at.eq(coalesce(at, coalesce(posts::published_at, Some(now))))),
        posts::updated_at.eq(now),
        posts::version.eq(posts::version + 1),
    );
    on!(conn, conn => {
        let mut update = diesel::update(posts::table.find(id)).set(changes).into_boxed();
        if let Some(versions) = expected {
            update = update.filter(posts::version.eq_any(versions.clone()));
        }
        match state {
            PostState::Published { .. } => update.filter(posts::published.eq(false)),
            PostState::Scheduled(at) => update
                .filter(posts::published.eq(false))
                .filter(posts::scheduled_for.is_null().or(posts::scheduled_for.assume_not_null().ne(at))),
            PostState::Draft => update.filter(posts::published.eq(true).or(posts::scheduled_for.is_not_null())),
        }
        .returning(Post::as_returning())
        .get_result(conn)
        .optional()
    })
}

/// The ids of at most `limit` posts whose time has come, the most overdue first.
///
/// # Errors
/// The database's.
pub fn due(conn: &mut Connection, now: Timestamp, limit: i64) -> QueryResult<Vec<i64>> {
    on!(conn, conn => posts::table
        .filter(posts::scheduled_for.le(now))
        // Not `published = false`, for which SQLite would walk all drafts instead of those that are scheduled.
        .filter(posts::published.ne(true))
        .order(posts::scheduled_for.asc())
        .limit(limit)
        .select(posts::id)
        .load(conn))
}

/// Publishes those of these posts that are still due, and answers the times they were due at. Of several instances
/// that try at once, one finds each post due: the others wait for its row and then see that it no longer is.
///
/// # Errors
/// The database's.
pub fn publish_due(conn: &mut Connection, ids: &[i64], now: Timestamp) -> QueryResult<Vec<Timestamp>> {
    let published: Vec<Option<Timestamp>> = on!(conn, conn => diesel::update(posts::table.filter(posts::id.eq_any(ids)))
        .filter(posts::scheduled_for.le(now))
        .filter(posts::published.eq(false))
        .set((
            posts::published.eq(true),
            posts::published_at.eq(posts::scheduled_for),
            posts::scheduled_for.eq(None::<Timestamp>),
            posts::updated_at.eq(now),
            posts::version.eq(posts::version + 1),
        ))
        .returning(posts::published_at)
        .get_results(conn))?;
    Ok(published.into_iter().flatten().collect())
}
