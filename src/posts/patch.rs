//! `PATCH /api/posts/{id}`: applies a merge patch to a post.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::db::{Cached, Connection, Timestamp, Visibility, on};
use crate::posts::input::UpdatePost;
use crate::posts::json_column::JsonText;
use crate::posts::metadata::Metadata;
use crate::posts::model::{Post, next_version};
use crate::posts::store::{ReadScope, coalesce, explain_unchanged, find};
use crate::posts::{etag, excerpt};
use crate::resource::versioned::{Change, Preconditions};
use crate::schema::posts;
use crate::validation::Invalid;

/// Applies a merge patch. An empty patch changes nothing, not even the version.
pub fn apply(
    conn: &mut Connection,
    id: i64,
    preconditions: &Preconditions,
    patch: &UpdatePost,
    now: Timestamp,
) -> QueryResult<Change<Post>> {
    if *patch == UpdatePost::default() {
        return explain_unchanged(conn, id, preconditions);
    }
    let mut is_repeated = false;
    loop {
        let metadata = match MergedMetadata::read(conn, id, patch)? {
            Ok(metadata) => metadata,
            Err(invalid) => return reject(conn, id, preconditions, invalid),
        };
        match try_update(conn, id, preconditions, patch, metadata.as_ref(), now) {
            Ok(Some(post)) => {
                conn.mark_posts_changed(Visibility::of(patch.published.is_some() || post.published), vec![id]);
                return Ok(Change::Done(post));
            }
            Ok(None) => match explain_unchanged(conn, id, preconditions)? {
                // Another request changed the metadata in between. It has made progress, so the loop ends.
                Change::Done(post) if metadata.as_ref().is_some_and(|merged| merged.is_outdated(&post)) => {}
                // Another writer created the post in between, or changed it so that it meets the preconditions.
                Change::Done(_) if !is_repeated => is_repeated = true,
                Change::Done(_) => return Ok(Change::Stale),
                reason => return Ok(reason),
            },
            // Another post has the slug. The only other unique column is the id, which no update sets.
            Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
                conn.mark_changed(Visibility::Private);
                return Ok(Change::Conflict);
            }
            Err(error) => return Err(error),
        }
    }
}

/// The metadata after a patch.
///
/// Neither database implements RFC 7396. So the service reads the metadata, applies the patch, and stores the result
/// only if the metadata is still the same.
struct MergedMetadata {
    /// `None` if the result does not depend on the stored metadata.
    seen: Option<JsonText>,
    merged: JsonText,
}

impl MergedMetadata {
    /// `None` if the patch does not change the metadata. A missing post counts as one without metadata, because another
    /// writer may create it before the `UPDATE`.
    fn read(conn: &mut Connection, id: i64, patch: &UpdatePost) -> QueryResult<Result<Option<Self>, Invalid>> {
        let Some(patch) = &patch.metadata else { return Ok(Ok(None)) };
        let seen: Option<JsonText> =
            on!(conn, conn => posts::table.find(id).select(posts::metadata).first(conn).optional())?;
        let seen = seen.unwrap_or_else(|| JsonText::of(&Metadata::new()));
        Ok(patch.apply(&seen).map(|merged| Some(Self { seen: patch.is_merge().then_some(seen), merged })))
    }

    fn is_outdated(&self, current: &Post) -> bool {
        self.seen.as_ref().is_some_and(|seen| *seen != current.metadata)
    }
}

/// The preconditions decide first (RFC 9110, section 13.2.1).
fn reject(
    conn: &mut Connection,
    id: i64,
    preconditions: &Preconditions,
    invalid: Invalid,
) -> QueryResult<Change<Post>> {
    explain_unchanged(conn, id, preconditions).map(|reason| match reason {
        Change::Done(_) => Change::Invalid(invalid.at("/metadata")),
        reason => reason,
    })
}

/// Returns `None` if the post is missing or does not meet the preconditions, or if its metadata has changed.
fn try_update(
    conn: &mut Connection,
    id: i64,
    preconditions: &Preconditions,
    patch: &UpdatePost,
    metadata: Option<&MergedMetadata>,
    now: Timestamp,
) -> QueryResult<Option<Post>> {
    let published = patch.published;
    let excerpt = patch.content.as_ref().map(|content| excerpt::of(content.as_deref().unwrap_or_default()));
    let changes = (
        patch,
        metadata.map(|metadata| posts::metadata.eq(&metadata.merged)),
        excerpt.map(|excerpt| posts::excerpt.eq(excerpt)),
        published.map(|_| posts::scheduled_for.eq(None::<Timestamp>)),
        (published == Some(true)).then(|| posts::published_at.eq(coalesce(posts::published_at, Some(now)))),
        posts::updated_at.eq(now),
        posts::version.eq(next_version()),
    );
    let condition = etag::condition(conn, preconditions, |conn| find(conn, id, ReadScope::All))?;
    let seen = metadata.and_then(|metadata| metadata.seen.as_ref());
    let form = (patch.set_fields(), published, seen.is_some(), condition.form());
    let is_cached = conn.cached_forms.admit(form);
    on!(conn, conn => {
        let update = diesel::update(posts::table.find(id)).filter(condition).set(changes);
        match seen {
            None => Cached::only_if(is_cached, update.returning(Post::as_returning())).get_result(conn),
            Some(seen) => {
                let update = update.filter(posts::metadata.eq(seen)).returning(Post::as_returning());
                Cached::only_if(is_cached, update).get_result(conn)
            }
        }
        .optional()
    })
}
