//! `/api/posts`. Each handler takes the request apart, calls the store once and answers.

use actix_web::http::header::{self, ETag, EntityTag, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::IntoParams;

use super::count;
use super::input::{CreatePost, UpdatePost};
use super::list;
use super::model::Post;
use super::page::{ListAnswer, PostPage};
use super::params::{ListParams, ListRequest};
use super::store::{self, Change, Expected};
use crate::db::{Database, Timestamp};
use crate::http::ApiError;
use crate::http::cache::{self, Keep};
use crate::http::conditional::{IfMatch, IfNoneMatch};
use crate::http::json::Json;
use crate::http::path::{Id, SlugInPath};
use crate::keys::auth::Caller;
use crate::keys::model::Role;

/// List posts
///
/// Published posts, newest first, a page at a time. A key may also list drafts.
#[utoipa::path(
    get, path = "/api/posts", tag = "posts", params(ListParams, IfNoneMatch),
    responses(
        (
            status = 200, description = "A page of posts, or of summaries where `view` asks for them", body = ListAnswer,
            headers(
                ("ETag" = String, description = "For `If-None-Match`"),
                ("Link" = String, description = "The first, the next and the previous page (RFC 8288)"),
            ),
        ),
        (status = 304, description = "Unchanged since the answer that `If-None-Match` names"),
    ),
)]
pub async fn list_posts(
    request: HttpRequest,
    caller: Caller,
    condition: IfNoneMatch,
    database: web::Data<Database>,
) -> Result<HttpResponse, ApiError> {
    let list = ListRequest::parse(request.query_string())?;
    if list.query.filter.published != Some(true) {
        caller.require(Role::Reader)?;
    }
    let (query, count) = (list.query.clone(), list.count);
    let (page, total) =
        database.read(move |conn| Ok((list::list(conn, &query)?, count::total(conn, &query.filter, count)?))).await?;
    let page = PostPage::new(&list, page, total);
    let mut answer = cache::answer(page.etag(), keep(caller), &condition, &page)?;
    if let Some(link) = page.link(request.path(), request.query_string()) {
        answer.headers_mut().insert(header::LINK, link);
    }
    Ok(answer)
}

/// Read a post by its id
///
/// A draft is found only with a key.
#[utoipa::path(
    get, path = "/api/posts/{id}", tag = "posts", params(PathId, IfNoneMatch),
    responses(
        (status = 200, description = "The post", body = Post, headers(("ETag" = String, description = "For `If-Match` and `If-None-Match`"))),
        (status = 304, description = "Unchanged since the answer that `If-None-Match` names"),
    ),
)]
pub async fn get_post(
    Id(id): Id,
    caller: Caller,
    condition: IfNoneMatch,
    database: web::Data<Database>,
) -> Result<HttpResponse, ApiError> {
    let post = database.read(move |conn| store::find(conn, id)).await?;
    shown(post, caller, &condition)
}

/// Read a post by its slug
///
/// A draft is found only with a key.
#[utoipa::path(
    get, path = "/api/posts/by-slug/{slug}", tag = "posts", params(PathSlug, IfNoneMatch),
    responses(
        (status = 200, description = "The post", body = Post, headers(("ETag" = String, description = "For `If-Match` and `If-None-Match`"))),
        (status = 304, description = "Unchanged since the answer that `If-None-Match` names"),
    ),
)]
pub async fn get_post_by_slug(
    SlugInPath(slug): SlugInPath,
    caller: Caller,
    condition: IfNoneMatch,
    database: web::Data<Database>,
) -> Result<HttpResponse, ApiError> {
    let post = database.read(move |conn| store::find_by_slug(conn, &slug)).await?;
    shown(post, caller, &condition)
}

/// The post, 304 where the caller has it, 404 where the caller may not see it.
fn shown(post: Option<Post>, caller: Caller, condition: &IfNoneMatch) -> Result<HttpResponse, ApiError> {
    let post = post.filter(|post| post.published || caller.may_read_drafts()).ok_or(ApiError::NotFound("post"))?;
    cache::answer(etag(&post), keep(caller), condition, &post)
}

/// Without a key everyone gets the same answer.
fn keep(caller: Caller) -> Keep {
    if caller == Caller::Anonymous { Keep::Public } else { Keep::Private }
}

/// Write a post
///
/// It is a draft unless `published` is true.
#[utoipa::path(
    post, path = "/api/posts", tag = "posts", request_body = CreatePost,
    responses((
        status = 201, description = "The post", body = Post,
        headers(("Location" = String, description = "The post's path"), ("ETag" = String, description = "For `If-Match`")),
    )),
)]
pub async fn create_post(
    database: web::Data<Database>,
    Json(post): Json<CreatePost>,
) -> Result<HttpResponse, ApiError> {
    let created = database.write_each(move |conn| store::create(conn, post, Timestamp::now())).await?;
    let post = done(created)?;
    Ok(HttpResponse::Created().insert_header(location(&post)).insert_header(ETag(etag(&post))).json(post))
}

