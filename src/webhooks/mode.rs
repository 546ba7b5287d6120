//! [`WebhookMode`]: how changes are grouped into requests.

use std::str::FromStr;

use diesel::backend::Backend;
use diesel::deserialize::{FromSql, FromSqlRow, Result as FromSqlResult};
use diesel::expression::AsExpression;
use diesel::serialize::{Output, Result as ToSqlResult, ToSql};
use diesel::sql_types::SmallInt;
use serde::Serialize;
use utoipa::ToSchema;

use crate::validation::Invalid;

/// `each` sends a request for each change. `burst` sends one request for all changes of a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, AsExpression, FromSqlRow)]
#[diesel(sql_type = SmallInt)]
#[serde(rename_all = "lowercase")]
pub enum WebhookMode {
    Each,
    Burst,
}

impl WebhookMode {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Burst => "burst",
        }
    }
}

impl FromStr for WebhookMode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "each" => Ok(Self::Each),
            "burst" => Ok(Self::Burst),
            _ => Err(Invalid::new("format", "must be each or burst")),
        }
    }
}

impl<DB: Backend> FromSql<SmallInt, DB> for WebhookMode
where
    i16: FromSql<SmallInt, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> FromSqlResult<Self> {
        match i16::from_sql(value)? {
            0 => Ok(Self::Each),
            1 => Ok(Self::Burst),
            other => Err(format!("unknown mode of a webhook: {other}").into()),
        }
    }
}

impl<DB: Backend> ToSql<SmallInt, DB> for WebhookMode
where
    i16: ToSql<SmallInt, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> ToSqlResult {
        match self {
            Self::Each => 0_i16.to_sql(out),
            Self::Burst => 1_i16.to_sql(out),
        }
    }
}
