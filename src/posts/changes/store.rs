//! Reads pages of the change feed.

use diesel::prelude::*;

use crate::db::{Connection, Timestamp, Untyped};
use crate::posts::changes::entries::{Entry, group};
use crate::posts::changes::log;
use crate::posts::changes::log::{LogRow, RowLimit};
use crate::posts::changes::query::{ChangeType, FeedPosition, FeedQuery, FeedStart};
use crate::posts::list;
use crate::posts::list::item::{FullRow, ListItem, SummaryRow};
use crate::posts::list::query::{Column, CursorPosition, Filter, ListQuery, Order, Sort, SortKey, View};
use crate::posts::list::sql::load_items;
use crate::posts::model::{Post, PostSummary};
use crate::schema::posts;

/// The maximum number of full posts that one query reads: 8 MiB.
const CHUNK: usize = 16;

/// A page of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    pub items: Vec<FeedItem>,
    pub position: FeedPosition,
    pub has_more: bool,
}

/// A change of a post. `post` is the post as it is now, or `None` if the change removed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedItem {
    pub change: ChangeType,
    pub id: i64,
    pub slug: String,
    pub former_slugs: Vec<String>,
    pub version: i64,
    pub at: Timestamp,
    pub post: Option<ListItem>,
}

/// The outcome of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    Page(FeedPage),
    /// The log does not contain the row that the cursor names.
    Expired,
    /// The log has no settled row yet.
    NotReady,
}

/// Reads the page that the query describes. The log is complete up to `settled`. `max_content` is the maximum total
/// size of the posts.
pub fn read_feed(conn: &mut Connection, query: &FeedQuery, settled: i64, max_content: usize) -> QueryResult<Feed> {
    let position = match query.start {
        FeedStart::After(position) => position,
        FeedStart::Posts | FeedStart::Now => {
            let Some(row) = log::newest(conn, settled)? else { return Ok(Feed::NotReady) };
            let position = FeedPosition { row, walked_id: None };
            return match query.start {
                FeedStart::Posts => walk(conn, query, position, settled, max_content),
                _ => Ok(Feed::Page(FeedPage { items: Vec::new(), position, has_more: false })),
            };
        }
    };
    if position.walked_id.is_none() {
        return read_log(conn, query, position, settled, max_content);
    }
    if !log::contains(conn, position.row)? {
        return Ok(Feed::Expired);
    }
    walk(conn, query, position, settled, max_content)
}

/// Reads published posts by id. `position.row` was read before.
fn walk(
    conn: &mut Connection,
    query: &FeedQuery,
    position: FeedPosition,
    settled: i64,
    max_content: usize,
) -> QueryResult<Feed> {
    let after = |id| CursorPosition { backwards: false, is_other_tier: false, key: SortKey::Id, id };
    let list = ListQuery {
        filter: Filter { published: Some(true), ..Filter::default() },
        sort: Sort::By(Column::Id, Order::Ascending),
        limit: query.limit,
        position: position.walked_id.map(after),
        view: query.view,
    };
    let page = list::read_page(conn, &list, max_content)?;
    let walked_id = page.next.map(|next| next.id);
    let has_more = walked_id.is_some() || log::newest(conn, settled)?.is_some_and(|row| row.seq > position.row.seq);
    let items = page.items.into_iter().map(|post| present(ChangeType::Published, None, post)).collect();
    Ok(Feed::Page(FeedPage { items, position: FeedPosition { walked_id, ..position }, has_more }))
}

/// Reads the changes after the position.
fn read_log(
    conn: &mut Connection,
    query: &FeedQuery,
    position: FeedPosition,
    settled: i64,
    max_content: usize,
) -> QueryResult<Feed> {
    let Some(rows) = log::rows_after(conn, position.row, settled, RowLimit::Feed)? else {
        return Ok(Feed::Expired);
    };
    let rows: Vec<LogRow> = rows.into_iter().filter_map(|(_, row)| row).collect();
    let examined = rows.get(..RowLimit::Feed.rows()).unwrap_or(&rows);
    let (entries, length) = group(examined, query.limit.into());
    let (posts, fitting) = present_posts(conn, &entries, query.view, max_content)?;
    // The next page begins with the first entry that does not fit, and contains all later rows.
    let length = entries.get(fitting).map_or(length, |entry| entry.first);
    let (mut entries, _) = group(examined.get(..length).unwrap_or_default(), query.limit.into());
    entries.sort_by_key(|entry| entry.last.id.seq);
    let mut posts = posts;
    let items = entries.iter().map(|entry| item(entry, &mut posts)).collect();
    let last = length.checked_sub(1).and_then(|last| examined.get(last));
    let position = last.map_or(position, |row| FeedPosition { row: row.id, walked_id: None });
    Ok(Feed::Page(FeedPage { items, position, has_more: length < rows.len() }))
}

/// The posts of the entries that are public now, until they exceed `max_content`, and the number of entries that fit.
/// The first one always fits.
fn present_posts(
    conn: &mut Connection,
    entries: &[Entry],
    view: View,
    max_content: usize,
) -> QueryResult<(Vec<ListItem>, usize)> {
    let (mut posts, mut bytes, mut fitting): (Vec<ListItem>, usize, usize) = (Vec::new(), 0, 0);
    let chunk = if view == View::Full { CHUNK } else { entries.len().max(1) };
    for entries in entries.chunks(chunk) {
        let ids: Vec<i64> =
            entries.iter().filter(|entry| entry.last.change.is_public()).map(|entry| entry.last.post_id).collect();
        let mut found = published(conn, view, &ids)?;
        for entry in entries {
            let is_entry = |post: &ListItem| entry.last.change.is_public() && post.id == entry.last.post_id;
            if let Some(index) = found.iter().position(is_entry) {
                let post = found.swap_remove(index);
                bytes += post.large_fields();
                if bytes > max_content && fitting > 0 {
                    return Ok((posts, fitting));
                }
                posts.push(post);
            }
            fitting += 1;
        }
    }
    Ok((posts, fitting))
}

/// The item of an entry. If the post was public after its last change but is no longer public, the item is a removal. A
/// later row removes the post again, but may not repeat these slugs.
fn item(entry: &Entry, posts: &mut Vec<ListItem>) -> FeedItem {
    let LogRow { change, post_id, version, slug, .. } = &entry.last;
    let change = if change.is_public() {
        if let Some(index) = posts.iter().position(|post| post.id == *post_id) {
            return present(*change, Some(entry), posts.swap_remove(index));
        }
        ChangeType::Unpublished
    } else {
        *change
    };
    FeedItem {
        change,
        id: *post_id,
        slug: slug.clone(),
        former_slugs: entry.former_slugs(slug),
        version: *version,
        at: entry.at(),
        post: None,
    }
}

/// The item of a post that is public now. Without an entry, it is part of the first walk.
fn present(change: ChangeType, entry: Option<&Entry>, post: ListItem) -> FeedItem {
    let (slug, version, updated_at) = (post.slug(), post.version, post.updated_at);
    let former_slugs = entry.map_or_else(Vec::new, |entry| entry.former_slugs(&slug));
    let at = entry.map_or(updated_at, Entry::at);
    FeedItem { change, id: post.id, slug, former_slugs, version, at, post: Some(post) }
}

/// The posts with these ids that are public.
fn published(conn: &mut Connection, view: View, ids: &[i64]) -> QueryResult<Vec<ListItem>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    load_items!(conn, view, posts => posts.filter(posts::id.eq_any(ids)).filter(posts::published.eq(true)))
}
