//! Queries that publish, schedule, and unpublish posts.

use diesel::prelude::*;

use crate::db::{Cached, Connection, Limited, Timestamp, Visibility, on};
use crate::posts::etag;
use crate::posts::model::{Post, next_version};
use crate::posts::store::{ReadScope, coalesce, explain_unchanged, find};
use crate::resource::versioned::{Change, Preconditions};
use crate::schema::posts;

/// The requested state of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostState {
    /// Published with `at` as `published_at`. If `at` is `None`, `published_at` keeps its value, or becomes the current
    /// time if it is null.
    Published { at: Option<Timestamp> },
    /// A draft that the scheduler publishes at this time. A published post stays published.
    Scheduled(Timestamp),
    /// A draft that is not scheduled.
    Draft,
}

impl PostState {
    /// The state that a request to publish at `at` asks for. A time in the past publishes at once.
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

/// Changes the state of the post. A post that already has the state is not changed.
pub fn set_state(
    conn: &mut Connection,
    id: i64,
    preconditions: &Preconditions,
    state: PostState,
    now: Timestamp,
) -> QueryResult<Change<Post>> {
    loop {
        if let Some(post) = try_set_state(conn, id, preconditions, state, now)? {
            // Only a draft can be scheduled, and drafts are not public.
            conn.mark_posts_changed(Visibility::of(!matches!(state, PostState::Scheduled(_))), vec![id]);
            return Ok(Change::Done(post));
        }
        match explain_unchanged(conn, id, preconditions)? {
            // Another writer changed the post between the two statements.
            Change::Done(post) if !state.is_state_of(&post) => {}
            outcome => return Ok(outcome),
        }
    }
}

/// Returns `None` if the post is missing, does not meet the preconditions, or already has the state.
fn try_set_state(
    conn: &mut Connection,
    id: i64,
    preconditions: &Preconditions,
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
        posts::version.eq(next_version()),
    );
    let condition = etag::condition(conn, preconditions, |conn| find(conn, id, ReadScope::All))?;
    on!(conn, conn => {
        let update = diesel::update(posts::table.find(id)).filter(condition).set(changes).into_boxed();
        let update = match state {
            PostState::Published { .. } => update.filter(posts::published.eq(false)),
            PostState::Scheduled(at) => update
                .filter(posts::published.eq(false))
                .filter(posts::scheduled_for.is_null().or(posts::scheduled_for.assume_not_null().ne(at))),
            PostState::Draft => update.filter(posts::published.eq(true).or(posts::scheduled_for.is_not_null())),
        };
        Cached::new(update.returning(Post::as_returning())).get_result(conn).optional()
    })
}

/// The ids of at most `limit` posts that are due, the most overdue first.
pub fn find_due(conn: &mut Connection, now: Timestamp, limit: usize) -> QueryResult<Vec<i64>> {
    let due = posts::table
        .filter(posts::scheduled_for.le(now))
        // With `published = false`, SQLite would scan all drafts instead of using the index `posts_scheduled_for`.
        .filter(posts::published.ne(true))
        .order(posts::scheduled_for.asc())
        .select(posts::id);
    on!(conn, conn => Limited::new(due, limit).load(conn))
}

/// Publishes the posts that are still due, and returns the times at which they were due.
///
/// Each post is published once, even if several instances call this at the same time: all but one wait for the row
/// lock, and then find that the post is no longer due.
pub fn publish_due(conn: &mut Connection, ids: &[i64], now: Timestamp) -> QueryResult<Vec<Timestamp>> {
    let due = posts::table.filter(posts::id.eq_any(ids));
    let published: Vec<(i64, Option<Timestamp>)> = on!(conn, conn => diesel::update(due)
        .filter(posts::scheduled_for.le(now))
        .filter(posts::published.eq(false))
        .set((
            posts::published.eq(true),
            posts::published_at.eq(posts::scheduled_for),
            posts::scheduled_for.eq(None::<Timestamp>),
            posts::updated_at.eq(now),
            posts::version.eq(next_version()),
        ))
        .returning((posts::id, posts::published_at))
        .get_results(conn))?;
    conn.mark_posts_changed(Visibility::Public, published.iter().map(|(id, _)| *id).collect());
    Ok(published.into_iter().filter_map(|(_, due_at)| due_at).collect())
}
