//! API keys (as hashes) and last ids parsed from an import file.

use data_encoding::HEXLOWER_PERMISSIVE;
use diesel::QueryResult;
use serde::{Serialize, Serializer};

use crate::db::{Connection, Sequence};
use crate::keys::model::{CreateApiKey, StoredKey};
use crate::posts::validate;
use crate::transfer::imported_post::in_range;
use crate::transfer::limits::MAX_IMPORTED_ID;
use crate::validation::{Fields, Input, Invalid};

pub(crate) struct ImportedKey(pub(crate) StoredKey);

impl ImportedKey {
    /// The member names of the JSON object.
    pub(crate) const NAMES: &[&str] =
        &["id", "name", "role", "hash", "created_at", "created_by", "expires_at", "last_used_on", "revoked_at"];
}

/// The largest id that each sequence has assigned, including ids of deleted rows. An import raises the sequences to
/// them, so that the new database does not reuse an id.
pub(crate) struct LastIds(Vec<(Sequence, i64)>);

impl LastIds {
    /// The member names of the JSON object.
    pub(crate) const NAMES: &[&str] = &["posts", "api_keys"];

    pub(crate) fn load(conn: &mut Connection) -> QueryResult<Self> {
        Sequence::ALL
            .into_iter()
            .map(|sequence| Ok((sequence, sequence.last_id(conn)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Raises each sequence, unless it is already higher.
    pub(crate) fn store(&self, conn: &mut Connection) -> QueryResult<()> {
        self.0.iter().try_for_each(|(sequence, id)| sequence.advance_to(conn, *id))
    }
}

/// A member for each table, such as `{"posts": 12, "api_keys": 3}`.
impl Serialize for LastIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(sequence, id)| (sequence.table().name(), id)))
    }
}

impl Input for ImportedKey {
    fn read(fields: &mut Fields) -> Option<Self> {
        let id = fields.required("id", |id| in_range(id, MAX_IMPORTED_ID));
        let name = fields.required("name", CreateApiKey::name);
        let role = fields.required("role", |role: String| role.parse());
        let hash = fields.required("hash", hash);
        let created_at = fields.required("created_at", validate::time);
        let created_by = fields.nullable("created_by", |id| in_range(id, MAX_IMPORTED_ID)).flatten();
        let expires_at = fields.nullable("expires_at", validate::time).flatten();
        let last_used_on = fields.nullable("last_used_on", day).flatten();
        let revoked_at = fields.nullable("revoked_at", validate::time).flatten();
        Some(Self(StoredKey {
            id: id?,
            name: name?,
            role: role?,
            hash: hash?,
            created_at: created_at?,
            created_by,
            expires_at,
            last_used_on,
            revoked_at,
        }))
    }
}

fn hash(text: String) -> Result<Vec<u8>, Invalid> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok().filter(|bytes| bytes.len() == 32);
    bytes.ok_or(Invalid::new("format", "must be a SHA-256 hash of 64 hexadecimal digits"))
}

fn day(text: String) -> Result<String, Invalid> {
    match validate::time(format!("{text}T00:00:00Z")) {
        Ok(time) if time.utc_date() == text => Ok(text),
        _ => Err(Invalid::new("format", "must be a date such as 2026-01-31")),
    }
}

impl Input for LastIds {
    fn read(fields: &mut Fields) -> Option<Self> {
        let ids = Sequence::ALL.map(|sequence| Some((sequence, fields.required(sequence.table().name(), last_id)?)));
        ids.into_iter().collect::<Option<_>>().map(Self)
    }
}

/// 0 means that the sequence has assigned no id.
fn last_id(id: i64) -> Result<i64, Invalid> {
    if id == 0 { Ok(0) } else { in_range(id, MAX_IMPORTED_ID) }
}
