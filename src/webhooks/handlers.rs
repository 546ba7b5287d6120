//! The handlers of `/api/webhooks`. Each one extracts the parts of the request, calls the store once, and renders the
//! result.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::db::{Atomicity, Connection, Database, Timestamp};
use crate::http::ApiError;
use crate::http::extract::idempotency_key::{IdempotencyKey, Idempotent};
use crate::http::extract::json::{Json, OptionalJson};
use crate::http::extract::preconditions::{
    ChangePreconditions, CollectionPreconditions, IfNoneMatch, PreconditionHeaders,
};
use crate::http::middleware::cache::Cache;
use crate::http::representation::CacheScope;
use crate::keys::auth::Caller;
use crate::resource::path::IdPath;
use crate::resource::versioned::Preconditions;
use crate::webhooks::actions::{ReplayStart, ReplayWebhook, RotateSecret};
use crate::webhooks::delivery::Deliveries;
use crate::webhooks::errors::{NOT_FOUND, into_result};
use crate::webhooks::input::{CreateWebhook, UpdateWebhook};
use crate::webhooks::model::Webhook;
use crate::webhooks::receiver_log::{NewReceiver, log_receiver};
use crate::webhooks::responses::{
    CreatedWebhook, RotatedSecret, WebhookAttempts, WebhookTestResult, Webhooks, no_store, written,
};
use crate::webhooks::running_tests::RunningTests;
use crate::webhooks::send::Sender;
use crate::webhooks::{changes, network, responses, store};

/// List webhooks
///
/// Returns all webhooks, oldest first, without their secrets and the values of their headers.
#[utoipa::path(
    get, path = "/api/webhooks", tag = "webhooks", params(IfNoneMatch),
    responses((status = 200, description = "The webhooks", body = Webhooks, headers(("ETag")))),
)]
pub async fn list_webhooks(
    request: HttpRequest,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    let budget = cache.budget().clone();
    let read = async move { responses::read_list(&Webhooks { items: database.read(store::list).await? }, &budget) };
    cache.respond(&request, CacheScope::Private, read).await.map(no_store)
}

/// Get a webhook
#[utoipa::path(
    get, path = "/api/webhooks/{id}", tag = "webhooks", params(IdPath, IfNoneMatch),
    responses((status = 200, description = "The webhook", body = Webhook, headers(("ETag")))),
)]
pub async fn get_webhook(
    request: HttpRequest,
    IdPath { id }: IdPath,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    let budget = cache.budget().clone();
    let read = async move {
        let webhook = database.read_inline(move |conn| store::find(conn, id)).await?;
        responses::read(&webhook.ok_or(NOT_FOUND)?, &budget)
    };
    cache.respond(&request, CacheScope::Private, read).await.map(no_store)
}

/// Create a webhook
///
/// The webhook announces all changes of public posts after its creation. The response contains the secret that signs
/// the requests. The secret cannot be retrieved again.
#[utoipa::path(
    post, path = "/api/webhooks", tag = "webhooks", params(IdempotencyKey), request_body = CreateWebhook,
    responses((
        status = 201, description = "The new webhook, with its secret", body = CreatedWebhook,
        headers(("Location"), ("ETag"), ("Idempotency-Replayed")),
    )),
)]
pub async fn create_webhook(
    request: HttpRequest,
    caller: Caller,
    database: web::Data<Database>,
    deliveries: web::Data<Deliveries>,
    sender: web::Data<Sender>,
    Idempotent { body: webhook, key }: Idempotent<CreateWebhook>,
    _: CollectionPreconditions,
) -> Result<HttpResponse, ApiError> {
    let create = changes::creation(&database, &sender, webhook).await?;
    let receiver = NewReceiver::default();
    let render = receiver.clone().before(responses::created);
    let response = key.execute(&database, caller.id(), Atomicity::Body, create, render).await?;
    receiver.log();
    deliveries.wake();
    Ok(written(response, &request))
}

/// Update a webhook
///
/// Applies a JSON Merge Patch (RFC 7396): omitted fields keep their values, and null restores the default of `name`,
/// `events`, `headers`, or `body`; the other fields cannot be null. `headers` is merged too: omitted headers keep their
/// values, and null removes a header. If the scheme, host, or port of the `url` change, `headers` replaces all stored
/// headers, and is required if there are any: stored values are not sent to another receiver.
#[utoipa::path(
    patch, path = "/api/webhooks/{id}", tag = "webhooks", params(IdPath, ChangePreconditions),
    request_body(content((UpdateWebhook = "application/merge-patch+json"), (UpdateWebhook = "application/json"))),
    responses((status = 200, description = "The updated webhook", body = Webhook, headers(("ETag")))),
)]
pub async fn update_webhook(
    request: HttpRequest,
    IdPath { id }: IdPath,
    ChangePreconditions { headers }: ChangePreconditions,
    database: web::Data<Database>,
    deliveries: web::Data<Deliveries>,
    sender: web::Data<Sender>,
    Json(patch): Json<UpdateWebhook>,
) -> Result<HttpResponse, ApiError> {
    let patch = changes::checked(patch, &sender).await?;
    let sets_receiver = patch.url.is_some();
    let preconditions = Preconditions::from(headers);
    let update = move |conn: &mut Connection| store::update(conn, id, &preconditions, &patch, Timestamp::now());
    let webhook = into_result(database.try_write(update).await?.map_err(ApiError::ValidationFailed)?)?;
    if sets_receiver {
        log_receiver(&webhook);
    }
    deliveries.wake();
    Ok(written(responses::changed(&webhook)?, &request))
}

