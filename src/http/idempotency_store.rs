//! Requests that are carried out once however often they are sent: the answers, in the database.

use diesel::prelude::*;
use diesel::sql_types::Bool;
use sha2::{Digest, Sha256};

use crate::db::{Backend, Connection, FixedSql, Timestamp, Value, on};
use crate::schema::idempotency_keys as keys;

/// How long an answer is kept, in microseconds: 24 hours.
const KEPT_FOR: i64 = 24 * 60 * 60 * 1_000_000;
/// Expired answers that are removed in one statement, so that no writer waits long for it.
const REMOVED_AT_ONCE: i64 = 500;

/// A request with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The API key that made it: [`crate::keys::auth::Caller::id`].
    pub caller: i64,
    pub key: String,
    /// A hash of what is asked for.
    pub fingerprint: [u8; 32],
}

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = keys)]
pub struct Answer {
    pub status: i32,
    pub location: Option<String>,
    pub etag: Option<String>,
    pub body: Vec<u8>,
}

/// Whether a request is to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is the first one.
    Fresh,
    /// It was carried out, and this was the answer.
    Answered(Answer),
    /// Another request has the same key.
    Other,
    /// The first one is being carried out now.
    Running,
}

/// To be called in the transaction of the write, before it.
///
/// On PostgreSQL a lock that lasts as long as the transaction tells whether the first request still runs. SQLite
/// carries out one write after the other, so that none ever does.
///
/// # Errors
/// The database's.
pub fn begin(conn: &mut Connection, request: &Request, now: Timestamp) -> QueryResult<Begun> {
    if let Backend::Postgres(conn) = &mut conn.backend {
        let lock = FixedSql::<Bool>::new("pg_try_advisory_xact_lock(").bind(Value::Integer(lock_id(request)), ")");
        if !diesel::select(lock).get_result::<bool>(conn)? {
            return Ok(Begun::Running);
        }
    }
    let known: Option<(Vec<u8>, Timestamp, Answer)> = on!(conn, conn => keys::table
        .filter(keys::caller.eq(request.caller))
        .filter(keys::key.eq(&request.key))
        .select((keys::fingerprint, keys::created_at, Answer::as_select()))
        .first(conn)
        .optional())?;
    match known {
        None => Ok(Begun::Fresh),
        Some((_, created_at, _)) if created_at <= oldest_kept(now) => {
            on!(conn, conn => diesel::delete(keys::table)
                .filter(keys::caller.eq(request.caller))
                .filter(keys::key.eq(&request.key))
                .execute(conn))?;
            Ok(Begun::Fresh)
        }
        Some((fingerprint, _, _)) if fingerprint != request.fingerprint => Ok(Begun::Other),
        Some((_, _, answer)) => Ok(Begun::Answered(answer)),
    }
}

/// To be called in the same transaction, after the write.
///
/// # Errors
/// The database's.
pub fn finish(conn: &mut Connection, request: &Request, answer: &Answer, now: Timestamp) -> QueryResult<()> {
    let row = (
        keys::caller.eq(request.caller),
        keys::key.eq(&request.key),
        keys::fingerprint.eq(request.fingerprint.as_slice()),
        keys::status.eq(answer.status),
        keys::location.eq(&answer.location),
        keys::etag.eq(&answer.etag),
        keys::body.eq(&answer.body),
        keys::created_at.eq(now),
    );
    on!(conn, conn => diesel::insert_into(keys::table).values(row).execute(conn)).map(drop)
}

/// Some of the answers that nobody may ask for any more, the oldest ones.
///
/// # Errors
/// The database's.
pub fn expired(conn: &mut Connection, now: Timestamp) -> QueryResult<Vec<i64>> {
    on!(conn, conn => keys::table
        .filter(keys::created_at.le(oldest_kept(now)))
        .order(keys::created_at.asc())
        .limit(REMOVED_AT_ONCE)
        .select(keys::id)
        .load(conn))
}

/// Removes the answers that [`expired`] finds, and answers how many.
///
/// # Errors
/// The database's.
pub fn remove_expired(conn: &mut Connection, now: Timestamp) -> QueryResult<usize> {
    conn.note_change(false);
    let expired = expired(conn, now)?;
    on!(conn, conn => diesel::delete(keys::table.filter(keys::id.eq_any(&expired))).execute(conn))
}

fn oldest_kept(now: Timestamp) -> Timestamp {
    Timestamp::from_microseconds(now.as_microseconds() - KEPT_FOR).unwrap_or(Timestamp::MIN)
}

fn lock_id(request: &Request) -> i64 {
    let digest: [u8; 32] = Sha256::digest(format!("idempotency {} {}", request.caller, request.key)).into();
    i64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default())
}
