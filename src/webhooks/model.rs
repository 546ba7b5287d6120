//! The types of webhooks: the database rows, and the JSON of responses.

use diesel::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::db::Timestamp;
use crate::posts::changes::query::ChangeType;
use crate::posts::json_column::JsonText;
use crate::schema::{webhook_attempts, webhooks};
use crate::webhooks::credential::Credential;
use crate::webhooks::mode::WebhookMode;
use crate::webhooks::schemas;

/// The fields that clients set.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = webhooks, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct WebhookConfig {
    pub name: String,
    pub url: Credential,
    pub mode: WebhookMode,
    /// A JSON array of [`ChangeType`]s.
    pub events: JsonText,
    /// A JSON object of names and values.
    pub headers: Credential,
    /// A JSON object.
    pub body: Option<JsonText>,
    /// In seconds.
    pub quiet: i32,
    /// In seconds.
    pub max_wait: i32,
    pub enabled: bool,
}

impl WebhookConfig {
    /// The changes that the webhook announces.
    #[must_use]
    pub fn events(&self) -> Vec<ChangeType> {
        self.events.parse().unwrap_or_default()
    }

    /// The names and values of the additional headers.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        let headers: Map<String, Value> = serde_json::from_str(self.headers.reveal()).unwrap_or_default();
        let text = |value: Value| value.as_str().map(str::to_owned);
        headers.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
    }
}

/// A stored webhook, without the fields that only deliveries use.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = webhooks)]
pub struct WebhookRow {
    pub id: i64,
    #[diesel(embed)]
    pub config: WebhookConfig,
    pub disabled_reason: Option<String>,
    pub secret: Credential,
    pub previous_secret: Option<Credential>,
    pub previous_valid_until: Option<Timestamp>,
    pub position: i64,
    pub next_attempt_at: Option<Timestamp>,
    pub failing_since: Option<Timestamp>,
    pub last_success_at: Option<Timestamp>,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl WebhookRow {
    /// The secrets that sign a request at this time: the current one, and the previous one for a day after a rotation.
    #[must_use]
    pub fn secrets(&self, now: Timestamp) -> Vec<Credential> {
        let is_valid = self.previous_valid_until.is_some_and(|until| now < until);
        let previous = self.previous_secret.clone().filter(|_| is_valid);
        std::iter::once(self.secret.clone()).chain(previous).collect()
    }
}

/// A webhook. It does not contain its secret or the values of its headers.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!(crate::webhooks::schemas::example()))]
pub struct Webhook {
    /// Unique identifier. The id of a deleted webhook is not used again.
    #[schema(example = 1, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// A name for people.
    #[schema(example = "Rebuild the site", min_length = 1, max_length = 100)]
    pub name: String,
    /// The URL that requests are sent to. It may contain credentials, so only admins can read it.
    #[schema(example = "https://hooks.example/posts", max_length = 2048)]
    pub url: String,
    #[schema(inline)]
    pub mode: WebhookMode,
    #[schema(schema_with = schemas::events)]
    pub events: Vec<ChangeType>,
    /// The names of the additional request headers. Their values are not returned.
    #[schema(max_items = 10, example = json!(["Authorization"]))]
    pub headers: Vec<String>,
    #[schema(schema_with = schemas::body, required)]
    pub body: Option<JsonText>,
    /// With `burst`: a request is sent this many seconds after the last change.
    #[schema(example = 10, minimum = 1, maximum = 3600)]
    pub quiet: i32,
    /// With `burst`: a request is sent at most this many seconds after the first change.
    #[schema(example = 120, minimum = 1, maximum = 86400)]
    pub max_wait: i32,
    /// Whether changes are delivered.
    #[schema(example = true)]
    pub enabled: bool,
    /// Why the service has disabled the webhook: `gone` (the receiver responded with 410) or `failing` (no success for
    /// 3 days). Otherwise null. Later versions may add reasons.
    #[schema(required, example = "failing")]
    pub disabled_reason: Option<String>,
    /// A cursor of the change feed: `GET /api/changes` with this cursor returns the changes that have not been
    /// delivered. Null if the log no longer contains the position.
    #[schema(required, example = "eyJs")]
    pub position: Option<String>,
    /// When the failed request is sent again. Null if no request has failed since the last success.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
    /// When a request failed for the first time since the last success.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// When a request last succeeded.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_success_at: Option<Timestamp>,
    /// When the webhook was created.
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub created_at: Timestamp,
    /// When a client last changed the webhook.
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub updated_at: Timestamp,
    /// The number of changes by clients, including the creation. Deliveries do not change it.
    #[schema(example = 1, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub version: i64,
}

impl Webhook {
    /// `position` is the cursor of the row's position.
    #[must_use]
    pub fn new(row: WebhookRow, position: Option<String>) -> Self {
        let (events, headers) = (row.config.events(), row.config.headers());
        Self {
            id: row.id,
            name: row.config.name,
            url: row.config.url.reveal().to_owned(),
            mode: row.config.mode,
            events,
            headers: headers.into_iter().map(|(name, _)| name).collect(),
            body: row.config.body,
            quiet: row.config.quiet,
            max_wait: row.config.max_wait,
            enabled: row.config.enabled,
            disabled_reason: row.disabled_reason,
            position,
            next_attempt_at: row.next_attempt_at,
            failing_since: row.failing_since,
            last_success_at: row.last_success_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

/// A request to a webhook.
#[derive(Debug, Clone, Serialize, ToSchema, Queryable, Selectable)]
#[diesel(table_name = webhook_attempts)]
#[schema(example = json!({
    "event_id": "eyJs", "type": "posts.changed", "at": "2026-01-31T12:00:00.000000Z", "duration_ms": 182, "status": 204,
    "error": null, "attempt": 1,
}))]
pub struct WebhookAttempt {
    /// The `webhook-id` of the request, which is the same for each attempt.
    #[schema(example = "eyJs")]
    pub event_id: String,
    /// The type of the event, such as `post.updated` or `posts.changed`.
    #[serde(rename = "type")]
    #[schema(example = "posts.changed")]
    pub event_type: String,
    /// When the request was sent.
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub at: Timestamp,
    /// The time until the response or the failure, in milliseconds.
    #[schema(example = 182, minimum = 0)]
    pub duration_ms: i32,
    /// The status of the response. Null if there was none.
    #[schema(required, example = 204, minimum = 100, maximum = 999)]
    pub status: Option<i16>,
    /// The reason why there was no response. Null if there was one.
    #[schema(required)]
    pub error: Option<String>,
    /// The number of the attempt: 1 for the first one.
    #[schema(example = 1, minimum = 1)]
    pub attempt: i32,
}
