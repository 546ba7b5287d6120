//! How a page of a list is put together.
//!
//! Paging is by keyset: a cursor names the post where a page ended by its place in the order, so page 50,000 costs what
//! page 1 costs and stays in place while posts come and go. `select.rs` has the SQL.

pub mod count;
pub mod page;
pub mod params;
pub mod query;
pub mod search;
mod sql;

use diesel::QueryResult;

use crate::db::Connection;
use crate::posts::list::query::{Column, IndexScan, Item, ListQuery, Order, Place, Tier, View};

/// The most content, in bytes, that a page holds; it ends earlier than its limit then.
pub const MAX_PAGE_CONTENT: usize = 8 * 1024 * 1024;

/// Posts that are read at once: enough for most pages, few enough that their contents stay in bounds.
const CHUNK: usize = 32;

/// The posts of a page, and where the pages beside it begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub items: Vec<Item>,
    pub next: Option<Place>,
    pub previous: Option<Place>,
}

/// # Errors
/// The database's.
pub fn list(conn: &mut Connection, query: &ListQuery) -> QueryResult<Page> {
    let backwards = query.place.as_ref().is_some_and(|place| place.backwards);
    let limit = usize::from(query.limit);
    // One more than the page holds tells whether there is another page.
    let mut found = read(conn, query, backwards, limit + 1)?;
    let fitting = found.iter().scan(0, |bytes, (_, item)| {
        *bytes += item.content_bytes();
        Some(*bytes)
    });
    // A single post fits always.
    let fit = fitting.take(limit).take_while(|bytes| *bytes <= MAX_PAGE_CONTENT).count().max(1);
    let more = found.len() > fit;
    found.truncate(fit);
    if backwards {
        found.reverse();
    }
    // A page reached by a cursor has the page it was reached from beside it.
    let (has_previous, has_next) = if backwards { (more, true) } else { (query.place.is_some(), more) };
    let place = |backwards, at: Option<&(Tier, Item)>| match (at, &query.place) {
        (Some((tier, item)), _) => Some(query.sort.place(backwards, *tier, item)),
        // All that was here is gone, and the way back begins where this page would have.
        (None, Some(place)) if place.backwards != backwards => Some(query.sort.turned(place)),
        (None, _) => None,
    };
    Ok(Page {
        next: if has_next { place(false, found.last()) } else { None },
        previous: if has_previous { place(true, found.first()) } else { None },
        items: found.into_iter().map(|(_, item)| item).collect(),
    })
}

/// At most so many posts from the place on, in the order in which they are met; fewer where their contents exceed a
/// page.
fn read(conn: &mut Connection, query: &ListQuery, backwards: bool, limit: usize) -> QueryResult<Vec<(Tier, Item)>> {
    let (column, order) = query.sort.column_and_order();
    let order = if backwards { order.reversed() } else { order };
    let mut place = query.place.clone();
    let mut found = Vec::new();
    let mut bytes = 0;
    for tier in query.sort.tiers(query.place.as_ref(), backwards) {
        loop {
            let left = limit - found.len();
            let chunk = if query.view == View::Full { CHUNK.min(left) } else { left };
            let items = stretch(
                conn,
                query,
                &IndexScan { query, published: true, tier, column, order, after: place.as_ref(), limit: chunk },
            )?;
            let is_end = items.len() < chunk;
            place = items.last().map(|item| query.sort.place(backwards, tier, item));
            bytes += items.iter().map(Item::content_bytes).sum::<usize>();
            found.extend(items.into_iter().map(|item| (tier, item)));
            if found.len() == limit || bytes > MAX_PAGE_CONTENT {
                return Ok(found);
            }
            if is_end {
                // The next part is read from its beginning.
                place = None;
                break;
            }
        }
    }
    Ok(found)
}

/// The posts of a stretch, published or not as the list asks for it.
fn stretch(conn: &mut Connection, query: &ListQuery, stretch: &IndexScan<'_>) -> QueryResult<Vec<Item>> {
    let mut read = |published| sql::items(conn, &IndexScan { published, ..*stretch });
    let mut items = match query.filter.published {
        Some(published) => read(published)?,
        // Each of the two has an index that gives it in order; both together have none.
        None => merged(read(true)?, read(false)?, stretch.column, stretch.order),
    };
    items.truncate(stretch.limit);
    Ok(items)
}

fn merged(mut items: Vec<Item>, others: Vec<Item>, column: Column, order: Order) -> Vec<Item> {
    items.extend(others);
    // Two sorted runs, which this sort merges in one pass.
    items.sort_by(|a, b| {
        let ascending = (a.key(column), a.id()).cmp(&(b.key(column), b.id()));
        if order == Order::Ascending { ascending } else { ascending.reverse() }
    });
    items
}
