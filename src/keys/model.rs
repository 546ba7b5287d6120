//! The types of API keys: the database row, the JSON of requests and responses, and the secret.

use std::fmt;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use diesel::prelude::*;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::db::{InvalidTimestamp, Timestamp};
use crate::routing::Role;
use crate::schema::api_keys;
use crate::validation::{Fields, Input, Invalid};

/// An API key, without its secret.
#[derive(Debug, Clone, Serialize, ToSchema, Queryable, Selectable)]
#[diesel(table_name = api_keys)]
#[schema(example = json!({
    "id": 2, "name": "ci", "role": "editor", "created_at": "2026-01-31T12:00:00.000000Z", "created_by": 1,
    "expires_at": null, "last_used_on": "2026-02-01",
}))]
pub struct ApiKey {
    /// Unique identifier. The id of a revoked key is not used again.
    #[schema(example = 1, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// What the key is used for.
    #[schema(example = "ci", min_length = 1, max_length = 100)]
    pub name: String,
    #[schema(inline)]
    pub role: Role,
    /// When the key was created.
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub created_at: Timestamp,
    /// The id of the key that created it. Null if it was created on the command line or with `ADMIN_API_KEY`.
    #[schema(required, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub created_by: Option<i64>,
    /// When the key expires. Null if it does not expire.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// The date of last use, in UTC. Null if it was never used.
    #[schema(required, value_type = Option<String>, format = Date, example = "2026-01-31")]
    pub last_used_on: Option<String>,
}

/// The whole row of a key, for export and import. The hash is included, so the same secret works in the other database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys, treat_none_as_default_value = false)]
pub struct StoredKey {
    pub id: i64,
    pub name: String,
    pub role: Role,
    /// The SHA-256 hash of the secret.
    #[serde(serialize_with = "hexadecimal")]
    pub hash: Vec<u8>,
    pub created_at: Timestamp,
    pub created_by: Option<i64>,
    pub expires_at: Option<Timestamp>,
    pub last_used_on: Option<String>,
    pub revoked_at: Option<Timestamp>,
}

fn hexadecimal<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&HEXLOWER.encode(bytes))
}

/// A new API key, with its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 2, "name": "ci", "role": "editor", "created_at": "2026-01-31T12:00:00.000000Z", "created_by": 1,
    "expires_at": null, "last_used_on": null, "key": "posts_mfrggzdfmztwq2lknnwg23tpobyxe43u",
}))]
pub struct CreatedApiKey {
    #[serde(flatten)]
    pub api_key: ApiKey,
    /// The secret. It is stored only as a hash, and cannot be retrieved again.
    #[schema(example = "posts_mfrggzdfmztwq2lknnwg23tpobyxe43u")]
    pub key: String,
}

/// The parameters of a new API key.
#[derive(Debug, Clone, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "ci", "role": "editor"}))]
pub struct CreateApiKey {
    /// What the key is used for: 1 to 100 characters. Surrounding white space is removed.
    #[schema(example = "ci", min_length = 1, max_length = 100, pattern = r"^[^\x00]*[^\s\x00][^\x00]*$")]
    pub name: String,
    #[schema(inline)]
    pub role: Role,
    /// When the key expires: a time in the future. If omitted or null, it does not expire.
    #[schema(value_type = Option<String>, format = DateTime, example = "2099-01-31T12:00:00Z")]
    pub expires_at: Option<Timestamp>,
}

impl CreateApiKey {
    /// Trims and validates a name.
    ///
    /// # Errors
    /// The name is empty after trimming, or exceeds 100 characters.
    pub fn name(text: String) -> Result<String, Invalid> {
        const MAX: usize = 100;
        match text.trim() {
            "" => Err(Invalid::new("empty", "must not be empty")),
            name if name.chars().count() > MAX => Err(Invalid::new("too_long", "must be at most 100 characters")),
            name => Ok(name.to_owned()),
        }
    }

    /// Parses an expiry time.
    ///
    /// # Errors
    /// The text is not an RFC 3339 time, or the time is not in the future.
    pub fn expires_at(text: String) -> Result<Timestamp, Invalid> {
        let time: Timestamp =
            text.parse().map_err(|error: InvalidTimestamp| Invalid::new("format", error.to_string()))?;
        if time > Timestamp::now() { Ok(time) } else { Err(Invalid::new("range", "must be in the future")) }
    }
}

impl Input for CreateApiKey {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", Self::name);
        let role = fields.required("role", |role: String| role.parse());
        let expires_at = fields.nullable("expires_at", Self::expires_at);
        Some(Self { name: name?, role: role?, expires_at: expires_at.flatten() })
    }
}

/// The secret of an API key. `Debug` does not print it.
pub struct SecretKey(String);

/// The SHA-256 hash of a secret, by which a stored key is found.
pub type KeyHash = [u8; 32];

impl SecretKey {
    /// Generates 160 random bits, with the prefix `posts_`, which secret scanners recognize.
    ///
    /// # Errors
    /// The operating system supplies no random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 20];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("posts_{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())))
    }

    /// The SHA-256 hash of a secret. A slow password hash would not add security, because the secret has too many
    /// random bits to be guessed.
    #[must_use]
    pub fn hash(key: &str) -> KeyHash {
        Sha256::digest(key.as_bytes()).into()
    }

    /// The secret. Never log it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}
