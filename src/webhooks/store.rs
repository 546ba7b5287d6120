//! Webhooks in the database. Each change runs in a transaction of the caller.
//!
//! A change locks the row, so that it and the result of a delivery are applied one after the other. Only a replay
//! changes the lease of a delivery in progress, which would otherwise move the position that the replay has set.

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::db::{Backend, Connection, Timestamp, Visibility, on};
use crate::posts::changes::params::cursor_after;
use crate::posts::changes::position;
use crate::posts::changes::position::{Expired, LocatedStart};
use crate::posts::changes::query::LogRowId;
use crate::resource::versioned::{Change, Preconditions};
use crate::schema::{webhook_attempts, webhooks};
use crate::validation::FieldError;
use crate::webhooks::credential::Credential;
use crate::webhooks::delivery::store::revoke;
use crate::webhooks::etag;
use crate::webhooks::input::UpdateWebhook;
use crate::webhooks::model::{Webhook, WebhookAttempt, WebhookConfig, WebhookRow};

/// The maximum number of webhooks.
const MAX_WEBHOOKS: i64 = 50;
/// The number of attempts that are listed.
const MAX_ATTEMPTS: i64 = 200;
/// The time for which the previous secret signs after a rotation, in microseconds: 24 hours.
const ROTATION: i64 = 24 * 60 * 60 * 1_000_000;

/// Lists all webhooks, oldest first.
pub fn list(conn: &mut Connection) -> QueryResult<Vec<Webhook>> {
    let rows: Vec<WebhookRow> =
        on!(conn, conn => webhooks::table.order(webhooks::id.asc()).select(WebhookRow::as_select()).load(conn))?;
    present(conn, rows)
}

/// The webhook with this id.
pub fn find(conn: &mut Connection, id: i64) -> QueryResult<Option<Webhook>> {
    let row = find_row(conn, id)?;
    Ok(present(conn, row.into_iter().collect())?.pop())
}

/// The row of the webhook with this id.
pub fn find_row(conn: &mut Connection, id: i64) -> QueryResult<Option<WebhookRow>> {
    let rows: Vec<WebhookRow> = on!(conn, conn => webhooks::table.find(id).select(WebhookRow::as_select()).load(conn))?;
    Ok(rows.into_iter().next())
}

/// The row of the webhook with this id, if it meets the preconditions.
pub fn find_current(conn: &mut Connection, id: i64, preconditions: &Preconditions) -> QueryResult<Change<WebhookRow>> {
    let Some(row) = find_row(conn, id)? else { return Ok(Change::Missing) };
    let Some(webhook) = present(conn, vec![row.clone()])?.pop() else { return Ok(Change::Missing) };
    Ok(if etag::allow(preconditions, &webhook) { Change::Done(row) } else { Change::Stale })
}

/// Adds the cursors of the positions.
fn present(conn: &mut Connection, rows: Vec<WebhookRow>) -> QueryResult<Vec<Webhook>> {
    let positions: Vec<i64> = rows.iter().map(|row| row.position).collect();
    let positions: Vec<LogRowId> = position::rows_at(conn, &positions)?;
    let cursor = |seq: i64| positions.iter().find(|row| row.seq == seq).and_then(|row| cursor_after(*row).ok());
    let webhook = |row: WebhookRow| {
        let cursor = cursor(row.position);
        Webhook::new(row, cursor)
    };
    Ok(rows.into_iter().map(webhook).collect())
}

