//! Health checks: liveness and readiness.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::{self, Database};
use crate::http::ApiError;

/// Whether the service is stopping. Clones share the state.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    stopping: Arc<AtomicBool>,
}

impl Readiness {
    /// Makes the readiness check fail from now on.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// The health of the service.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`; a failed check is an error response.
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Check liveness
///
/// Does not use the database. If this check fails, restart the process.
#[utoipa::path(
    get, path = "/health/live", tag = "operations", extensions(("x-internal" = json!(true))),
    responses((status = 200, description = "The process is running", body = Health)),
)]
pub async fn check_liveness() -> HttpResponse {
    HttpResponse::Ok().json(OK)
}

/// Check readiness
///
/// Queries the database. If this check fails, send requests to another instance.
#[utoipa::path(
    get, path = "/health/ready", tag = "operations", extensions(("x-internal" = json!(true))),
    responses((status = 200, description = "The instance can serve requests", body = Health)),
)]
pub async fn check_readiness(
    database: web::Data<Database>,
    readiness: web::Data<Readiness>,
) -> Result<HttpResponse, ApiError> {
    if readiness.is_stopping() {
        return Err(ApiError::NotReady("the service is stopping".into()));
    }
    if let Err(error) = database.ping().await {
        tracing::warn!(%error, "readiness check failed");
        let reason = match error {
            db::Error::ReadOnly(_) => "the database is read-only",
            _ => "the database does not respond",
        };
        return Err(ApiError::NotReady(reason.into()));
    }
    Ok(HttpResponse::Ok().json(OK))
}
