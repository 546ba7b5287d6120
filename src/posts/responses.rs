//! Converts the results of the store into representations and errors.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::http::header::EntityTag;
use diesel::QueryResult;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::{Connection, Database, Dependency};
use crate::http::ApiError;
use crate::http::representation::{CacheScope, Representation};
use crate::http::transport::memory_budget::{BudgetExhausted, MemoryBudget, Reservation, Share};
use crate::keys::auth::Caller;
use crate::posts::aliases::lookup;
use crate::posts::aliases::lookup::SlugTarget;
use crate::posts::batch::{BatchOutcome, BatchOutcomes};
use crate::posts::list::item::ListItem;
use crate::posts::list::page::PostPage;
use crate::posts::list::params::{ListRequest, ReadCost};
use crate::posts::list::{ListPage, count};
use crate::posts::model::Post;
use crate::posts::put::PutResult;
use crate::posts::store::ReadScope;
use crate::posts::validate::MAX_CONTENT;
use crate::posts::{errors, etag, list};
use crate::resource::versioned::Change;
use crate::validation::FieldError;

/// The posts that the caller may see.
pub(crate) fn scope(caller: Caller) -> ReadScope {
    if caller.may_read_drafts() { ReadScope::All } else { ReadScope::Published }
}

/// Which caches may store a response to the caller. Without a key, every client gets the same response.
pub(crate) fn cache_scope(caller: Caller) -> CacheScope {
    if caller == Caller::Anonymous { CacheScope::Public } else { CacheScope::Private }
}

/// Whose memory a read occupies.
fn share(caller: Caller) -> Share {
    if caller == Caller::Anonymous { Share::Public } else { Share::Keyed }
}

/// A value that was read, and the memory that it occupies.
type Counted<T> = (T, Reservation);

/// Runs a read for the caller. A replica may serve it if the caller has no key. Reserves `max_bytes` of memory for the value, and then only as much
/// as `bytes` says that it occupies.
pub(crate) async fn read<T: Send + 'static>(
    database: &Database,
    budget: &MemoryBudget,
    caller: Caller,
    cost: ReadCost,
    max_bytes: usize,
    body: impl Fn(&mut Connection) -> QueryResult<T> + Send + Sync + 'static,
    bytes: impl Fn(&T) -> usize + Send + Sync + 'static,
) -> Result<Counted<T>, ApiError> {
    let counted = counted(budget.clone(), caller, max_bytes, body, bytes);
    let result = match (cache_scope(caller), cost) {
        (scope, ReadCost::Search) => database.read_search(scope == CacheScope::Public, counted).await,
        (CacheScope::Public, cost) => database.read_public(cost == ReadCost::Indexed, counted).await,
        (CacheScope::Private, ReadCost::Indexed) => database.read_inline(counted).await,
        (CacheScope::Private, ReadCost::Long) => database.read(counted).await,
    };
    Ok(result??)
}

/// Like [`read`] with [`ReadCost::Indexed`], but never on a replica.
pub(crate) async fn read_primary<T: Send + 'static>(
    database: &Database,
    budget: &MemoryBudget,
    caller: Caller,
    max_bytes: usize,
    body: impl Fn(&mut Connection) -> QueryResult<T> + Send + Sync + 'static,
    bytes: impl Fn(&T) -> usize + Send + Sync + 'static,
) -> Result<Counted<T>, ApiError> {
    Ok(database.read_inline(counted(budget.clone(), caller, max_bytes, body, bytes)).await??)
}

/// Memory is reserved when a connection is available: requests that wait for one occupy none.
fn counted<T>(
    budget: MemoryBudget,
    caller: Caller,
    max_bytes: usize,
    body: impl Fn(&mut Connection) -> QueryResult<T>,
    bytes: impl Fn(&T) -> usize,
) -> impl Fn(&mut Connection) -> QueryResult<Result<Counted<T>, BudgetExhausted>> {
    let share = share(caller);
    move |conn| {
        let mut memory = match budget.reserve_read(share, max_bytes) {
            Ok(memory) => memory,
            Err(exhausted) => return Ok(Err(exhausted)),
        };
        let value = body(conn)?;
        let bytes = bytes(&value);
        Ok(memory.resize(bytes).map(|()| (value, memory)))
    }
}

