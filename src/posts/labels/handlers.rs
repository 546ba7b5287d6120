//! The handlers of `/api/tags` and `/api/authors`.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::db::Database;
use crate::http::ApiError;
use crate::http::extract::preconditions::IfNoneMatch;
use crate::http::middleware::cache::Cache;
use crate::keys::auth::Caller;
use crate::posts::labels::LabelKind;
use crate::posts::labels::page::{self, LabelPage};
use crate::posts::labels::params::{LabelParams, LabelRequest};
use crate::posts::responses::cache_scope;

/// List tags
///
/// Returns the tags of published posts, and how many posts have each of them. Tags that differ only by ASCII case are
/// one tag.
#[utoipa::path(
    get, path = "/api/tags", tag = "posts", params(LabelParams, IfNoneMatch),
    responses(
        (
            status = 200, description = "A page of tags", body = LabelPage,
            headers(
                ("ETag"),
                ("Link"),
            ),
        ),
    ),
)]
pub async fn list_tags(
    request: HttpRequest,
    caller: Caller,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    list(LabelKind::Tag, &request, caller, database, cache).await
}

/// List authors
///
/// Returns the authors of published posts, and how many posts have each of them. Names that differ only by ASCII case
/// are one author.
#[utoipa::path(
    get, path = "/api/authors", tag = "posts", params(LabelParams, IfNoneMatch),
    responses(
        (
            status = 200, description = "A page of authors", body = LabelPage,
            headers(
                ("ETag"),
                ("Link"),
            ),
        ),
    ),
)]
pub async fn list_authors(
    request: HttpRequest,
    caller: Caller,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    list(LabelKind::Author, &request, caller, database, cache).await
}

async fn list(
    kind: LabelKind,
    request: &HttpRequest,
    caller: Caller,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    let list = LabelRequest::parse(kind, request.query_string())?;
    let (path, query) = (request.path().to_owned(), request.query_string().to_owned());
    let budget = cache.budget().clone();
    let read = async move { page::of(&database, &budget, caller, list, &path, &query).await };
    cache.respond(request, cache_scope(caller), read).await
}
