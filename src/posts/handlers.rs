//! `/api/posts`. Each handler takes the request apart, calls the store once and answers.

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::IntoParams;

use crate::db::{Connection, Database, Timestamp};
use crate::http::ApiError;
use crate::http::extract::idempotency_key;
use crate::http::extract::idempotency_key::{IdempotencyKeyHeader, Idempotent};
use crate::http::extract::json::{Json, OptionalJson};
use crate::http::extract::preconditions::{IfMatch, IfNoneMatch, PutPrecondition, PutPreconditionHeaders};
use crate::http::extract::query::refuse;
use crate::http::middleware::cache::Cache;
use crate::keys::auth::Caller;
use crate::posts::batch::Entry;
use crate::posts::input::{Batch, CreatePost, Publish, PutPost, UpdatePost};
use crate::posts::list::page::{BatchResponse, PostList};
use crate::posts::list::params::{ListParams, ListRequest};
use crate::posts::model::Post;
use crate::posts::publish::Target;
use crate::posts::responses::{
    answer, created_answer, done, expected, keep, parse_tag, scope, shown, stored, stored_answer, taken,
};
use crate::posts::store::PutCondition;
use crate::posts::{batch, examples, model, publish, responses, store};
use crate::resource::path::{Id, SlugPath};
use crate::routing::Role;

/// List posts
///
/// Published posts, newest first, a page at a time: `next_cursor` of the answer is the `cursor` of the next page. A key
/// may also list drafts.
#[utoipa::path(
    get, path = "/api/posts", tag = "posts", params(ListParams, IfNoneMatch),
    responses(
        (
            status = 200, description = "A page of posts, or of summaries where `view` asks for them", body = PostList,
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
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    let list = ListRequest::parse(request.query_string())?;
    if list.query.filter.published != Some(true) {
        caller.require(Role::Reader)?;
    }
    let (path, query) = (request.path().to_owned(), request.query_string().to_owned());
    let read = async move { responses::page(&database, caller, list, &path, &query).await };
    cache.answer(&request, keep(caller), read).await
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
    request: HttpRequest,
    Id(id): Id,
    caller: Caller,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    let scope = scope(caller);
    let find = move |conn: &mut Connection| store::find(conn, id, scope);
    let read = async move { shown(responses::read(&database, caller, true, find).await?) };
    cache.answer(&request, keep(caller), read).await
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
    request: HttpRequest,
    SlugPath(slug): SlugPath,
    caller: Caller,
    database: web::Data<Database>,
    cache: web::Data<Cache>,
) -> Result<HttpResponse, ApiError> {
    // PostgreSQL takes no such text, and no post has it.
    if slug.contains('\0') {
        return Err(ApiError::NotFound("post"));
    }
    let scope = scope(caller);
    let find = move |conn: &mut Connection| store::find_by_slug(conn, &slug, scope);
    let read = async move { shown(responses::read(&database, caller, true, find).await?) };
    cache.answer(&request, keep(caller), read).await
}

/// Write a post
///
/// It is a draft unless `published` is true.
#[utoipa::path(
    post, path = "/api/posts", tag = "posts", params(IdempotencyKeyHeader), request_body = CreatePost,
    responses((
        status = 201, description = "The post", body = Post,
        headers(
            ("Location" = String, description = "The post's path"),
            ("ETag" = String, description = "For `If-Match`"),
            ("Idempotency-Replayed" = String, description = "`true` where the request was carried out before"),
        ),
        example = json!(examples::draft()),
    )),
)]
pub async fn create_post(
    caller: Caller,
    database: web::Data<Database>,
    Idempotent { body: post, key }: Idempotent<CreatePost>,
) -> Result<HttpResponse, ApiError> {
    if key.is_none() {
        let created = database.write_each(move |conn| store::create(conn, post, Timestamp::now())).await?;
        return Ok(created_answer(&done(created)?));
    }
    idempotency_key::once(&database, caller.id(), key, move |conn| {
        let created = store::create(conn, post, Timestamp::now())?;
        Ok(done(created).and_then(|post| stored_answer(&post)))
    })
    .await
}

