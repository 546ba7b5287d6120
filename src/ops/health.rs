//! Whether the process lives, and whether it should get requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::Database;
use crate::http::ApiError;

/// Turned off when the service begins to stop. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    stopping: Arc<AtomicBool>,
}

impl Readiness {
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// The state of the service.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Tell whether the process lives
///
/// Touches nothing else: where this does not answer, restart the process.
#[utoipa::path(get, path = "/health/live", tag = "operations", responses((status = 200, description = "It lives", body = Health)))]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(OK)
}

/// Tell whether this instance should get requests
///
/// Asks the database. Where this does not answer 200, send requests to another instance.
#[utoipa::path(get, path = "/health/ready", tag = "operations", responses((status = 200, description = "It is ready", body = Health)))]
pub async fn ready(database: web::Data<Database>, readiness: web::Data<Readiness>) -> Result<HttpResponse, ApiError> {
    if readiness.is_stopping() {
        return Err(ApiError::NotReady("the service is stopping".into()));
    }
    if let Err(error) = database.ping().await {
        tracing::warn!(%error, "not ready");
        return Err(ApiError::NotReady("the database does not answer".into()));
    }
    Ok(HttpResponse::Ok().json(OK))
}
