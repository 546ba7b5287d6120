//! The bodies that rotate the secret of a webhook and replay changes to it.

use utoipa::ToSchema;

use crate::db::{InvalidTimestamp, Timestamp};
use crate::posts::changes::params;
use crate::posts::changes::position::LogStart;
use crate::validation::{Fields, Input, Invalid};

/// What to do with the previous secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct RotateSecret {
    /// Whether the current secret expires at once. If omitted, both secrets sign the requests for 24 hours.
    #[schema(required = false, example = false)]
    pub expire_previous: bool,
}

impl Input for RotateSecret {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { expire_previous: fields.optional("expire_previous", Ok).unwrap_or(false) })
    }
}

/// Where deliveries continue: exactly one of `cursor` and `since`.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cursor": "now"}))]
pub struct ReplayWebhook {
    /// A cursor of the change feed, the `webhook-id` of a request, or `now`. The changes after it are delivered.
    #[schema(required = false, value_type = String, example = "now", min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    pub cursor: Option<String>,
    /// A time in the past. The changes at this time and later are delivered.
    #[schema(required = false, value_type = String, format = DateTime, example = "2026-01-31T12:00:00Z")]
    pub since: Option<Timestamp>,
}

/// Where deliveries continue.
#[derive(Debug, Clone, Copy)]
pub struct ReplayStart(pub(crate) LogStart);

impl Input for ReplayStart {
    fn read(fields: &mut Fields) -> Option<Self> {
        let given = (fields.contains("cursor"), fields.contains("since"));
        let (cursor, since) = (fields.optional("cursor", cursor), fields.optional("since", since));
        match given {
            (true, true) => fields.push_error("", Invalid::new("duplicate", "must not have both cursor and since")),
            (false, false) => fields.push_error("", Invalid::new("required", "must have cursor or since")),
            _ => {}
        }
        cursor.or(since).map(Self)
    }
}

impl ReplayStart {
    /// Parses a cursor.
    ///
    /// # Errors
    /// The text is not a cursor of the change feed.
    pub fn cursor(text: &str) -> Result<Self, Invalid> {
        cursor(text.to_owned()).map(Self)
    }

    /// Parses a time.
    ///
    /// # Errors
    /// The text is not an RFC 3339 time, or the time is in the future.
    pub fn since(text: &str) -> Result<Self, Invalid> {
        since(text.to_owned()).map(Self)
    }
}

fn cursor(text: String) -> Result<LogStart, Invalid> {
    if text == "now" {
        return Ok(LogStart::Now);
    }
    let position = params::position_of(&text);
    let invalid = |_| Invalid::new("format", "must be a cursor of the change feed, a webhook-id, or now");
    position.map(|position| LogStart::After(position.row)).map_err(invalid)
}

fn since(text: String) -> Result<LogStart, Invalid> {
    let time: Timestamp = text.parse().map_err(|error: InvalidTimestamp| Invalid::new("format", error.to_string()))?;
    if time > Timestamp::now() {
        return Err(Invalid::new("range", "must not be in the future"));
    }
    Ok(LogStart::Since(time))
}
