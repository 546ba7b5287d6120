//! The response of the change feed.

use diesel::QueryResult;
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::{Connection, Database, Timestamp};
use crate::http::ApiError;
use crate::http::representation::Representation;
use crate::http::transport::memory_budget::{MemoryBudget, Reservation};
use crate::keys::auth::Caller;
use crate::posts::changes::params::FeedRequest;
use crate::posts::changes::query::ChangeType;
use crate::posts::changes::store;
use crate::posts::changes::store::{Feed, FeedItem};
use crate::posts::errors::{changes_not_ready, cursor_expired};
use crate::posts::list;
use crate::posts::list::item::ListItem;
use crate::posts::list::params::ReadCost;
use crate::posts::responses::{read, read_primary};

/// A page of the change feed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "items": [{
        "type": "post.deleted", "id": 9, "slug": "old-news", "former_slugs": [], "version": 2,
        "at": "2026-01-31T12:00:00.000000Z", "post": null,
    }],
    "cursor": "eyJs",
    "has_more": false,
}))]
pub struct ChangePage {
    /// The changes in order. Each post is listed once, at its last change on the page.
    #[schema(max_items = 100)]
    pub items: Vec<ChangeItem>,
    /// The `cursor` of the next page, even if that page has no items yet.
    pub cursor: String,
    /// Whether the next page has items already.
    pub has_more: bool,
}

/// A change of a public post.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeItem {
    /// `post.published`, `post.updated`, `post.unpublished`, or `post.deleted`. Decide by `post`, because later
    /// versions may add types.
    #[schema(value_type = String, example = "post.deleted")]
    pub r#type: ChangeType,
    /// The id of the post.
    #[schema(example = 9, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// The slug of the post. If the post is no longer public, its last public slug.
    #[schema(example = "old-news", min_length = 1, max_length = 200, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    pub slug: String,
    /// Other slugs under which the post was public since the cursor.
    #[schema(max_items = 1000)]
    pub former_slugs: Vec<String>,
    /// The version of `post`. If `post` is null, the version of the removal. Ignore an item with an older version than
    /// yours.
    #[schema(example = 2, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub version: i64,
    /// The time of the change. In the pages that list all posts, `updated_at` of the post.
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000000Z")]
    pub at: Timestamp,
    /// The post as it is now. Null if the change removed it from the public posts.
    #[schema(required)]
    pub post: Option<ListItem>,
}

impl From<FeedItem> for ChangeItem {
    fn from(item: FeedItem) -> Self {
        let FeedItem { change, id, slug, former_slugs, version, at, post } = item;
        Self { r#type: change, id, slug, former_slugs, version, at, post }
    }
}

/// Reads the requested page. Callers with and without a key get the same items.
pub(crate) async fn of(
    database: &Database,
    budget: &MemoryBudget,
    caller: Caller,
    request: FeedRequest,
) -> Result<Representation, ApiError> {
    let max_content = match caller {
        Caller::Anonymous => list::MAX_PUBLIC_PAGE_CONTENT,
        Caller::Key { .. } => list::MAX_PAGE_CONTENT,
    };
    let (query, after) = (request.query.clone(), request.query.start.seq());
    let find = move |conn: &mut Connection, settled| store::read_feed(conn, &query, settled, max_content);
    let (feed, memory) = read_settled(database, budget, caller, after, max_content, find, memory).await?;
    let page = match feed {
        Feed::Page(page) => page,
        Feed::Expired => return Err(cursor_expired()),
        Feed::NotReady => return Err(changes_not_ready()),
    };
    let cursor = request.cursors.at(&page.position);
    let items = page.items.into_iter().map(ChangeItem::from).collect();
    Representation::of_hashed_read(None, &ChangePage { items, cursor, has_more: page.has_more }, memory)
}

/// Runs a read of the log, and passes it the position up to which the log is complete. `after` is the position that the
/// client has received. For the other parameters, see [`read`].
///
/// # Errors
/// Those of the read. 503 if the end of the log is unknown before or after the read.
pub(crate) async fn read_settled<T: Send + 'static>(
    database: &Database,
    budget: &MemoryBudget,
    caller: Caller,
    after: Option<i64>,
    max_bytes: usize,
    find: impl Fn(&mut Connection, i64) -> QueryResult<T> + Send + Sync + 'static,
    bytes: impl Fn(&T) -> usize + Send + Sync + 'static,
) -> Result<(T, Reservation), ApiError> {
    let settled = database.settled().ok_or_else(changes_not_ready)?;
    let find = move |conn: &mut Connection| find(conn, settled.seq);
    // Another instance may know later changes than this one. The replica may lack them.
    let result = if after.is_some_and(|seq| seq > settled.seq) {
        read_primary(database, budget, caller, max_bytes, find, bytes).await?
    } else {
        read(database, budget, caller, ReadCost::Indexed, max_bytes, find, bytes).await?
    };
    if database.is_still_settled(settled) { Ok(result) } else { Err(changes_not_ready()) }
}

/// The approximate size of a page in memory, in bytes.
fn memory(feed: &Feed) -> usize {
    /// An item without its slugs and its post.
    const ITEM: usize = 256;
    let Feed::Page(page) = feed else { return 0 };
    let slugs = |item: &FeedItem| item.slug.len() + item.former_slugs.iter().map(|slug| slug.len() + 24).sum::<usize>();
    page.items.iter().map(|item| ITEM + slugs(item) + item.post.as_ref().map_or(0, ListItem::memory)).sum()
}
