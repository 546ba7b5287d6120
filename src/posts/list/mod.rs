//! Reads a page of a list.
//!
//! Lists use keyset pagination: a cursor contains the sort key and the id of the post next to the page. So page 50,000
//! costs as much as page 1, and posts that are created or deleted between two requests do not shift the pages. `sql.rs`
//! contains the SQL, and `params.rs` parses the query string.

mod conditions;
pub mod count;
pub mod item;
mod labels;
pub mod page;
pub mod params;
mod postgres;
pub mod query;
pub mod search;
pub(crate) mod sql;
mod sqlite;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::QueryResult;

use crate::db::Connection;
use crate::posts::list::item::ListItem;
use crate::posts::list::query::{Column, CursorPosition, IndexScan, ListQuery, Order, Tier, View};

/// The maximum total size of the contents, tags, authors, and metadata on a page, in bytes. A page ends before the post
/// that would exceed it, but always has the first post.
pub const MAX_PAGE_CONTENT: usize = 8 * 1024 * 1024;
/// The same for callers without a key: twice the largest content of a post.
pub const MAX_PUBLIC_PAGE_CONTENT: usize = 1024 * 1024;

/// The maximum number of full posts that one query reads. Enough for most pages, and few enough to bound the memory:
/// 16 MiB. If recent posts were long, a query reads fewer.
const CHUNK: usize = 32;
/// The average size of the contents that recent queries read, in bytes. Rises at once and falls slowly.
static CONTENT_SIZE: AtomicUsize = AtomicUsize::new(0);

/// The posts of a page, and the cursor positions of the adjacent pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    pub items: Vec<ListItem>,
    pub next: Option<CursorPosition>,
    pub previous: Option<CursorPosition>,
}

/// Reads the page that the query describes. `max_content` is the maximum total size of its contents.
pub fn read_page(conn: &mut Connection, query: &ListQuery, max_content: usize) -> QueryResult<ListPage> {
    let backwards = query.position.as_ref().is_some_and(|position| position.backwards);
    let limit = usize::from(query.limit);
    // One post more than the page holds shows whether there is another page.
    let mut found = if sql::has_two_steps(conn, query) {
        conn.snapshot(|conn| read_in_two_steps(conn, query, backwards, limit + 1, max_content))?
    } else if sql::needs_snapshot(conn, query) {
        conn.snapshot(|conn| read_items(conn, query, backwards, limit + 1, max_content))?
    } else {
        read_items(conn, query, backwards, limit + 1, max_content)?
    };
    let sizes = found.iter().scan(0, |bytes, (_, item)| {
        *bytes += item.large_fields();
        Some(*bytes)
    });
    let length = sizes.take(limit).take_while(|bytes| *bytes <= max_content).count().max(1);
    let has_more = found.len() > length;
    found.truncate(length);
    if backwards {
        found.reverse();
    }
    // A client that passes a cursor came from the adjacent page on the other side.
    let (has_previous, has_next) = if backwards { (has_more, true) } else { (query.position.is_some(), has_more) };
    let position = |backwards, adjacent: Option<&(Tier, ListItem)>| match (adjacent, &query.position) {
        (Some((tier, item)), _) => Some(item.position(query.sort, backwards, *tier)),
        // The page is empty, for example because its posts were deleted. The page in the opposite direction begins at
        // the cursor.
        (None, Some(position)) if position.backwards != backwards => Some(query.sort.reversed_position(position)),
        (None, _) => None,
    };
    Ok(ListPage {
        next: if has_next { position(false, found.last()) } else { None },
        previous: if has_previous { position(true, found.first()) } else { None },
        items: found.into_iter().map(|(_, item)| item).collect(),
    })
}

/// Reads at most `limit` posts from the cursor position on, in the direction that `backwards` gives. Stops early once
/// their contents exceed `max_content` bytes.
fn read_items(
    conn: &mut Connection,
    query: &ListQuery,
    backwards: bool,
    limit: usize,
    max_content: usize,
) -> QueryResult<Vec<(Tier, ListItem)>> {
    let (column, order) = query.sort.column_and_order();
    let order = if backwards { order.reversed() } else { order };
    let mut position = query.position.clone();
    let (mut found, mut bytes, mut known_titles) = (Vec::new(), 0, None::<Vec<i64>>);
    for tier in query.sort.remaining_tiers(query.position.as_ref(), backwards) {
        loop {
            let remaining = limit - found.len();
            let scan_limit = if query.view == View::Full { chunk(max_content).min(remaining) } else { remaining };
            let (after, titles) = (position.as_ref(), known_titles.as_deref());
            // `read_scan` replaces `published`.
            let scan = IndexScan { query, published: true, tier, column, order, after, titles, limit: scan_limit };
            let items = read_scan(conn, &scan)?;
            let is_end = items.len() < scan_limit;
            position = items.last().map(|item| item.position(query.sort, backwards, tier));
            let read: usize = items.iter().map(ListItem::large_fields).sum();
            record_content_size(read, items.len());
            bytes += read;
            found.extend(items.into_iter().map(|item| (tier, item)));
            if found.len() == limit || bytes > max_content {
                return Ok(found);
            }
            if is_end {
                known_titles = all_titles(query, tier, &found);
                // The next tier is read from its beginning.
                position = None;
                break;
            }
        }
    }
    Ok(found)
}