#[derive(Insertable)]
#[diesel(table_name = webhooks)]
struct NewWebhook {
    #[diesel(embed)]
    config: WebhookConfig,
    secret: Credential,
    position: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The limit of webhooks is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyWebhooks;

/// Stores a webhook that delivers the changes after `position`.
pub fn create(
    conn: &mut Connection,
    config: &WebhookConfig,
    secret: &Credential,
    position: i64,
    now: Timestamp,
) -> QueryResult<Result<Webhook, TooManyWebhooks>> {
    conn.mark_changed(Visibility::Private);
    if let Backend::Postgres(conn) = &mut conn.backend {
        // Otherwise, concurrent transactions would not count each other's rows. Does not block deliveries.
        diesel::sql_query("LOCK TABLE webhooks IN SHARE UPDATE EXCLUSIVE MODE").execute(conn)?;
    }
    let count: Vec<i64> = on!(conn, conn => webhooks::table.select(count_star()).load(conn))?;
    if count.first().is_none_or(|count| *count >= MAX_WEBHOOKS) {
        return Ok(Err(TooManyWebhooks));
    }
    let row = NewWebhook { config: config.clone(), secret: secret.clone(), position, created_at: now, updated_at: now };
    let row: WebhookRow = on!(conn, conn => diesel::insert_into(webhooks::table)
        .values(&row)
        .returning(WebhookRow::as_returning())
        .get_result(conn))?;
    Ok(present(conn, vec![row])?.pop().ok_or(TooManyWebhooks))
}

/// Applies a merge patch. An empty patch changes nothing, not even the version.
pub fn update(
    conn: &mut Connection,
    id: i64,
    preconditions: &Preconditions,
    patch: &UpdateWebhook,
    now: Timestamp,
) -> QueryResult<Result<Change<Webhook>, Vec<FieldError>>> {
    let row = match lock_current(conn, id, preconditions)? {
        Change::Done(row) => row,
        reason => return Ok(Ok(without_value(reason))),
    };
    if *patch == UpdateWebhook::default() {
        return changed(conn, id).map(Ok);
    }
    let mut config = row.config.clone();
    if let Err(errors) = patch.apply(&mut config) {
        return Ok(Err(errors));
    }
    let ends_burst = config.mode != row.config.mode;
    // With another mode or other events, the webhook may no longer announce the failed change.
    let is_other_request = ends_burst || config.events != row.config.events;
    let restarts = patch.enabled == Some(true) || patch.url.is_some() || patch.headers.is_some() || is_other_request;
    let none = None::<Timestamp>;
    let changes = (
        &config,
        patch.enabled.map(|_| webhooks::disabled_reason.eq(None::<String>)),
        restarts
            .then(|| (webhooks::attempt.eq(0), webhooks::next_attempt_at.eq(none), webhooks::failing_since.eq(none))),
        ends_burst.then(|| webhooks::burst_end.eq(None::<i64>)),
        (webhooks::version.eq(webhooks::version + 1), webhooks::updated_at.eq(now)),
    );
    on!(conn, conn => diesel::update(webhooks::table.find(id)).set(changes).execute(conn))?;
    changed(conn, id).map(Ok)
}

/// Deletes the webhook and its attempts.
pub fn delete(conn: &mut Connection, id: i64, preconditions: &Preconditions) -> QueryResult<Change<()>> {
    match lock_current(conn, id, preconditions)? {
        Change::Done(_) => {}
        reason => return Ok(without_value(reason)),
    }
    on!(conn, conn => diesel::delete(webhooks::table.find(id)).execute(conn))?;
    Ok(Change::Done(()))
}

/// Replaces the secret. Returns the time until which the previous one also signs.
pub fn rotate(
    conn: &mut Connection,
    id: i64,
    preconditions: &Preconditions,
    secret: &Credential,
    expire_previous: bool,
    now: Timestamp,
) -> QueryResult<Change<Option<Timestamp>>> {
    let row = match lock_current(conn, id, preconditions)? {
        Change::Done(row) => row,
        reason => return Ok(without_value(reason)),
    };
    let valid_until = Timestamp::from_microseconds(now.as_microseconds() + ROTATION).ok().filter(|_| !expire_previous);
    let changes = (
        webhooks::secret.eq(secret),
        webhooks::previous_secret.eq(valid_until.map(|_| row.secret)),
        webhooks::previous_valid_until.eq(valid_until),
        webhooks::version.eq(webhooks::version + 1),
        webhooks::updated_at.eq(now),
    );
    on!(conn, conn => diesel::update(webhooks::table.find(id)).set(changes).execute(conn))?;
    Ok(Change::Done(valid_until))
}

/// Moves the position. Deliveries continue there at once. The log is complete up to `settled`.
pub fn replay(
    conn: &mut Connection,
    id: i64,
    preconditions: &Preconditions,
    start: LocatedStart,
    settled: i64,
    now: Timestamp,
) -> QueryResult<Result<Change<Webhook>, Expired>> {
    match lock_current(conn, id, preconditions)? {
        Change::Done(_) => {}
        reason => return Ok(Ok(without_value(reason))),
    }
    let position = match position::resolve(conn, start, settled)? {
        Ok(position) => position,
        Err(expired) => return Ok(Err(expired)),
    };
    let changes = (
        webhooks::position.eq(position),
        webhooks::burst_end.eq(None::<i64>),
        webhooks::attempt.eq(0),
        webhooks::next_attempt_at.eq(None::<Timestamp>),
        webhooks::failing_since.eq(None::<Timestamp>),
        webhooks::version.eq(webhooks::version + 1),
        webhooks::updated_at.eq(now),
    );
    revoke(conn, id)?;
    on!(conn, conn => diesel::update(webhooks::table.find(id)).set(changes).execute(conn))?;
    changed(conn, id).map(Ok)
}

/// The newest attempts, newest first; `None` without a webhook with this id.
pub fn attempts(conn: &mut Connection, id: i64) -> QueryResult<Option<Vec<WebhookAttempt>>> {
    let attempts: Vec<WebhookAttempt> = on!(conn, conn => webhook_attempts::table
        .filter(webhook_attempts::webhook_id.eq(id))
        .order(webhook_attempts::id.desc())
        .limit(MAX_ATTEMPTS)
        .select(WebhookAttempt::as_select())
        .load(conn))?;
    if attempts.is_empty() && find_row(conn, id)?.is_none() {
        return Ok(None);
    }
    Ok(Some(attempts))
}

/// Like [`find_current`], and locks the row until the transaction ends.
fn lock_current(conn: &mut Connection, id: i64, preconditions: &Preconditions) -> QueryResult<Change<WebhookRow>> {
    conn.mark_changed(Visibility::Private);
    if let Backend::Postgres(conn) = &mut conn.backend {
        // On SQLite, every write transaction is exclusive.
        let _: Vec<i64> = webhooks::table.find(id).select(webhooks::id).for_update().load(conn)?;
    }
    find_current(conn, id, preconditions)
}

fn changed(conn: &mut Connection, id: i64) -> QueryResult<Change<Webhook>> {
    Ok(find(conn, id)?.map_or(Change::Missing, Change::Done))
}

/// The same reason for another type of value.
fn without_value<T, U>(reason: Change<T>) -> Change<U> {
    match reason {
        Change::Done(_) | Change::Missing => Change::Missing,
        Change::Stale => Change::Stale,
        Change::Conflict => Change::Conflict,
        Change::Invalid(error) => Change::Invalid(error),
    }
}
