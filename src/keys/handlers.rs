//! `/api/keys`. Each handler calls the store once, and renders the result.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::{Connection, Database, Timestamp};
use crate::http::ApiError;
use crate::http::extract::json::Json;
use crate::http::extract::preconditions::{CollectionPreconditions, PreconditionHeaders};
use crate::keys::auth::{Caller, EnvironmentKey};
use crate::keys::model::{ApiKey, CreateApiKey, CreatedApiKey, SecretKey};
use crate::keys::store::NotRevoked;
use crate::keys::{errors, store};
use crate::resource::path::IdPath;
use crate::resource::versioned::Preconditions;

/// All API keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeys {
    /// Every key that has not been revoked, oldest first.
    pub items: Vec<ApiKey>,
}

/// List API keys
///
/// Returns every key that has not been revoked, without the secret itself.
#[utoipa::path(
    get, path = "/api/keys", tag = "keys",
    responses((status = 200, description = "The API keys", body = ApiKeys)),
)]
pub async fn list_keys(database: web::Data<Database>) -> Result<HttpResponse, ApiError> {
    let items = database.read(store::list).await?;
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(ApiKeys { items }))
}

/// Create an API key
///
/// The response contains the secret. It is stored only as a hash, and cannot be retrieved again.
#[utoipa::path(
    post, path = "/api/keys", tag = "keys", request_body = CreateApiKey,
    responses((status = 201, description = "The new key, with its secret", body = CreatedApiKey)),
)]
pub async fn create_key(
    caller: Caller,
    database: web::Data<Database>,
    Json(key): Json<CreateApiKey>,
    _: CollectionPreconditions,
) -> Result<HttpResponse, ApiError> {
    let secret = SecretKey::generate().map_err(|error| ApiError::Internal { cause: error.to_string() })?;
    let hash = SecretKey::hash(secret.reveal());
    // The id of `ADMIN_API_KEY`, which is not stored, is negative.
    let created_by = Some(caller.id()).filter(|id| *id > 0);
    let api_key =
        database.write_each(move |conn| store::create(conn, &key, &hash, created_by, Timestamp::now())).await?;
    let created = CreatedApiKey { api_key, key: secret.reveal().to_owned() };
    Ok(HttpResponse::Created().insert_header(NO_STORE).json(created))
}

/// Revoke an API key
///
/// Every instance rejects the key from the next request on. The last admin key cannot be revoked, unless the service
/// has an `ADMIN_API_KEY`.
#[utoipa::path(
    delete, path = "/api/keys/{id}", tag = "keys",
    params(IdPath),
    responses((status = 204, description = "Revoked")),
)]
pub async fn revoke_key(
    database: web::Data<Database>,
    environment: web::Data<EnvironmentKey>,
    IdPath { id }: IdPath,
    headers: PreconditionHeaders,
) -> Result<HttpResponse, ApiError> {
    let preconditions = Preconditions::from(headers);
    let may_revoke_last_admin = environment.0.is_some();
    let revoke =
        move |conn: &mut Connection| store::revoke(conn, id, &preconditions, may_revoke_last_admin, Timestamp::now());
    database.write(revoke).await?.map_err(|reason| match reason {
        NotRevoked::Missing => ApiError::NotFound("key"),
        NotRevoked::LastAdmin => errors::last_admin_key(),
        NotRevoked::PreconditionFailed => ApiError::PreconditionFailed,
    })?;
    Ok(HttpResponse::NoContent().finish())
}

/// No cache may store an API key.
const NO_STORE: (header::HeaderName, header::HeaderValue) =
    (header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
