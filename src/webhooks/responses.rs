//! The JSON of responses, and their rendering.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::Timestamp;
use crate::http::ApiError;
use crate::http::representation::Representation;
use crate::http::transport::memory_budget::{MemoryBudget, Share};
use crate::webhooks::etag;
use crate::webhooks::model::{Webhook, WebhookAttempt};

/// All webhooks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"items": [crate::webhooks::schemas::example()]}))]
pub struct Webhooks {
    /// Oldest first.
    #[schema(max_items = 50)]
    pub items: Vec<Webhook>,
}

/// A new webhook, with its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!(crate::webhooks::schemas::created_example()))]
pub struct CreatedWebhook {
    #[serde(flatten)]
    pub webhook: Webhook,
    /// The secret that signs the requests. It cannot be retrieved again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=")]
    pub secret: String,
}

/// A new secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
    "previous_valid_until": "2026-02-01T12:00:00.000000Z",
}))]
pub struct RotatedSecret {
    /// The secret that signs the requests. It cannot be retrieved again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=")]
    pub secret: String,
    /// The time until which the previous secret also signs the requests. Null if it has expired.
    #[schema(required, value_type = Option<String>, format = DateTime, example = "2026-02-01T12:00:00.000000Z")]
    pub previous_valid_until: Option<Timestamp>,
}

/// The result of a test request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": 204, "duration_ms": 182, "error": null}))]
pub struct WebhookTestResult {
    /// The status of the response. Null if there was none.
    #[schema(required, example = 204, minimum = 100, maximum = 999)]
    pub status: Option<u16>,
    /// The time until the response or the failure, in milliseconds.
    #[schema(example = 182, minimum = 0)]
    pub duration_ms: u64,
    /// The reason why there was no response. Null if there was one.
    #[schema(required)]
    pub error: Option<&'static str>,
}

/// The latest requests to a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookAttempts {
    /// Newest first.
    #[schema(max_items = 200)]
    pub items: Vec<WebhookAttempt>,
}

/// 201 with the new webhook and its path.
pub(crate) fn created(created: CreatedWebhook) -> Result<Representation, ApiError> {
    let (tag, id) = (etag::of(&created.webhook), created.webhook.id);
    Representation::of_write(StatusCode::CREATED, &created)?
        .with_etag(tag)?
        .with_location(format!("/api/webhooks/{id}"))
}

/// 200 with the webhook as it is after a change.
pub(crate) fn changed(webhook: &Webhook) -> Result<Representation, ApiError> {
    Representation::of_write(StatusCode::OK, webhook)?.with_etag(etag::of(webhook))
}

/// The response to a read of one webhook.
pub(crate) fn read(webhook: &Webhook, budget: &MemoryBudget) -> Result<Representation, ApiError> {
    let memory = budget.reserve_read(Share::Keyed, WEBHOOK_MEMORY)?;
    Representation::of_read(etag::of(webhook), None, webhook, memory)
}

/// The response to a read of a list.
pub(crate) fn read_list(list: &impl Serialize, budget: &MemoryBudget) -> Result<Representation, ApiError> {
    Representation::of_hashed_read(None, list, budget.reserve_read(Share::Keyed, LIST_MEMORY)?)
}

/// The maximum size of a webhook in memory: its URL, its body, and the names of its headers.
const WEBHOOK_MEMORY: usize = 32 * 1024;
const LIST_MEMORY: usize = 50 * WEBHOOK_MEMORY;

/// Adds `Cache-Control: no-store`: no cache may store a secret, or a URL with credentials.
pub(crate) fn no_store(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The response to a write.
pub(crate) fn written(representation: Representation, request: &HttpRequest) -> HttpResponse {
    no_store(representation.respond_to(request))
}
