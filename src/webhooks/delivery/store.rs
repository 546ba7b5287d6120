//! The statements of deliveries. A lease permits its holder to move the position. Every statement that moves the
//! position names the lease.
//!
//! Leases and due times are compared with the clock of the database, so that the clocks of instances need not agree.

use diesel::prelude::*;

use crate::db::{Backend, Cached, Connection, FixedSql, Timestamp, Timestamptz, Visibility, on};
use crate::schema::{webhook_attempts, webhooks};
use crate::webhooks::delivery::model::Delivery;
use crate::webhooks::delivery::retry::Failure;

/// How long a lease lasts after its last renewal, in microseconds. A request takes at most 16 seconds.
pub(crate) const LEASE: i64 = 30_000_000;
/// The prefix of the lease of a delivery that may no longer move the position.
const REVOKED: &str = "revoked:";
/// The number of attempts that are stored of each webhook.
const MAX_ATTEMPTS: i64 = 200;
/// How long attempts are stored, in microseconds: 7 days.
const ATTEMPT_RETENTION: i64 = 7 * 24 * 60 * 60 * 1_000_000;

/// A request that was sent.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = webhook_attempts)]
pub(crate) struct NewAttempt {
    pub(crate) webhook_id: i64,
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) at: Timestamp,
    pub(crate) duration_ms: i32,
    pub(crate) status: Option<i16>,
    pub(crate) error: Option<&'static str>,
    pub(crate) attempt: i32,
}

/// The time of the database.
pub(crate) fn clock(conn: &mut Connection) -> QueryResult<Timestamp> {
    match &mut conn.backend {
        Backend::Postgres(conn) => FixedSql::<Timestamptz>::new("SELECT clock_timestamp()").get_result(conn),
        Backend::Sqlite(_) => Ok(Timestamp::now()),
    }
}

fn later(time: Timestamp, microseconds: i64) -> Timestamp {
    Timestamp::from_microseconds(time.as_microseconds().saturating_add(microseconds)).unwrap_or(time)
}

/// All webhooks.
pub(crate) fn all(conn: &mut Connection) -> QueryResult<Vec<Delivery>> {
    on!(conn, conn => webhooks::table.order(webhooks::id.asc()).select(Delivery::as_select()).load(conn))
}

/// Takes the lease, unless another delivery holds it, or the webhook has changed since it was `seen`. `burst_end`
/// becomes the end of the burst, unless a burst is pending. It is stored before the request is sent, so that a retry
/// has the same id even if this process ends.
pub(crate) fn claim(
    conn: &mut Connection,
    seen: &Delivery,
    burst_end: Option<i64>,
    lease: &str,
) -> QueryResult<Option<Delivery>> {
    conn.mark_changed(Visibility::Private);
    let now = clock(conn)?;
    let update = diesel::update(webhooks::table.find(seen.id))
        .filter(webhooks::enabled.eq(true))
        .filter(webhooks::position.eq(seen.position))
        .filter(webhooks::version.eq(seen.version))
        .filter(webhooks::leased_until.is_null().or(webhooks::leased_until.lt(now)))
        .filter(webhooks::next_attempt_at.is_null().or(webhooks::next_attempt_at.le(now)))
        .set((
            webhooks::lease.eq(lease),
            webhooks::leased_until.eq(later(now, LEASE)),
            webhooks::burst_end.eq(seen.burst_end.or(burst_end)),
        ));
    on!(conn, conn => Cached::new(update.returning(Delivery::as_returning())).get_result(conn).optional())
}

/// Extends the lease. Returns the webhook as it is now; `None` if the lease is lost.
pub(crate) fn renew(conn: &mut Connection, id: i64, lease: &str) -> QueryResult<Option<Delivery>> {
    conn.mark_changed(Visibility::Private);
    let now = clock(conn)?;
    let update = diesel::update(webhooks::table.find(id))
        .filter(webhooks::lease.eq(lease))
        .set(webhooks::leased_until.eq(later(now, LEASE)));
    on!(conn, conn => Cached::new(update.returning(Delivery::as_returning())).get_result(conn).optional())
}

/// Revokes the lease, so that the delivery in progress cannot move the position. Its end remains, because no other
/// delivery may begin before that one has ended. Run it in a transaction that has locked the webhook.
pub(crate) fn revoke(conn: &mut Connection, id: i64) -> QueryResult<()> {
    let lease: Option<String> = on!(conn, conn => webhooks::table.find(id).select(webhooks::lease).first(conn))?;
    let Some(lease) = lease.filter(|lease| !lease.starts_with(REVOKED)) else { return Ok(()) };
    on!(conn, conn => diesel::update(webhooks::table.find(id))
        .set(webhooks::lease.eq(revoked(&lease)))
        .execute(conn))
    .map(drop)
}

fn revoked(lease: &str) -> String {
    format!("{REVOKED}{lease}")
}

/// Releases the lease. If a client has revoked the lease, other deliveries may begin from now on.
pub(crate) fn release(conn: &mut Connection, id: i64, lease: &str) -> QueryResult<()> {
    conn.mark_changed(Visibility::Private);
    let update = diesel::update(webhooks::table.find(id))
        .filter(webhooks::lease.eq(lease).or(webhooks::lease.eq(revoked(lease))))
        .set((webhooks::lease.eq(None::<String>), webhooks::leased_until.eq(None::<Timestamp>)));
    on!(conn, conn => Cached::new(update).execute(conn)).map(drop)
}

