//! The handler of `/api/redirects`.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::db::{Connection, Database};
use crate::http::ApiError;
use crate::http::extract::preconditions::IfNoneMatch;
use crate::http::middleware::cache::Cache;
use crate::http::representation::Representation;
use crate::http::transport::memory_budget::MemoryBudget;
use crate::keys::auth::Caller;
use crate::posts::aliases::lookup;
use crate::posts::aliases::lookup::FoundRedirects;
use crate::posts::aliases::model::RedirectPage;
use crate::posts::aliases::params::{RedirectParams, RedirectRequest};
use crate::posts::list::params::ReadCost;
use crate::posts::responses;
use crate::posts::responses::cache_scope;
use crate::resource::paging;

/// List redirects
///
/// Returns the old slugs of published posts, in alphabetical order, with the slugs that replace them. A static site
/// creates its redirects from this list.
#[utoipa::path(
    get, path = "/api/redirects", tag = "posts", params(RedirectParams, IfNoneMatch),
    responses(
        (
            status = 200, description = "A page of redirects", body = RedirectPage,
            headers(
                ("ETag"),
                ("Link"),
            ),
        ),
    ),
)]
pub async fn list_redirects(
    request: HttpRequest,
    caller: Caller,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    let list = RedirectRequest::parse(request.query_string())?;
    let (path, query) = (request.path().to_owned(), request.query_string().to_owned());
    let budget = cache.budget().clone();
    let read = async move { page(&database, &budget, caller, list, &path, &query).await };
    cache.respond(&request, cache_scope(caller), read).await
}

/// Memory that is reserved for a page: 100 redirects with two slugs of 200 characters each.
const MAX_PAGE: usize = 64 * 1024;

async fn page(
    database: &Database,
    budget: &MemoryBudget,
    caller: Caller,
    request: RedirectRequest,
    path: &str,
    query_string: &str,
) -> Result<Representation, ApiError> {
    let RedirectRequest { limit, .. } = request;
    let after = request.after.clone();
    let find = move |conn: &mut Connection| lookup::list(conn, after.as_deref(), limit);
    let bytes = |_: &FoundRedirects| MAX_PAGE;
    let ((items, next), memory) =
        responses::read(database, budget, caller, ReadCost::Indexed, MAX_PAGE, find, bytes).await?;
    let page = RedirectPage { items, next_cursor: next.map(|from| request.cursor(from)) };
    let link = paging::link(path, query_string, page.next_cursor.as_deref(), None);
    Representation::of_hashed_read(link, &page, memory)
}
