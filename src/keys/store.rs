//! Keys in the database.

use diesel::QueryResult;
use diesel::prelude::*;

use super::model::{ApiKey, CreateApiKey, KeyHash, Role};
use crate::db::{Connection, Timestamp, on};
use crate::schema::api_keys;

#[derive(Insertable)]
#[diesel(table_name = api_keys)]
struct NewRow<'a> {
    name: &'a str,
    role: Role,
    hash: &'a [u8],
    created_at: Timestamp,
}

/// Stores a key by its hash.
///
/// # Errors
/// The database's.
pub fn create(conn: &mut Connection, key: &CreateApiKey, hash: &KeyHash, now: Timestamp) -> QueryResult<ApiKey> {
    let row = NewRow { name: &key.name, role: key.role, hash, created_at: now };
    on!(conn, conn => diesel::insert_into(api_keys::table)
        .values(&row)
        .returning(ApiKey::as_returning())
        .get_result(conn))
}

/// The key with this hash, where it was not revoked.
///
/// # Errors
/// The database's.
pub fn find(conn: &mut Connection, hash: &KeyHash) -> QueryResult<Option<ApiKey>> {
    let hash: &[u8] = hash;
    on!(conn, conn => api_keys::table
        .filter(api_keys::hash.eq(hash))
        .filter(api_keys::revoked_at.is_null())
        .select(ApiKey::as_select())
        .first(conn)
        .optional())
}

/// Every key that was not revoked, oldest first.
///
/// # Errors
/// The database's.
pub fn list(conn: &mut Connection) -> QueryResult<Vec<ApiKey>> {
    on!(conn, conn => api_keys::table
        .filter(api_keys::revoked_at.is_null())
        .order(api_keys::id.asc())
        .select(ApiKey::as_select())
        .load(conn))
}

/// Makes a key useless from the next request on. `false`: there is no such key, or it was revoked before.
///
/// # Errors
/// The database's.
pub fn revoke(conn: &mut Connection, id: i64, now: Timestamp) -> QueryResult<bool> {
    let revoked = on!(conn, conn => diesel::update(api_keys::table.find(id))
        .filter(api_keys::revoked_at.is_null())
        .set(api_keys::revoked_at.eq(now))
        .execute(conn))?;
    Ok(revoked > 0)
}

/// Stores the first key of a database that never had one, once however many instances start together.
/// `None`: there was one before.
///
/// # Errors
/// The database's.
pub fn create_first(
    conn: &mut Connection,
    key: &CreateApiKey,
    hash: &KeyHash,
    now: Timestamp,
) -> QueryResult<Option<ApiKey>> {
    conn.transaction(|conn| {
        if let Connection::Postgres(conn) = conn {
            // Others wait here until this transaction ends; on SQLite the transaction itself makes them.
            diesel::sql_query("LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE").execute(conn)?;
        }
        let had_one: Option<i64> = on!(conn, conn => api_keys::table.select(api_keys::id).first(conn).optional())?;
        if had_one.is_some() { Ok(None) } else { create(conn, key, hash, now).map(Some) }
    })
}
