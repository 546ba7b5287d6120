//! The handlers of `/api/posts`. Each one extracts the parts of the request, calls the store once, and renders the
//! result.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::db::{Atomicity, Connection, Database, Timestamp};
use crate::http::ApiError;
use crate::http::extract::idempotency_key::{IdempotencyKey, Idempotent};
use crate::http::extract::json::{Json, OptionalJson};
use crate::http::extract::preconditions::{
    ChangePreconditions, CollectionPreconditions, IfNoneMatch, PreconditionHeaders, PutPreconditions,
};
use crate::http::extract::query::invalid_parameter;
use crate::http::middleware::cache::Cache;
use crate::http::representation::Representation;
use crate::keys::auth::Caller;
use crate::posts::aliases::model::Redirect;
use crate::posts::input::{Batch, CreatePost, Publish, PutPost, UpdatePost};
use crate::posts::list::page::PostPage;
use crate::posts::list::params::{ListParams, ListRequest};
use crate::posts::model::Post;
use crate::posts::publish::PostState;
use crate::posts::responses::{BatchResponse, NOT_FOUND, cache_scope, changed, created, into_result, scope};
use crate::posts::{batch, examples, patch, publish, put, responses, store, validate};
use crate::resource::path::{IdPath, SlugPath};
use crate::resource::versioned::Preconditions;
use crate::routing::Role;

/// List posts
///
/// Returns published posts, newest first, one page at a time. To get the next page, pass `next_cursor` as `cursor`.
/// With an API key, drafts can be listed too.
#[utoipa::path(
    get, path = "/api/posts", tag = "posts", params(ListParams, IfNoneMatch),
    responses(
        (
            status = 200, description = "A page of posts", body = PostPage,
            headers(
                ("ETag"),
                ("Link"),
            ),
        ),
    ),
)]
pub async fn list_posts(
    request: HttpRequest,
    caller: Caller,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    let list = ListRequest::parse(request.query_string())?;
    if list.query.filter.published != Some(true) {
        caller.require(Role::Reader)?;
    }
    let (path, query) = (request.path().to_owned(), request.query_string().to_owned());
    let budget = cache.budget().clone();
    let read = async move { responses::page(&database, &budget, caller, list, &path, &query).await };
    cache.respond(&request, cache_scope(caller), read).await
}

/// Get a post by id
///
/// A draft is found only with an API key.
#[utoipa::path(
    get, path = "/api/posts/{id}", tag = "posts", params(IdPath, IfNoneMatch),
    responses(
        (status = 200, description = "The post", body = Post, headers(("ETag"))),
    ),
)]
pub async fn get_post(
    request: HttpRequest,
    IdPath { id }: IdPath,
    caller: Caller,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    let find = move |conn: &mut Connection| store::find(conn, id, scope(caller));
    let budget = cache.budget().clone();
    let read = async move { responses::post(&database, &budget, caller, find).await };
    cache.respond(&request, cache_scope(caller), read).await
}

/// Get a post by slug
///
/// A draft is found only with an API key. The old slug of a post redirects to its present slug, unless the caller can
/// see another post with that slug.
#[utoipa::path(
    get, path = "/api/posts/by-slug/{slug}", tag = "posts", params(SlugPath, IfNoneMatch),
    responses(
        (status = 200, description = "The post", body = Post, headers(("ETag"))),
        (
            status = 301, description = "The slug is an old slug of a post", body = Redirect,
            headers(("Location")),
        ),
    ),
)]
pub async fn get_post_by_slug(
    request: HttpRequest,
    SlugPath { slug }: SlugPath,
    caller: Caller,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    // PostgreSQL rejects text with U+0000, and no slug contains it.
    if slug.contains('\0') {
        return Err(NOT_FOUND);
    }
    let budget = cache.budget().clone();
    let read = async move { responses::post_by_slug(&database, &budget, caller, slug).await };
    cache.respond(&request, cache_scope(caller), read).await
}

/// Create a post
///
/// The post is a draft unless `published` is true.
#[utoipa::path(
    post, path = "/api/posts", tag = "posts", params(IdempotencyKey), request_body = CreatePost,
    responses((
        status = 201, description = "The new post", body = Post,
        headers(
            ("Location"),
            ("ETag"),
            ("Idempotency-Replayed"),
        ),
        example = json!(examples::draft()),
    )),
)]
pub async fn create_post(
    caller: Caller,
    database: web::Data<Database>,
    Idempotent { body: post, key }: Idempotent<CreatePost>,
    _: CollectionPreconditions,
) -> Result<Representation, ApiError> {
    let create = move |conn: &mut Connection| Ok(into_result(store::create(conn, post, Timestamp::now())?));
    key.execute(&database, caller.id(), Atomicity::Statement, create, created).await
}