/// Change a post
///
/// A JSON Merge Patch (RFC 7396): fields that are left out stay as they are, null clears.
#[utoipa::path(
    patch, path = "/api/posts/{id}", tag = "posts", params(PathId, IfMatch),
    request_body(content((UpdatePost = "application/merge-patch+json"), (UpdatePost = "application/json"))),
    responses((status = 200, description = "The post as it is now", body = Post, headers(("ETag" = String, description = "For `If-Match`")))),
)]
pub async fn update_post(
    Id(id): Id,
    condition: IfMatch,
    database: web::Data<Database>,
    Json(patch): Json<UpdatePost>,
) -> Result<HttpResponse, ApiError> {
    let expected = expected(id, &condition);
    let changed = database.write_each(move |conn| store::update(conn, id, &expected, patch, Timestamp::now())).await?;
    Ok(answer(&done(changed)?))
}

/// Delete a post
#[utoipa::path(
    delete, path = "/api/posts/{id}", tag = "posts", params(PathId, IfMatch),
    responses((status = 204, description = "Deleted")),
)]
pub async fn delete_post(
    Id(id): Id,
    condition: IfMatch,
    database: web::Data<Database>,
) -> Result<HttpResponse, ApiError> {
    let expected = expected(id, &condition);
    done(database.write_each(move |conn| store::delete(conn, id, &expected)).await?)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Publish a post
///
/// A post that is published already stays as it is. The time of its first publication stays, too.
#[utoipa::path(
    post, path = "/api/posts/{id}/publish", tag = "posts", params(PathId, IfMatch),
    responses((status = 200, description = "The post as it is now", body = Post, headers(("ETag" = String, description = "For `If-Match`")))),
)]
pub async fn publish_post(
    Id(id): Id,
    condition: IfMatch,
    database: web::Data<Database>,
) -> Result<HttpResponse, ApiError> {
    set_published(id, condition, database, true).await
}

/// Make a post a draft again
///
/// A draft stays as it is.
#[utoipa::path(
    post, path = "/api/posts/{id}/unpublish", tag = "posts", params(PathId, IfMatch),
    responses((status = 200, description = "The post as it is now", body = Post, headers(("ETag" = String, description = "For `If-Match`")))),
)]
pub async fn unpublish_post(
    Id(id): Id,
    condition: IfMatch,
    database: web::Data<Database>,
) -> Result<HttpResponse, ApiError> {
    set_published(id, condition, database, false).await
}

async fn set_published(
    id: i64,
    condition: IfMatch,
    database: web::Data<Database>,
    published: bool,
) -> Result<HttpResponse, ApiError> {
    let expected = expected(id, &condition);
    let changed =
        database.write_each(move |conn| store::set_published(conn, id, &expected, published, Timestamp::now())).await?;
    Ok(answer(&done(changed)?))
}

/// The id in the path, for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "its fields are only described")]
struct PathId {
    /// The post's id.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1)]
    id: i64,
}

/// The slug in the path, for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "its fields are only described")]
struct PathSlug {
    /// The post's slug.
    #[param(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 200, example = "hello-world")]
    slug: String,
}

/// Strong: two answers with the same tag have the same bytes. It names the post as well as the version, because behind
/// one slug there may be one post today and another tomorrow.
fn etag(post: &Post) -> EntityTag {
    EntityTag::new_strong(format!("{}-{}", post.id, post.version))
}

/// The versions that `If-Match` names of this post.
fn expected(id: i64, condition: &IfMatch) -> Expected {
    let version = |tag: &str| {
        let (of, version) = tag.split_once('-')?;
        if of == id.to_string() { version.parse().ok() } else { None }
    };
    condition.tags().map(|tags| tags.into_iter().filter_map(version).collect())
}

fn done<T>(change: Change<T>) -> Result<T, ApiError> {
    match change {
        Change::Done(value) => Ok(value),
        Change::Missing => Err(ApiError::NotFound("post")),
        Change::Stale => Err(ApiError::PreconditionFailed),
        Change::SlugTaken => Err(ApiError::SlugTaken),
    }
}

fn answer(post: &Post) -> HttpResponse {
    HttpResponse::Ok().insert_header(ETag(etag(post))).json(post)
}

fn location(post: &Post) -> (HeaderName, HeaderValue) {
    let path = format!("/api/posts/{}", post.id);
    (header::LOCATION, HeaderValue::from_str(&path).unwrap_or(HeaderValue::from_static("/api/posts")))
}
