//! Stores the responses to requests with an `Idempotency-Key`, so that each request is executed at most once.

use diesel::prelude::*;
use diesel::sql_types::Bool;
use sha2::{Digest, Sha256};

use crate::db::{Backend, BindValue, Connection, FixedSql, Timestamp, Visibility, on};
use crate::schema::idempotency_keys as keys;

/// How long a response is stored, in microseconds: 24 hours.
const RETENTION: i64 = 24 * 60 * 60 * 1_000_000;
/// The maximum number of expired responses that one statement deletes, so that other writers do not wait long for it.
const CLEANUP_BATCH: i64 = 500;

/// A request with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRequest {
    /// The id of the API key that sent it.
    pub caller: i64,
    pub key: String,
    /// A hash of method, path, and body.
    pub fingerprint: [u8; 32],
}

/// A response as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = keys)]
pub struct StoredResponse {
    pub status: i32,
    pub location: Option<String>,
    pub etag: Option<String>,
    pub body: Vec<u8>,
}

/// What to do with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// No earlier request had this key: execute it.
    Execute,
    /// An earlier request with this key was executed, with this response.
    Replay(StoredResponse),
    /// An earlier, different request has the same key.
    KeyMismatch,
    /// The first request with this key is in progress.
    InProgress,
}

/// Looks up the request, and deletes an expired response. Call it in the transaction of the write, before the write.
///
/// On PostgreSQL, each request holds an advisory lock until its transaction ends. If the lock is taken, the first
/// request is in progress. SQLite executes writes one after the other, so it never returns [`Outcome::InProgress`].
pub fn begin(conn: &mut Connection, request: &KeyedRequest, now: Timestamp) -> QueryResult<Outcome> {
    if let Backend::Postgres(conn) = &mut conn.backend {
        let lock = FixedSql::<Bool>::new("pg_try_advisory_xact_lock(").bind(BindValue::Integer(lock_id(request)), ")");
        if !diesel::select(lock).get_result::<bool>(conn)? {
            return Ok(Outcome::InProgress);
        }
    }
    let stored: Option<(Vec<u8>, Timestamp, StoredResponse)> = on!(conn, conn => keys::table
        .filter(keys::caller.eq(request.caller))
        .filter(keys::key.eq(&request.key))
        .select((keys::fingerprint, keys::created_at, StoredResponse::as_select()))
        .first(conn)
        .optional())?;
    match stored {
        None => Ok(Outcome::Execute),
        Some((_, created_at, _)) if created_at <= expiry_cutoff(now) => {
            on!(conn, conn => diesel::delete(keys::table)
                .filter(keys::caller.eq(request.caller))
                .filter(keys::key.eq(&request.key))
                .execute(conn))?;
            Ok(Outcome::Execute)
        }
        Some((fingerprint, _, _)) if fingerprint != request.fingerprint => Ok(Outcome::KeyMismatch),
        Some((_, _, response)) => Ok(Outcome::Replay(response)),
    }
}

/// Stores the response. Call it in the same transaction, after the write.
pub fn finish(
    conn: &mut Connection,
    request: &KeyedRequest,
    response: &StoredResponse,
    now: Timestamp,
) -> QueryResult<()> {
    let row = (
        keys::caller.eq(request.caller),
        keys::key.eq(&request.key),
        keys::fingerprint.eq(request.fingerprint.as_slice()),
        keys::status.eq(response.status),
        keys::location.eq(&response.location),
        keys::etag.eq(&response.etag),
        keys::body.eq(&response.body),
        keys::created_at.eq(now),
    );
    on!(conn, conn => diesel::insert_into(keys::table).values(row).execute(conn)).map(drop)
}

/// The ids of the oldest expired responses, at most 500.
pub fn expired(conn: &mut Connection, now: Timestamp) -> QueryResult<Vec<i64>> {
    on!(conn, conn => keys::table
        .filter(keys::created_at.le(expiry_cutoff(now)))
        .order(keys::created_at.asc())
        .limit(CLEANUP_BATCH)
        .select(keys::id)
        .load(conn))
}

/// Deletes the oldest expired responses, at most 500, and returns how many it has deleted.
pub fn remove_expired(conn: &mut Connection, now: Timestamp) -> QueryResult<usize> {
    conn.mark_changed(Visibility::Private);
    let expired = expired(conn, now)?;
    on!(conn, conn => diesel::delete(keys::table.filter(keys::id.eq_any(&expired))).execute(conn))
}

/// A response that was stored at this time or before has expired.
fn expiry_cutoff(now: Timestamp) -> Timestamp {
    Timestamp::from_microseconds(now.as_microseconds() - RETENTION).unwrap_or(Timestamp::MIN)
}

/// The key of the advisory lock: a hash of the caller and its `Idempotency-Key`. If the hashes of two concurrent
/// requests collide, the response to one of them is 409.
fn lock_id(request: &KeyedRequest) -> i64 {
    let digest: [u8; 32] = Sha256::digest(format!("idempotency {} {}", request.caller, request.key)).into();
    i64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default())
}