/// Create or replace a post by slug
///
/// Creates the post if no post has this slug, and otherwise replaces it. Omitted fields get the values of a new post;
/// in particular, omitting `published` makes the post a draft. If the post has all the values already and is not
/// scheduled, nothing changes, not even its version.
#[utoipa::path(
    put, path = "/api/posts/by-slug/{slug}", tag = "posts", params(SlugPath, PutPreconditions), request_body = PutPost,
    responses(
        (status = 200, description = "The replaced or unchanged post", body = Post, headers(("ETag"))),
        (
            status = 201, description = "The new post", body = Post,
            headers(("Location"), ("ETag")),
        ),
    ),
)]
pub async fn put_post_by_slug(
    SlugPath { slug }: SlugPath,
    headers: PutPreconditions,
    database: web::Data<Database>,
    Json(post): Json<PutPost>,
) -> Result<Representation, ApiError> {
    let slug = validate::slug(slug).map_err(|invalid| invalid_parameter("slug", invalid.detail))?;
    let preconditions = Preconditions::from(PreconditionHeaders::from(headers));
    let put = move |conn: &mut Connection| put::apply(conn, slug, post, &preconditions, Timestamp::now());
    responses::put(into_result(database.write_each(put).await?)?)
}

/// Create posts in a batch
///
/// Stores all posts or none, in order. `on_conflict` determines what happens to a post whose slug is in use.
#[utoipa::path(
    post, path = "/api/posts/batch", tag = "posts", params(IdempotencyKey), request_body = Batch,
    responses((
        status = 200, description = "The outcome of each post, in order", body = BatchResponse,
        headers(("Idempotency-Replayed")),
    )),
)]
pub async fn batch_create_posts(
    caller: Caller,
    database: web::Data<Database>,
    Idempotent { body: batch, key }: Idempotent<Batch, BATCH_LIMIT>,
    _: CollectionPreconditions,
) -> Result<Representation, ApiError> {
    let create = move |conn: &mut Connection| Ok(BatchResponse::new(batch::create(conn, batch, Timestamp::now())?));
    key.execute(&database, caller.id(), Atomicity::Body, create, BatchResponse::render).await
}

/// The largest body of a batch: 16 MiB.
const BATCH_LIMIT: usize = 16 * 1024 * 1024;

/// Update a post
///
/// Applies a JSON Merge Patch (RFC 7396): omitted fields keep their values, and null clears a field.
#[utoipa::path(
    patch, path = "/api/posts/{id}", tag = "posts", params(IdPath, ChangePreconditions),
    request_body(content((UpdatePost = "application/merge-patch+json"), (UpdatePost = "application/json"))),
    responses((status = 200, description = "The updated post", body = Post, headers(("ETag")))),
)]
pub async fn update_post(
    IdPath { id }: IdPath,
    ChangePreconditions { headers }: ChangePreconditions,
    database: web::Data<Database>,
    Json(patch): Json<UpdatePost>,
) -> Result<Representation, ApiError> {
    let preconditions = Preconditions::from(headers);
    let update = move |conn: &mut Connection| patch::apply(conn, id, &preconditions, &patch, Timestamp::now());
    changed(into_result(database.write_each(update).await?)?)
}

/// Delete a post
///
/// A deleted post cannot be restored. To remove it only from the public list, unpublish it.
#[utoipa::path(
    delete, path = "/api/posts/{id}", tag = "posts", params(IdPath, ChangePreconditions),
    responses((status = 204, description = "Deleted")),
)]
pub async fn delete_post(
    IdPath { id }: IdPath,
    ChangePreconditions { headers }: ChangePreconditions,
    database: web::Data<Database>,
) -> Result<HttpResponse, ApiError> {
    let preconditions = Preconditions::from(headers);
    into_result(database.write_each(move |conn| store::delete(conn, id, &preconditions)).await?)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Publish a post
///
/// Publishes the post at once, or schedules it for the time `at`; until then it stays a draft. Publishing a published
/// post changes nothing. A post that is published again keeps its first `published_at`, unless `at` sets another.
#[utoipa::path(
    post, path = "/api/posts/{id}/publish", tag = "posts", params(IdPath, ChangePreconditions),
    request_body(
        content = Option<Publish>,
        description = "Optional. Without a body or with `{}`, the post is published at once; with \
            `{\"at\": \"2099-01-31T12:00:00Z\"}`, at that time.",
    ),
    responses((status = 200, description = "The post", body = Post, headers(("ETag")))),
)]
pub async fn publish_post(
    IdPath { id }: IdPath,
    ChangePreconditions { headers }: ChangePreconditions,
    database: web::Data<Database>,
    OptionalJson(publish): OptionalJson<Publish>,
) -> Result<Representation, ApiError> {
    let preconditions = Preconditions::from(headers);
    let publish = move |conn: &mut Connection| {
        let now = Timestamp::now();
        publish::set_state(conn, id, &preconditions, PostState::publish(publish.unwrap_or_default().at, now), now)
    };
    changed(into_result(database.write_each(publish).await?)?)
}

/// Unpublish a post
///
/// Makes a published post a draft, and cancels a scheduled publication. A draft that is not scheduled is not changed.
#[utoipa::path(
    post, path = "/api/posts/{id}/unpublish", tag = "posts", params(IdPath, ChangePreconditions),
    responses((
        status = 200, description = "The post", body = Post,
        headers(("ETag")), example = json!(examples::draft()),
    )),
)]
pub async fn unpublish_post(
    IdPath { id }: IdPath,
    ChangePreconditions { headers }: ChangePreconditions,
    database: web::Data<Database>,
) -> Result<Representation, ApiError> {
    let preconditions = Preconditions::from(headers);
    let unpublish =
        move |conn: &mut Connection| publish::set_state(conn, id, &preconditions, PostState::Draft, Timestamp::now());
    changed(into_result(database.write_each(unpublish).await?)?)
}