/// Moves the position to `end` after a success. `keeps_lease`: whether there are further changes to deliver. Returns
/// the webhook as it is now; `None` if the lease is lost.
pub(crate) fn succeed(
    conn: &mut Connection,
    attempt: &NewAttempt,
    lease: &str,
    end: i64,
    keeps_lease: bool,
) -> QueryResult<Option<Delivery>> {
    conn.mark_changed(Visibility::Private);
    let now = clock(conn)?;
    let changes = (
        webhooks::position.eq(end),
        webhooks::burst_end.eq(None::<i64>),
        webhooks::lease.eq(keeps_lease.then_some(lease)),
        webhooks::leased_until.eq(keeps_lease.then_some(later(now, LEASE))),
        webhooks::attempt.eq(0),
        webhooks::next_attempt_at.eq(None::<Timestamp>),
        webhooks::failing_since.eq(None::<Timestamp>),
        webhooks::last_success_at.eq(now),
    );
    let update =
        diesel::update(webhooks::table.find(attempt.webhook_id)).filter(webhooks::lease.eq(lease)).set(changes);
    let moved: Option<Delivery> =
        on!(conn, conn => Cached::new(update.returning(Delivery::as_returning())).get_result(conn).optional())?;
    if moved.is_some() {
        record(conn, attempt)?;
    }
    Ok(moved)
}

/// The webhook as it is now, locked until the transaction ends. `None` if the lease is lost.
pub(crate) fn lock_leased(conn: &mut Connection, id: i64, lease: &str) -> QueryResult<Option<Delivery>> {
    conn.mark_changed(Visibility::Private);
    if let Backend::Postgres(conn) = &mut conn.backend {
        // On SQLite, every write transaction is exclusive.
        let _: Vec<i64> = webhooks::table.find(id).select(webhooks::id).for_update().load(conn)?;
    }
    on!(conn, conn => webhooks::table
        .find(id)
        .filter(webhooks::lease.eq(lease))
        .select(Delivery::as_select())
        .first(conn)
        .optional())
}

/// Records a failed attempt, and releases the lease. `failure` is `None` if the attempt has no other consequences.
pub(crate) fn fail(conn: &mut Connection, attempt: &NewAttempt, failure: Option<&Failure>) -> QueryResult<()> {
    let released = (webhooks::lease.eq(None::<String>), webhooks::leased_until.eq(None::<Timestamp>));
    let consequences = failure.map(|failure| {
        let disabled = failure.disabled;
        (
            webhooks::attempt.eq(attempt.attempt),
            webhooks::failing_since.eq(failure.failing_since),
            webhooks::next_attempt_at.eq(disabled.is_none().then_some(failure.next_attempt_at)),
            disabled.map(|reason| (webhooks::enabled.eq(false), webhooks::disabled_reason.eq(Some(reason.as_str())))),
        )
    });
    on!(conn, conn => diesel::update(webhooks::table.find(attempt.webhook_id))
        .set((released, consequences))
        .execute(conn))?;
    record(conn, attempt)
}

/// Moves the position over rows that are not delivered, unless another delivery holds the lease. A failed request
/// before these rows is then no longer pending.
pub(crate) fn skip(conn: &mut Connection, seen: &Delivery, to: i64) -> QueryResult<()> {
    conn.mark_changed(Visibility::Private);
    let now = clock(conn)?;
    let update = diesel::update(webhooks::table.find(seen.id))
        .filter(webhooks::position.eq(seen.position))
        .filter(webhooks::version.eq(seen.version))
        .filter(webhooks::burst_end.is_null().or(webhooks::burst_end.eq(seen.burst_end.unwrap_or_default())))
        .filter(webhooks::leased_until.is_null().or(webhooks::leased_until.lt(now)))
        .set((
            webhooks::position.eq(to),
            webhooks::burst_end.eq(None::<i64>),
            webhooks::attempt.eq(0),
            webhooks::next_attempt_at.eq(None::<Timestamp>),
            webhooks::failing_since.eq(None::<Timestamp>),
        ));
    on!(conn, conn => Cached::new(update).execute(conn)).map(drop)
}

/// Stores an attempt, and deletes the oldest ones of the webhook.
fn record(conn: &mut Connection, attempt: &NewAttempt) -> QueryResult<()> {
    on!(conn, conn => diesel::insert_into(webhook_attempts::table).values(attempt).execute(conn))?;
    let of_webhook = webhook_attempts::webhook_id.eq(attempt.webhook_id);
    let surplus: Option<i64> = on!(conn, conn => webhook_attempts::table
        .filter(of_webhook)
        .order(webhook_attempts::id.desc())
        .offset(MAX_ATTEMPTS)
        .limit(1)
        .select(webhook_attempts::id)
        .first(conn)
        .optional())?;
    if let Some(last) = surplus {
        on!(conn, conn => diesel::delete(webhook_attempts::table)
            .filter(of_webhook)
            .filter(webhook_attempts::id.le(last))
            .execute(conn))?;
    }
    Ok(())
}

/// Whether attempts have expired.
pub fn has_expired_attempts(conn: &mut Connection, now: Timestamp) -> QueryResult<bool> {
    let expired: Option<i64> = on!(conn, conn => webhook_attempts::table
        .filter(webhook_attempts::at.lt(later(now, -ATTEMPT_RETENTION)))
        .select(webhook_attempts::id)
        .first(conn)
        .optional())?;
    Ok(expired.is_some())
}

/// Deletes the attempts that have expired. There are at most 200 of each webhook.
pub fn remove_expired_attempts(conn: &mut Connection, now: Timestamp) -> QueryResult<()> {
    conn.mark_changed(Visibility::Private);
    on!(conn, conn => diesel::delete(webhook_attempts::table)
        .filter(webhook_attempts::at.lt(later(now, -ATTEMPT_RETENTION)))
        .execute(conn))
    .map(drop)
}