/// Reads one post for the caller.
pub(crate) async fn post(
    database: &Database,
    budget: &MemoryBudget,
    caller: Caller,
    find: impl Fn(&mut Connection) -> QueryResult<Option<Post>> + Send + Sync + 'static,
) -> Result<Representation, ApiError> {
    let bytes = |post: &Option<Post>| post.as_ref().map_or(0, Post::large_fields);
    let (post, memory) = read(database, budget, caller, ReadCost::Indexed, MAX_CONTENT, find, bytes).await?;
    let post = post.ok_or(NOT_FOUND)?;
    of_post(&post, memory)
}

/// The response with one post. It stays cached until this post changes, also for its slug: while the post has the slug,
/// the response to a request for the slug cannot be another one.
fn of_post(post: &Post, memory: Reservation) -> Result<Representation, ApiError> {
    let mut representation = Representation::of_read(tag(post), None, post, memory)?;
    representation.dependency = Dependency::Post(post.id);
    Ok(representation)
}

/// Reads the post with this slug for the caller, or the redirect from it.
pub(crate) async fn post_by_slug(
    database: &Database,
    budget: &MemoryBudget,
    caller: Caller,
    slug: String,
) -> Result<Representation, ApiError> {
    let find = move |conn: &mut Connection| lookup::resolve(conn, &slug, scope(caller));
    let bytes = |target: &SlugTarget| if let SlugTarget::Post(post) = target { post.large_fields() } else { 0 };
    let (target, memory) = read(database, budget, caller, ReadCost::Indexed, MAX_CONTENT, find, bytes).await?;
    match target {
        SlugTarget::Post(post) => of_post(&post, memory),
        SlugTarget::Moved(redirect) => {
            let path = format!("/api/posts/by-slug/{}", utf8_percent_encode(&redirect.to, PATH_SEGMENT));
            Representation::of_redirect(path, &redirect, memory)
        }
        SlugTarget::Missing => Err(NOT_FOUND),
    }
}

/// The characters to percent-encode in a segment of a path: all but the unreserved ones (RFC 3986, section 2.3). An
/// external writer can store a slug with any characters.
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn tag(post: &Post) -> EntityTag {
    EntityTag::new_strong(etag::of(post))
}

/// The page that a list request asks for.
pub(crate) async fn page(
    database: &Database,
    budget: &MemoryBudget,
    caller: Caller,
    request: ListRequest,
    path: &str,
    query_string: &str,
) -> Result<Representation, ApiError> {
    let (query, count, cost) = (request.query.clone(), request.count, request.cost());
    let (max_content, max_exact) = match caller {
        Caller::Anonymous => (list::MAX_PUBLIC_PAGE_CONTENT, Some(count::EXACT_WITHOUT_KEY)),
        Caller::Key { .. } => (list::MAX_PAGE_CONTENT, None),
    };
    let read_page = move |conn: &mut Connection| {
        let page = list::read_page(conn, &query, max_content)?;
        Ok((page, count::total(conn, &query.filter, count, max_exact)?))
    };
    let bytes = |(page, _): &(ListPage, _)| page.items.iter().map(ListItem::memory).sum();
    let ((page, total), memory) = read(database, budget, caller, cost, max_content, read_page, bytes).await?;
    let page = PostPage::new(&request, page, total);
    let body = page.to_json().map_err(|error| ApiError::Internal { cause: error.to_string() })?;
    Representation::of_hashed_json(page.link(path, query_string), body, memory)
}

