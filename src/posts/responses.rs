//! From what the store found to what HTTP says: tags, statuses and problems.

use actix_web::HttpResponse;
use actix_web::http::header::{self, ETag, EntityTag};
use diesel::QueryResult;
use serde::Serialize;

use crate::db::{Connection, Database, Error};
use crate::http::ApiError;
use crate::http::extract::preconditions::IfMatch;
use crate::http::idempotency_store::Answer;
use crate::http::representation::{CacheScope, Representation, uncompressed};
use crate::keys::auth::Caller;
use crate::posts::batch::BatchOutcome;
use crate::posts::list;
use crate::posts::list::count;
use crate::posts::list::page::PostPage;
use crate::posts::list::params::ListRequest;
use crate::posts::model::Post;
use crate::posts::store::{Change, Expected, Scope};
use crate::validation::FieldError;

/// Which posts the caller may see.
pub(crate) fn scope(caller: Caller) -> Scope {
    if caller.may_read_drafts() { Scope::All } else { Scope::Published }
}

/// 404 where there is no post that the caller may see.
pub(crate) fn shown(post: Option<Post>) -> Result<Representation, ApiError> {
    let post = post.ok_or(ApiError::NotFound("post"))?;
    Representation::new(etag(&post), None, &post)
}

/// What `caller` reads: without a key, a replica may answer.
pub(crate) async fn read<T: Send + 'static>(
    database: &Database,
    caller: Caller,
    is_indexed: bool,
    body: impl Fn(&mut Connection) -> QueryResult<T> + Send + Sync + 'static,
) -> Result<T, Error> {
    match keep(caller) {
        CacheScope::Public => database.read_public(is_indexed, body).await,
        CacheScope::Private if is_indexed => database.read_inline(body).await,
        CacheScope::Private => database.read(body).await,
    }
}

/// The page that a list asks for.
pub(crate) async fn page(
    database: &Database,
    caller: Caller,
    list: ListRequest,
    path: &str,
    query_string: &str,
) -> Result<Representation, ApiError> {
    let (query, count, is_indexed) = (list.query.clone(), list.count, list.is_indexed());
    let parts = move |conn: &mut Connection| Ok((list::list(conn, &query)?, count::total(conn, &query.filter, count)?));
    let (page, total) = read(database, caller, is_indexed, parts).await?;
    let page = PostPage::new(&list, page, total);
    Representation::new(page.etag(), page.link(path, query_string), &page)
}

/// Without a key everyone gets the same answer.
pub(crate) fn keep(caller: Caller) -> CacheScope {
    if caller == Caller::Anonymous { CacheScope::Public } else { CacheScope::Private }
}

/// Strong: two answers with the same tag have the same bytes. It names the post as well as the version, because behind
/// one slug there may be one post today and another tomorrow.
pub(crate) fn etag(post: &Post) -> EntityTag {
    EntityTag::new_strong(format_tag(post.id, post.version))
}

pub(crate) fn format_tag(id: i64, version: i64) -> String {
    format!("{id}-{version}")
}

/// The versions that `If-Match` names of this post.
pub(crate) fn expected(id: i64, condition: &IfMatch) -> Expected {
    let of_this = |tag: &str| parse_tag(tag).filter(|(of, _)| *of == id).map(|(_, version)| version);
    condition.tags().map(|tags| tags.iter().filter_map(|tag| of_this(tag)).collect())
}

/// The id and the version in a tag of [`etag`].
pub(crate) fn parse_tag(tag: &str) -> Option<(i64, i64)> {
    let tag = uncompressed(tag);
    let (id, version) = tag.split_once('-')?;
    let (id, version) = (id.parse().ok()?, version.parse().ok()?);
    // Tags are compared by their characters: "+1-01" is another one than "1-1".
    (format_tag(id, version) == tag).then_some((id, version))
}

pub(crate) fn done<T>(change: Change<T>) -> Result<T, ApiError> {
    match change {
        Change::Done(value) => Ok(value),
        Change::Missing => Err(ApiError::NotFound("post")),
        Change::Stale => Err(ApiError::PreconditionFailed),
        Change::SlugTaken => Err(ApiError::SlugTaken),
    }
}

pub(crate) fn answer(post: &Post) -> HttpResponse {
    HttpResponse::Ok().insert_header(ETag(etag(post))).json(post)
}

pub(crate) fn created_answer(post: &Post) -> HttpResponse {
    HttpResponse::Created().insert_header((header::LOCATION, location(post))).insert_header(ETag(etag(post))).json(post)
}

/// The same as it is kept for an `Idempotency-Key`.
pub(crate) fn stored_answer(post: &Post) -> Result<Answer, ApiError> {
    let answer = stored(201, post)?;
    Ok(Answer { location: Some(location(post)), etag: Some(etag(post).to_string()), ..answer })
}

pub(crate) fn stored(status: i32, value: &impl Serialize) -> Result<Answer, ApiError> {
    let body = serde_json::to_vec(value).map_err(|error| ApiError::Internal { cause: error.to_string() })?;
    Ok(Answer { status, location: None, etag: None, body })
}

pub(crate) fn location(post: &Post) -> String {
    format!("/api/posts/{}", post.id)
}

/// Where a batch asks for slugs that are taken.
pub(crate) fn taken(outcomes: &[(BatchOutcome, String)]) -> Option<Vec<FieldError>> {
    let taken = |(index, (outcome, _)): (usize, &(BatchOutcome, String))| {
        (*outcome == BatchOutcome::SlugTaken).then(|| FieldError {
            pointer: format!("/posts/{index}/slug"),
            code: "taken",
            detail: "is the slug of another post".into(),
        })
    };
    let errors: Vec<FieldError> = outcomes.iter().enumerate().filter_map(taken).collect();
    if errors.is_empty() { None } else { Some(errors) }
}
