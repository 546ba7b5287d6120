//! Lists of posts: what can be asked for, and the page that answers it.
//!
//! Paging is by keyset: a cursor names the post where a page ended, so page 50,000 costs what page 1 costs and stays in
//! place while posts come and go.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::model::Post;
use crate::db::{Connection, on};
use crate::schema::posts;

/// Which page of which list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// `None`: published posts and drafts.
    pub published: Option<bool>,
    /// 1 to 100.
    pub limit: u8,
    /// Where to go on; `None`: at the newest.
    pub place: Option<Place>,
}

/// Where a page begins, and in which list: what a cursor holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    #[serde(rename = "d")]
    pub direction: Direction,
    #[serde(rename = "p")]
    pub published: Option<bool>,
    /// The post next to the page, which is not on it.
    #[serde(rename = "i")]
    pub id: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    #[serde(rename = "n")]
    Next,
    #[serde(rename = "p")]
    Previous,
}

/// Posts, newest id first, and where the pages beside them begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub items: Vec<Post>,
    pub next: Option<Place>,
    pub previous: Option<Place>,
}

/// # Errors
/// The database's.
pub fn list(conn: &mut Connection, query: &ListQuery) -> QueryResult<Page> {
    let limit = usize::from(query.limit);
    let backwards = query.place.as_ref().is_some_and(|place| place.direction == Direction::Previous);
    // One more than the page holds tells whether there is another page.
    let one_more = i64::from(query.limit) + 1;
    let mut items: Vec<Post> = on!(conn, conn => {
        let mut select = posts::table.select(Post::as_select()).limit(one_more).into_boxed();
        if let Some(published) = query.published {
            select = select.filter(posts::published.eq(published));
        }
        match &query.place {
            Some(place) if backwards => select.filter(posts::id.gt(place.id)).order(posts::id.asc()),
            Some(place) => select.filter(posts::id.lt(place.id)).order(posts::id.desc()),
            None => select.order(posts::id.desc()),
        }
        .load(conn)
    })?;
    let more = items.len() > limit;
    items.truncate(limit);
    if backwards {
        items.reverse();
    }
    let place =
        |direction, post: Option<&Post>| post.map(|post| Place { direction, published: query.published, id: post.id });
    // A page reached by a cursor has the page it was reached from beside it.
    let (has_previous, has_next) = if backwards { (more, true) } else { (query.place.is_some(), more) };
    Ok(Page {
        next: place(Direction::Next, items.last().filter(|_| has_next)),
        previous: place(Direction::Previous, items.first().filter(|_| has_previous)),
        items,
    })
}