pub(crate) const NOT_FOUND: ApiError = ApiError::NotFound("post");

pub(crate) fn into_result<T>(change: Change<T>) -> Result<T, ApiError> {
    match change {
        Change::Done(value) => Ok(value),
        Change::Missing => Err(NOT_FOUND),
        Change::Stale => Err(ApiError::PreconditionFailed),
        Change::Conflict => Err(errors::slug_taken()),
        Change::Invalid(error) => Err(ApiError::ValidationFailed(vec![error])),
    }
}

/// 200 with the post as it is after a change.
pub(crate) fn changed(post: Post) -> Result<Representation, ApiError> {
    Representation::of_write(StatusCode::OK, &post)?.with_etag(tag(&post))
}

/// 201 with the new post and its path.
pub(crate) fn created(post: Post) -> Result<Representation, ApiError> {
    Representation::of_write(StatusCode::CREATED, &post)?
        .with_etag(tag(&post))?
        .with_location(format!("/api/posts/{}", post.id))
}

/// 201 if a `PUT` created the post, otherwise 200.
pub(crate) fn put(PutResult { post, is_new }: PutResult) -> Result<Representation, ApiError> {
    if is_new { created(post) } else { changed(post) }
}

/// The outcome of each post in a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchResponse {
    /// One item for each post of the request, in the same order.
    #[schema(min_items = 1, max_items = 500)]
    pub items: Vec<BatchItem>,
}

/// The outcome of one post in a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchItem {
    #[schema(inline)]
    pub result: BatchResult,
    /// The post as it is now. For a skipped or unchanged post, the existing post with its slug.
    pub post: Post,
}

/// `created`, `skipped` because the slug is in use, `replaced`, or `unchanged` because the post had all the values
/// already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BatchResult {
    Created,
    Skipped,
    Replaced,
    Unchanged,
}

impl BatchResponse {
    /// 409 if slugs are in use. 503 if another writer deleted a skipped post, or changed its slug, before the
    /// batch could read it: the outcome is then no longer true, and the client should repeat the request.
    pub(crate) fn new((outcomes, posts): BatchOutcomes) -> Result<Self, ApiError> {
        if let Some(conflicts) = slug_conflicts(&outcomes) {
            return Err(conflicts);
        }
        let mut posts: HashMap<String, Post> = posts.into_iter().map(|post| (post.slug.clone(), post)).collect();
        let item = |(outcome, slug): (BatchOutcome, String)| {
            let result = match outcome {
                BatchOutcome::Created => BatchResult::Created,
                BatchOutcome::Skipped => BatchResult::Skipped,
                BatchOutcome::Replaced => BatchResult::Replaced,
                BatchOutcome::Unchanged => BatchResult::Unchanged,
                BatchOutcome::SlugTaken | BatchOutcome::IdTaken => return None,
            };
            Some(BatchItem { result, post: posts.remove(&slug)? })
        };
        let items = outcomes.into_iter().map(item).collect::<Option<_>>();
        items.map(|items| Self { items }).ok_or(ApiError::DatabaseBusy)
    }

    /// 200 with the outcomes.
    pub(crate) fn render(self) -> Result<Representation, ApiError> {
        Representation::of_write(StatusCode::OK, &self)
    }
}

/// The posts of a batch whose slugs are in use; `None` if there are none.
fn slug_conflicts(outcomes: &[(BatchOutcome, String)]) -> Option<ApiError> {
    let conflict = |(index, (outcome, _)): (usize, &(BatchOutcome, String))| {
        (*outcome == BatchOutcome::SlugTaken).then(|| FieldError {
            pointer: format!("/posts/{index}/slug"),
            code: "taken",
            detail: "is used by another post".into(),
        })
    };
    let errors: Vec<FieldError> = outcomes.iter().enumerate().filter_map(conflict).collect();
    if errors.is_empty() { None } else { Some(errors::slugs_taken(errors)) }
}