/// Write or replace a post by its slug
///
/// Creates the post where there is none with this slug, and otherwise replaces it: what is left out is as in a new
/// post, a `published` that is left out makes it a draft.
#[utoipa::path(
    put, path = "/api/posts/by-slug/{slug}", tag = "posts", params(PathSlug, PutPreconditionHeaders), request_body = PutPost,
    responses(
        (status = 200, description = "Replaced: the post as it is now", body = Post, headers(("ETag" = String, description = "For `If-Match`"))),
        (
            status = 201, description = "Created: the post", body = Post,
            headers(("Location" = String, description = "The post's path"), ("ETag" = String, description = "For `If-Match`")),
        ),
    ),
)]
pub async fn put_post(
    SlugPath(slug): SlugPath,
    condition: PutPrecondition,
    database: web::Data<Database>,
    Json(post): Json<PutPost>,
) -> Result<HttpResponse, ApiError> {
    let slug = model::slug(slug).map_err(|invalid| refuse("slug", invalid.detail))?;
    let condition = match condition {
        PutPrecondition::Either => PutCondition::Unconditional,
        PutPrecondition::No => PutCondition::Absent,
        PutPrecondition::Yes(tags) => tags.tags().map_or(PutCondition::Exists, |tags| {
            PutCondition::Is(tags.iter().filter_map(|tag| parse_tag(tag)).collect())
        }),
    };
    let put = database.write_each(move |conn| store::put(conn, slug, post, &condition, Timestamp::now())).await?;
    let post = done(put)?;
    Ok(if post.version == 1 { created_answer(&post) } else { answer(&post) })
}

/// Write many posts at once
///
/// All of them or none, in order. `on_conflict` says what to do with a post whose slug is taken.
#[utoipa::path(
    post, path = "/api/posts/batch", tag = "posts", params(IdempotencyKeyHeader), request_body = Batch,
    responses((
        status = 200, description = "What became of each post, in order", body = BatchResponse,
        headers(("Idempotency-Replayed" = String, description = "`true` where the request was carried out before")),
    )),
)]
pub async fn create_posts(
    caller: Caller,
    database: web::Data<Database>,
    Idempotent { body: batch, key }: Idempotent<Batch, BATCH_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    idempotency_key::once(&database, caller.id(), key, move |conn| {
        let now = Timestamp::now();
        let entries = batch.posts.into_iter().map(|post| Entry::new(post, now)).collect();
        let outcomes = batch::store(conn, entries, batch.on_conflict)?;
        if let Some(errors) = taken(&outcomes) {
            return Ok(Err(ApiError::SlugsTaken(errors)));
        }
        let slugs: Vec<String> = outcomes.iter().map(|(_, slug)| slug.clone()).collect();
        let posts = store::find_by_slugs(conn, &slugs)?;
        conn.note_change(posts.iter().any(store::was_public));
        // A post that was skipped may have been deleted just now: then the batch means something else, too.
        Ok(BatchResponse::new(outcomes, posts).ok_or(ApiError::DatabaseBusy).and_then(|answer| stored(200, &answer)))
    })
    .await
}

/// The most that the body of a batch may have: 16 MiB.
const BATCH_LIMIT: usize = 16 * 1024 * 1024;

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
///
/// For good. To take it from the public list only, make it a draft again.
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
/// At once, or with `at` at that time: until then it stays a draft. A post that is published stays as it is. Published
/// again, it shows the time of its first publication, unless `at` gives another.
#[utoipa::path(
    post, path = "/api/posts/{id}/publish", tag = "posts", params(PathId, IfMatch),
    request_body(
        content = Option<Publish>,
        description = "May be left out. `{}` publishes at once, too, and `{\"at\": \"2099-01-31T12:00:00Z\"}` at that time.",
    ),
    responses((status = 200, description = "The post as it is now", body = Post, headers(("ETag" = String, description = "For `If-Match`")))),
)]
pub async fn publish_post(
    Id(id): Id,
    condition: IfMatch,
    database: web::Data<Database>,
    OptionalJson(publish): OptionalJson<Publish>,
) -> Result<HttpResponse, ApiError> {
    let expected = expected(id, &condition);
    let at = publish.unwrap_or_default().at;
    let changed = database
        .write_each(move |conn| {
            let now = Timestamp::now();
            publish::reach(conn, id, &expected, Target::publish(at, now), now)
        })
        .await?;
    Ok(answer(&done(changed)?))
}

/// Make a post a draft again
///
/// Also cancels what is scheduled. A draft with nothing scheduled stays as it is.
#[utoipa::path(
    post, path = "/api/posts/{id}/unpublish", tag = "posts", params(PathId, IfMatch),
    responses((
        status = 200, description = "The post as it is now", body = Post,
        headers(("ETag" = String, description = "For `If-Match`")), example = json!(examples::draft()),
    )),
)]
pub async fn unpublish_post(
    Id(id): Id,
    condition: IfMatch,
    database: web::Data<Database>,
) -> Result<HttpResponse, ApiError> {
    let expected = expected(id, &condition);
    let changed =
        database.write_each(move |conn| publish::reach(conn, id, &expected, Target::Draft, Timestamp::now())).await?;
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
