//! Reads pages of the change feed, and deletes what has expired from the log.
//!
//! The statements on the log are planned at each execution: a prepared one would keep the plan that suited a small log, and
//! sort all rows behind a cursor.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};

use crate::db::{BindValue, Connection, FixedSql, Timestamp, Timestamptz, on};
use crate::posts::changes::entries::{Entry, LogRow, group};
use crate::posts::changes::query::{ChangeType, FeedPosition, FeedQuery, FeedStart, LogRowId};
use crate::posts::list;
use crate::posts::list::query::{Column, CursorPosition, Filter, ListItem, ListQuery, Order, Sort, SortKey, View};
use crate::posts::model::{Post, PostSummary};
use crate::schema::{post_changes, posts};

/// The number of rows of the log that a page examines.
const MAX_ROWS: usize = 1000;
/// The maximum number of full posts that one query reads: 8 MiB.
const CHUNK: usize = 16;
/// How long the log keeps a change, in microseconds: 30 days.
const RETENTION: i64 = 30 * 24 * 60 * 60 * 1_000_000;

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
    /// The log has no row yet that is settled.
    NotReady,
}

/// Reads the page that the query describes. The log is complete up to `settled`. `max_content` is the maximum total size
/// of the posts.
pub fn read_feed(conn: &mut Connection, query: &FeedQuery, settled: i64, max_content: usize) -> QueryResult<Feed> {
    let position = match query.start {
        FeedStart::After(position) => position,
        FeedStart::Posts | FeedStart::Now => {
            let Some(row) = newest(conn, settled)? else { return Ok(Feed::NotReady) };
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
    if !contains(conn, position.row)? {
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
    let has_more = walked_id.is_some() || newest(conn, settled)?.is_some_and(|row| row.seq > position.row.seq);
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
    let mut rows = rows_from(conn, position.row.seq, settled)?.into_iter();
    if rows.next().is_none_or(|(id, _)| id != position.row) {
        return Ok(Feed::Expired);
    }
    let rows: Vec<LogRow> = rows.filter_map(|(_, row)| row).collect();
    let examined = rows.get(..MAX_ROWS).unwrap_or(&rows);
    let (entries, length) = group(examined, query.limit.into());
    let (posts, fitting) = present_posts(conn, &entries, query.view, max_content)?;
    // The first entry that does not fit begins the next page, together with all rows behind.
    let length = entries.get(fitting).map_or(length, |entry| entry.first);
    let (mut entries, _) = group(examined.get(..length).unwrap_or_default(), query.limit.into());
    entries.sort_by_key(|entry| entry.last.id.seq);
    let mut posts = posts;
    let items = entries.iter().map(|entry| item(entry, &mut posts)).collect();
    let last = length.checked_sub(1).and_then(|last| examined.get(last));
    let position = last.map_or(position, |row| FeedPosition { row: row.id, walked_id: None });
    Ok(Feed::Page(FeedPage { items, position, has_more: length < rows.len() }))
}

/// The posts of the entries that are public now, until they exceed `max_content`, and the number of entries that fit. The
/// first one always fits.
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
            let is_entry = |post: &ListItem| entry.last.change.is_public() && post.id() == entry.last.post_id;
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

/// The item of an entry. If the post was public after its last change and is not any more, the item is a removal. A later
/// row removes the post again, but may not repeat these slugs.
fn item(entry: &Entry, posts: &mut Vec<ListItem>) -> FeedItem {
    let LogRow { change, post_id, version, slug, .. } = &entry.last;
    let change = if change.is_public() {
        if let Some(index) = posts.iter().position(|post| post.id() == *post_id) {
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
    let (slug, version, updated_at) = match &post {
        ListItem::Full(Post { slug, version, updated_at, .. })
        | ListItem::Summary(PostSummary { slug, version, updated_at, .. }) => (slug.clone(), *version, *updated_at),
    };
    let former_slugs = entry.map_or_else(Vec::new, |entry| entry.former_slugs(&slug));
    let at = entry.map_or(updated_at, Entry::at);
    FeedItem { change, id: post.id(), slug, former_slugs, version, at, post: Some(post) }
}

/// The posts with these ids that are public.
fn published(conn: &mut Connection, view: View, ids: &[i64]) -> QueryResult<Vec<ListItem>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on!(conn, conn => {
        let found = posts::table.filter(posts::id.eq_any(ids)).filter(posts::published.eq(true));
        match view {
            View::Full => {
                let posts: Vec<Post> = found.select(Post::as_select()).load(conn)?;
                Ok(posts.into_iter().map(ListItem::Full).collect())
            }
            View::Summary => {
                let posts: Vec<PostSummary> = found.select(PostSummary::as_select()).load(conn)?;
                Ok(posts.into_iter().map(ListItem::Summary).collect())
            }
        }
    })
}

type LogColumns = (BigInt, Timestamptz, BigInt, SmallInt, BigInt, Text, Nullable<Text>);
type LogValues = (i64, Timestamp, i64, i16, i64, String, Option<String>);

/// The row with this `seq`, and up to one more than [`MAX_ROWS`] of the rows behind it that are settled. `None` stands for
/// the first row of a log, which is no change.
fn rows_from(conn: &mut Connection, seq: i64, settled: i64) -> QueryResult<Vec<(LogRowId, Option<LogRow>)>> {
    let sql = FixedSql::<LogColumns>::new(
        "SELECT seq, at, post_id, kind, version, slug, old_slug FROM post_changes WHERE seq >= ",
    )
    .bind(BindValue::Integer(seq), " AND seq <= ")
    // The row of the cursor was settled for the instance that returned it, perhaps not yet for this one.
    .bind(BindValue::Integer(settled.max(seq)), " ORDER BY seq LIMIT 1002");
    let rows: Vec<LogValues> = on!(conn, conn => sql.uncached().load(conn))?;
    let row = |(seq, at, post_id, kind, version, slug, old_slug): LogValues| {
        let id = LogRowId { seq, at };
        (id, ChangeType::of_kind(kind).map(|change| LogRow { id, post_id, change, version, slug, old_slug }))
    };
    Ok(rows.into_iter().map(row).collect())
}

/// The newest row that is settled.
pub(crate) fn newest(conn: &mut Connection, settled: i64) -> QueryResult<Option<LogRowId>> {
    let sql = FixedSql::<(BigInt, Timestamptz)>::new("SELECT seq, at FROM post_changes WHERE seq <= ")
        .bind(BindValue::Integer(settled), " ORDER BY seq DESC LIMIT 1");
    let rows: Vec<(i64, Timestamp)> = on!(conn, conn => sql.uncached().load(conn))?;
    Ok(rows.first().map(|(seq, at)| LogRowId { seq: *seq, at: *at }))
}

/// Whether the log has this row.
pub(crate) fn contains(conn: &mut Connection, row: LogRowId) -> QueryResult<bool> {
    let sql = FixedSql::<Timestamptz>::new("SELECT at FROM post_changes WHERE seq = ");
    let found: Vec<Timestamp> = on!(conn, conn => sql.bind(BindValue::Integer(row.seq), "").uncached().load(conn))?;
    Ok(found == [row.at])
}

/// The rows that one step of [`remove_expired`] deletes: from the second to the last of these positions, exclusively.
pub(crate) type ExpiredRows = std::ops::Range<i64>;

/// The oldest rows that have expired and are not the newest one of these. That row remains, so that the cursor of a client
/// stays valid while nothing changes. `from` is the end of the last step, so that no step reads the rows that earlier ones
/// have deleted.
pub(crate) fn expired(conn: &mut Connection, from: i64, now: Timestamp) -> QueryResult<Option<ExpiredRows>> {
    let sql = FixedSql::<(BigInt, Timestamptz)>::new("SELECT seq, at FROM post_changes WHERE seq >= ")
        .bind(BindValue::Integer(from), " ORDER BY seq LIMIT 1000");
    let rows: Vec<(i64, Timestamp)> = on!(conn, conn => sql.uncached().load(conn))?;
    let is_expired = |at: Timestamp| at.as_microseconds() < now.as_microseconds() - RETENTION;
    let expired: Vec<i64> = rows.into_iter().take_while(|(_, at)| is_expired(*at)).map(|(seq, _)| seq).collect();
    Ok(match (expired.first(), expired.last()) {
        (Some(first), Some(last)) if first < last => Some(*first..*last),
        _ => None,
    })
}

pub(crate) fn remove_expired(conn: &mut Connection, rows: &ExpiredRows) -> QueryResult<usize> {
    conn.mark_changed(crate::db::Visibility::Private);
    on!(conn, conn => diesel::delete(post_changes::table)
        .filter(post_changes::seq.ge(rows.start))
        .filter(post_changes::seq.lt(rows.end))
        .execute(conn))
}
