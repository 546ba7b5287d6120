//! `/api/posts`. Each handler takes the request apart, calls the store once and answers.

use actix_web::http::header::{self, ETag, EntityTag, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::input::{CreatePost, UpdatePost};
use super::list::{self, ListQuery, Place};
use super::model::Post;
use super::store::{self, Change, Expected};
use crate::db::{Database, Timestamp};
use crate::http::conditional::{IfMatch, IfNoneMatch};
use crate::http::json::Json;
use crate::http::path::{Id, SlugInPath};
use crate::http::query::{Params, refuse};
use crate::http::{ApiError, cursor};
use crate::keys::auth::Caller;
use crate::keys::model::Role;

/// A page of posts.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostPage {
    pub items: Vec<Post>,
    /// The `cursor` of the page after this one; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// The `cursor` of the page before this one; null on the first.
    #[schema(required)]
    pub prev_cursor: Option<String>,
}

/// What the list takes, for the OpenAPI document; [`list_query`] reads it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "its fields are only described")]
struct ListParams {
    /// Posts on a page.
    #[param(minimum = 1, maximum = 100, default = 20, example = 20)]
    limit: Option<u8>,
    /// `next_cursor` or `prev_cursor` of another page of the same list.
    cursor: Option<String>,
    /// `false` lists drafts, `any` drafts and published posts; both take a key.
    #[param(inline)]
    published: Option<PublishedFilter>,
}

/// The values of `published`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase", default = "true")]
#[expect(dead_code, reason = "only described")]
enum PublishedFilter {
    True,
    False,
    Any,
}

/// List posts
///
/// Published posts, newest first, a page at a time. A key may also list drafts.
#[utoipa::path(
    get, path = "/api/posts", tag = "posts", params(ListParams),
    responses((status = 200, description = "A page of posts", body = PostPage)),
)]
pub async fn list_posts(
    request: HttpRequest,
    caller: Caller,
    database: web::Data<Database>,
) -> Result<HttpResponse, ApiError> {
    let query = list_query(request.query_string())?;
    if query.published != Some(true) {
        caller.require(Role::Reader)?;
    }
    let page = database.read(move |conn| list::list(conn, &query)).await?;
    Ok(HttpResponse::Ok().json(PostPage {
        next_cursor: page.next.as_ref().map(cursor::encode),
        prev_cursor: page.previous.as_ref().map(cursor::encode),
        items: page.items,
    }))
}

fn list_query(query: &str) -> Result<ListQuery, ApiError> {
    let mut params = Params::parse(query);
    let limit = params.take("limit", "takes a whole number from 1 to 100")?.unwrap_or(20);
    let published: Option<String> = params.take("published", "takes true, false or any")?;
    let cursor: Option<String> = params.take("cursor", "takes a cursor")?;
    params.finish()?;
    if !(1..=100).contains(&limit) {
        return Err(refuse("limit", "takes a whole number from 1 to 100"));
    }
    let published = match published.as_deref() {
        None | Some("true") => Some(true),
        Some("false") => Some(false),
        Some("any") => None,
        Some(_) => return Err(refuse("published", "takes true, false or any")),
    };
    let place: Option<Place> = cursor.as_deref().map(cursor::decode).transpose()?;
    if place.as_ref().is_some_and(|place| place.published != published) {
        return Err(ApiError::InvalidCursor);
    }
    Ok(ListQuery { published, limit, place })
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
    let tag = etag(&post);
    if condition.matches(&tag) {
        return Ok(HttpResponse::NotModified().insert_header(ETag(tag)).finish());
    }
    Ok(HttpResponse::Ok().insert_header(ETag(tag)).json(post))
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