/// Delete a webhook
///
/// A request in progress may still arrive.
#[utoipa::path(
    delete, path = "/api/webhooks/{id}", tag = "webhooks", params(IdPath, ChangePreconditions),
    responses((status = 204, description = "Deleted")),
)]
pub async fn delete_webhook(
    IdPath { id }: IdPath,
    ChangePreconditions { headers }: ChangePreconditions,
    database: web::Data<Database>,
) -> Result<HttpResponse, ApiError> {
    let preconditions = Preconditions::from(headers);
    into_result(database.write(move |conn| store::delete(conn, id, &preconditions)).await?)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Rotate the secret of a webhook
///
/// For 24 hours, the new and the previous secret sign each request, so that receivers can be reconfigured. A secret
/// that is older than these two expires at once.
#[utoipa::path(
    post, path = "/api/webhooks/{id}/rotate", tag = "webhooks", params(IdPath, ChangePreconditions),
    request_body(content = Option<RotateSecret>, description = "Optional."),
    responses((status = 200, description = "The new secret", body = RotatedSecret)),
)]
pub async fn rotate_webhook_secret(
    IdPath { id }: IdPath,
    ChangePreconditions { headers }: ChangePreconditions,
    database: web::Data<Database>,
    OptionalJson(options): OptionalJson<RotateSecret>,
) -> Result<HttpResponse, ApiError> {
    let secret = changes::generate_secret()?;
    let (preconditions, stored) = (Preconditions::from(headers), secret.clone());
    let RotateSecret { expire_previous } = options.unwrap_or_default();
    let rotate = move |conn: &mut Connection| {
        store::rotate(conn, id, &preconditions, &stored, expire_previous, Timestamp::now())
    };
    let previous_valid_until = into_result(database.write(rotate).await?)?;
    let secret = secret.reveal().to_owned();
    Ok(no_store(HttpResponse::Ok().json(RotatedSecret { secret, previous_valid_until })))
}

/// Replay changes to a webhook
///
/// Moves the webhook to a position of the change feed. The changes after it are delivered, including those that were
/// delivered before. `{"cursor": "now"}` skips the changes that have not been delivered.
#[utoipa::path(
    post, path = "/api/webhooks/{id}/replay", tag = "webhooks", params(IdPath, ChangePreconditions),
    request_body = ReplayWebhook,
    responses((status = 200, description = "The webhook", body = Webhook, headers(("ETag")))),
)]
pub async fn replay_webhook(
    request: HttpRequest,
    IdPath { id }: IdPath,
    ChangePreconditions { headers }: ChangePreconditions,
    database: web::Data<Database>,
    deliveries: web::Data<Deliveries>,
    Json(start): Json<ReplayStart>,
) -> Result<HttpResponse, ApiError> {
    let replay = changes::replay(&database, id, Preconditions::from(headers), start).await?;
    let webhook = into_result(database.try_write(replay).await??)?;
    deliveries.wake();
    Ok(written(responses::changed(&webhook)?, &request))
}

/// Test a webhook
///
/// Sends a signed request with an event of the type `webhook.test`, or with the `body` of the webhook if it has one,
/// and returns the result. Waits up to 15 seconds. Also works for a disabled webhook. If a test of this webhook, or 16
/// tests of other webhooks, are in progress, the response is 503 `server_busy`.
#[utoipa::path(
    post, path = "/api/webhooks/{id}/test", tag = "webhooks", params(IdPath),
    responses((status = 200, description = "The result of the request", body = WebhookTestResult)),
)]
pub async fn test_webhook(
    IdPath { id }: IdPath,
    headers: PreconditionHeaders,
    database: web::Data<Database>,
    sender: web::Data<Sender>,
    tests: web::Data<RunningTests>,
) -> Result<HttpResponse, ApiError> {
    let preconditions = Preconditions::from(headers);
    let find = move |conn: &mut Connection| store::find_current(conn, id, &preconditions);
    let row = into_result(database.read_inline(find).await?)?;
    let result = network::send_test(&sender, row, tests.begin(id)?).await?;
    Ok(no_store(HttpResponse::Ok().json(result)))
}

/// List the attempts of a webhook
///
/// Returns the latest requests, newest first: at most 200, and none older than 7 days. Their contents are not stored.
#[utoipa::path(
    get, path = "/api/webhooks/{id}/attempts", tag = "webhooks", params(IdPath, IfNoneMatch),
    responses((status = 200, description = "The attempts", body = WebhookAttempts, headers(("ETag")))),
)]
pub async fn list_webhook_attempts(
    request: HttpRequest,
    IdPath { id }: IdPath,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    let budget = cache.budget().clone();
    let read = async move {
        let items = database.read_inline(move |conn| store::attempts(conn, id)).await?.ok_or(NOT_FOUND)?;
        responses::read_list(&WebhookAttempts { items }, &budget)
    };
    cache.respond(&request, CacheScope::Private, read).await.map(no_store)
}
