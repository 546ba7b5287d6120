//! How a module declares its routes: an [`Operation`] with the [`Access`] that it requires, and the [`Role`] of an API
//! key.
//!
//! actix (method, path, handler), authorization, and the OpenAPI document use the same declaration.

use std::fmt;
use std::str::FromStr;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, Operation as OpenApiOperation};
use utoipa::openapi::{RefOr, Schema};

use crate::http::error::code::ErrorCode;
use crate::validation::Invalid;

/// One operation of the API: its path, handler, access, and errors.
#[derive(Clone, Copy)]
pub struct Operation {
    pub path: fn() -> String,
    pub methods: fn() -> Vec<HttpMethod>,
    pub route: fn() -> actix_web::Route,
    pub access: Access,
    /// The errors that `openapi` cannot derive from the access, method, parameters, and body of the operation.
    pub codes: &'static [&'static ErrorCode],
    /// The part of the OpenAPI document that `#[utoipa::path]` generates.
    pub describe: fn() -> OpenApiOperation,
    pub tags: fn() -> Vec<&'static str>,
    pub schemas: fn(&mut Vec<(String, RefOr<Schema>)>),
}

/// `operation!(access, module, handler, [codes])` declares the [`Operation`] of a handler that has the attribute
/// `#[utoipa::path]`.
macro_rules! operation {
    ($access:expr, $($module:ident)::+, $handler:ident, [$($code:expr),* $(,)?]) => {
        pastey::paste! {
            $crate::routing::Operation {
                path: <$crate::$($module)::+::[<__path_ $handler>] as utoipa::Path>::path,
                methods: <$crate::$($module)::+::[<__path_ $handler>] as utoipa::Path>::methods,
                route: || actix_web::web::to($crate::$($module)::+::$handler),
                access: $access,
                codes: &[$($code),*],
                describe: <$crate::$($module)::+::[<__path_ $handler>] as utoipa::Path>::operation,
                tags: <$crate::$($module)::+::[<__path_ $handler>] as utoipa::__dev::Tags>::tags,
                schemas: <$crate::$($module)::+::[<__path_ $handler>] as utoipa::__dev::SchemaReferences>::schemas,
            }
        }
    };
}
pub(crate) use operation;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A client with a valid key, or without a key. An invalid key is rejected.
    Anyone,
    /// A client whose key has at least this role.
    AtLeast(Role),
    /// Any client. Keys are ignored, so the operation works while the database is down.
    Unchecked,
}

/// What an API key permits: `reader` reads drafts, `editor` also changes posts, `admin` also manages API keys and
/// webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema, FromSqlRow, AsExpression)]
#[diesel(sql_type = Text)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Reader,
    Editor,
    Admin,
}

impl Role {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        [Self::Reader, Self::Editor, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(Invalid::new("format", "must be one of reader, editor, admin"))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<DB: Backend> ToSql<Text, DB> for Role
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.as_str().to_sql(out)
    }
}

impl<DB: Backend> FromSql<Text, DB> for Role
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let text = String::from_sql(value)?;
        text.parse().map_err(|_| format!("unknown role {text}").into())
    }
}
