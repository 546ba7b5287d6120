//! API keys in the database.

use std::collections::HashSet;

use diesel::QueryResult;
use diesel::prelude::*;

use crate::db::{Backend, Cached, Connection, Sequence, Timestamp, Visibility, on};
use crate::keys::model::{ApiKey, CreateApiKey, KeyHash, StoredKey};
use crate::resource::versioned::Preconditions;
use crate::routing::Role;
use crate::schema::api_keys;

#[derive(Insertable)]
#[diesel(table_name = api_keys)]
struct NewRow<'a> {
    name: &'a str,
    role: Role,
    hash: &'a [u8],
    created_at: Timestamp,
    created_by: Option<i64>,
    expires_at: Option<Timestamp>,
}

/// Stores a key by its hash. `created_by` is the id of the key that created it.
pub fn create(
    conn: &mut Connection,
    key: &CreateApiKey,
    hash: &KeyHash,
    created_by: Option<i64>,
    now: Timestamp,
) -> QueryResult<ApiKey> {
    conn.mark_changed(Visibility::Private);
    let row = NewRow { name: &key.name, role: key.role, hash, created_at: now, created_by, expires_at: key.expires_at };
    on!(conn, conn => diesel::insert_into(api_keys::table)
        .values(&row)
        .returning(ApiKey::as_returning())
        .get_result(conn))
}

/// Finds the key with this hash, unless it is revoked or expired.
pub fn find(conn: &mut Connection, hash: &KeyHash, now: Timestamp) -> QueryResult<Option<ApiKey>> {
    let hash: &[u8] = hash;
    let key: Option<ApiKey> = on!(conn, conn => api_keys::table
        .filter(api_keys::hash.eq(hash))
        .filter(api_keys::revoked_at.is_null())
        .select(ApiKey::as_select())
        .first(conn)
        .optional())?;
    Ok(key.filter(|key| key.expires_at.is_none_or(|expires_at| now < expires_at)))
}

/// Of these hashes, those whose keys are neither revoked nor expired.
pub fn existing(conn: &mut Connection, hashes: &[KeyHash], now: Timestamp) -> QueryResult<HashSet<KeyHash>> {
    let hashes: Vec<&[u8]> = hashes.iter().map(KeyHash::as_slice).collect();
    let found: Vec<Vec<u8>> = on!(conn, conn => api_keys::table
        .filter(api_keys::hash.eq_any(&hashes))
        .filter(api_keys::revoked_at.is_null())
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now)))
        .select(api_keys::hash)
        .load(conn))?;
    Ok(found.into_iter().filter_map(|hash| hash.try_into().ok()).collect())
}

/// Records that the key was used on this day.
pub fn record_use(conn: &mut Connection, id: i64, day: &str) -> QueryResult<()> {
    conn.mark_changed(Visibility::Private);
    let update = diesel::update(api_keys::table.find(id)).set(api_keys::last_used_on.eq(day));
    on!(conn, conn => Cached::new(update).execute(conn)).map(drop)
}

/// Lists every key that has not been revoked, oldest first.
pub fn list(conn: &mut Connection) -> QueryResult<Vec<ApiKey>> {
    on!(conn, conn => api_keys::table
        .filter(api_keys::revoked_at.is_null())
        .order(api_keys::id.asc())
        .select(ApiKey::as_select())
        .load(conn))
}

/// Lists all keys, including revoked ones, oldest first.
pub fn all(conn: &mut Connection) -> QueryResult<Vec<StoredKey>> {
    on!(conn, conn => api_keys::table.order(api_keys::id.asc()).select(StoredKey::as_select()).load(conn))
}

/// The outcome of restoring a key from another database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    Stored,
    /// The key is already stored under this id. It was not changed.
    AlreadyStored,
    /// The id belongs to another key, or the key is stored under another id. Nothing was stored.
    Conflict,
}

/// Stores a key under the id that it had in another database. Call it in a transaction.
pub fn restore(conn: &mut Connection, key: &StoredKey) -> QueryResult<Restored> {
    conn.mark_changed(Visibility::Private);
    lock(conn)?;
    let stored: Vec<(i64, Vec<u8>)> = on!(conn, conn => api_keys::table
        .filter(api_keys::id.eq(key.id).or(api_keys::hash.eq(&key.hash)))
        .select((api_keys::id, api_keys::hash))
        .load(conn))?;
    match stored.as_slice() {
        [] => {
            on!(conn, conn => diesel::insert_into(api_keys::table).values(key).execute(conn))?;
            Sequence::ApiKeys.advance_to(conn, key.id)?;
            Ok(Restored::Stored)
        }
        [(id, hash)] if *id == key.id && *hash == key.hash => Ok(Restored::AlreadyStored),
        _ => Ok(Restored::Conflict),
    }
}

/// Why a key was not revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRevoked {
    /// The key does not exist, or is already revoked.
    Missing,
    /// The key is the last valid admin key.
    LastAdmin,
    /// The key exists, but the request does not meet its preconditions.
    PreconditionFailed,
}

/// Revokes a key. Call it in a transaction. `may_be_last` permits revoking the last admin key, for callers with another
/// way to manage keys: `ADMIN_API_KEY` or the command line. A key has no entity tag.
pub fn revoke(
    conn: &mut Connection,
    id: i64,
    preconditions: &Preconditions,
    may_be_last: bool,
    now: Timestamp,
) -> QueryResult<Result<(), NotRevoked>> {
    conn.mark_changed(Visibility::Private);
    lock(conn)?;
    if !preconditions.allow_untagged() {
        let key = api_keys::table.find(id).filter(api_keys::revoked_at.is_null()).select(api_keys::id);
        let existing: Option<i64> = on!(conn, conn => key.first(conn).optional())?;
        return Ok(Err(existing.map_or(NotRevoked::Missing, |_| NotRevoked::PreconditionFailed)));
    }
    let admins: Vec<(i64, Option<Timestamp>)> = on!(conn, conn => api_keys::table
        .filter(api_keys::revoked_at.is_null())
        .filter(api_keys::role.eq(Role::Admin))
        .select((api_keys::id, api_keys::expires_at))
        .load(conn))?;
    let is_admin = admins.iter().any(|(admin, _)| *admin == id);
    let has_other_admin =
        admins.iter().any(|(admin, expires_at)| *admin != id && expires_at.is_none_or(|expires_at| now < expires_at));
    if is_admin && !has_other_admin && !may_be_last {
        return Ok(Err(NotRevoked::LastAdmin));
    }
    let revoked = on!(conn, conn => diesel::update(api_keys::table.find(id))
        .filter(api_keys::revoked_at.is_null())
        .set(api_keys::revoked_at.eq(now))
        .execute(conn))?;
    Ok(if revoked > 0 { Ok(()) } else { Err(NotRevoked::Missing) })
}

/// Prevents concurrent changes of keys until the transaction ends. On SQLite, every write transaction is exclusive.
pub(crate) fn lock(conn: &mut Connection) -> QueryResult<()> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(()) };
    diesel::sql_query("LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE").execute(conn).map(drop)
}

/// Stores the first key of a database. Returns `None` if the database contains a key, even a revoked one. Call it in a
/// transaction. If several instances start at once, only one of them stores a key.
pub fn create_first(
    conn: &mut Connection,
    key: &CreateApiKey,
    hash: &KeyHash,
    now: Timestamp,
) -> QueryResult<Option<ApiKey>> {
    lock(conn)?;
    let existing: Option<i64> = on!(conn, conn => api_keys::table.select(api_keys::id).first(conn).optional())?;
    if existing.is_some() { Ok(None) } else { create(conn, key, hash, None, now).map(Some) }
}