/// The ids of all posts in `Tier::Title`, if that is the `tier` that was read, and from its beginning.
fn all_titles(query: &ListQuery, tier: Tier, found: &[(Tier, ListItem)]) -> Option<Vec<i64>> {
    let is_complete = tier == Tier::Title && query.position.is_none();
    is_complete.then(|| found.iter().map(|(_, item)| item.id).collect())
}

/// Like [`read_items`]: finds the ids of the whole page first, then reads the posts. Both must see the same snapshot.
fn read_in_two_steps(
    conn: &mut Connection,
    query: &ListQuery,
    backwards: bool,
    limit: usize,
    max_content: usize,
) -> QueryResult<Vec<(Tier, ListItem)>> {
    let ids = find_ids(conn, query, backwards, limit)?;
    let (mut ids, mut found, mut bytes) = (ids.as_slice(), Vec::new(), 0);
    while !ids.is_empty() && bytes <= max_content {
        let length = if query.view == View::Full { chunk(max_content).min(ids.len()) } else { ids.len() };
        let (next, rest) = ids.split_at(length);
        let mut items = sql::by_ids(conn, query.view, &next.iter().map(|(_, id)| *id).collect::<Vec<i64>>())?;
        // The ids may come from a derived table, which is outdated after `INSERT OR REPLACE` by another program: SQLite
        // then fires no delete trigger. No draft must be public for that reason.
        items.retain(|item| query.filter.published.is_none_or(|published| item.published == published));
        let read: usize = items.iter().map(ListItem::large_fields).sum();
        record_content_size(read, items.len());
        bytes += read;
        let tiers: HashMap<i64, Tier> = next.iter().map(|(tier, id)| (*id, *tier)).collect();
        found.extend(items.into_iter().filter_map(|item| Some((*tiers.get(&item.id)?, item))));
        ids = rest;
    }
    Ok(found)
}

fn find_ids(conn: &mut Connection, query: &ListQuery, backwards: bool, limit: usize) -> QueryResult<Vec<(Tier, i64)>> {
    let (column, order) = query.sort.column_and_order();
    let order = if backwards { order.reversed() } else { order };
    let mut after = query.position.as_ref();
    let mut ids = Vec::new();
    for tier in query.sort.remaining_tiers(after, backwards) {
        let limit = limit - ids.len();
        if limit == 0 {
            break;
        }
        let mut positions = Vec::new();
        for published in query.filter.published_values() {
            let scan = IndexScan { query, published, tier, column, order, after, titles: None, limit };
            positions.extend(sql::positions(conn, &scan)?);
        }
        positions.sort_unstable();
        if order == Order::Descending {
            positions.reverse();
        }
        ids.extend(positions.into_iter().take(limit).map(|(_, id)| (tier, id)));
        // The next tier is read from its beginning.
        after = None;
    }
    Ok(ids)
}

/// The number of full posts that the next query reads: about twice as many as a page of `max_content` bytes holds.
fn chunk(max_content: usize) -> usize {
    (2 * max_content / CONTENT_SIZE.load(Ordering::Relaxed).max(1)).clamp(2, CHUNK)
}

fn record_content_size(bytes: usize, posts: usize) {
    if let Some(size) = bytes.checked_div(posts) {
        let average = CONTENT_SIZE.load(Ordering::Relaxed);
        CONTENT_SIZE.store(size.max(average - average / 16), Ordering::Relaxed);
    }
}

/// Reads the published posts of a scan, the drafts, or both, depending on the filter. Ignores `scan.published`.
fn read_scan(conn: &mut Connection, scan: &IndexScan<'_>) -> QueryResult<Vec<ListItem>> {
    let mut read = |published| sql::items(conn, &IndexScan { published, ..*scan });
    let mut items = match scan.query.filter.published {
        Some(published) => read(published)?,
        // Every index begins with `published`, so each value has its own ordered scan.
        None => merge(read(true)?, read(false)?, scan.column, scan.order),
    };
    items.truncate(scan.limit);
    Ok(items)
}

/// Merges two sorted lists.
fn merge(items: Vec<ListItem>, others: Vec<ListItem>, column: Column, order: Order) -> Vec<ListItem> {
    let with_key = |item: ListItem| ((item.key(column), item.id), item);
    let mut items: Vec<_> = items.into_iter().chain(others).map(with_key).collect();
    // A stable sort merges two sorted runs in one pass.
    items.sort_by(|(a, _), (b, _)| if order == Order::Ascending { a.cmp(b) } else { b.cmp(a) });
    items.into_iter().map(|(_, item)| item).collect()
}
