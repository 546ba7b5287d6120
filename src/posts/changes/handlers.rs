//! The handler of `/api/changes`.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::db::Database;
use crate::http::ApiError;
use crate::http::extract::preconditions::IfNoneMatch;
use crate::http::middleware::cache::Cache;
use crate::keys::auth::Caller;
use crate::posts::changes::page;
use crate::posts::changes::page::ChangePage;
use crate::posts::changes::params::{ChangeParams, FeedRequest};
use crate::posts::responses::cache_scope;

/// List changes
///
/// Returns the changes of public posts since the cursor, in order, including removals. Without a cursor, it returns all
/// published posts first. Pass the `cursor` of each response with the next request.
#[utoipa::path(
    get, path = "/api/changes", tag = "posts", params(ChangeParams, IfNoneMatch),
    responses(
        (
            status = 200, description = "A page of changes", body = ChangePage, headers(("ETag")),
        ),
        (status = 304, description = "Not modified since the response that `If-None-Match` names"),
    ),
)]
pub async fn list_changes(
    request: HttpRequest,
    caller: Caller,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    let feed = FeedRequest::parse(request.query_string())?;
    let budget = cache.budget().clone();
    let read = async move { page::of(&database, &budget, caller, feed).await };
    cache.respond(&request, cache_scope(caller), read).await
}
