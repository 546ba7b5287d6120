//! The number of posts in a list: exact, or estimated at a cost that does not depend on the number.

use diesel::QueryResult;

use crate::db::Connection;
use crate::posts::list::query::{Filter, Order};
use crate::posts::list::sql;

/// How to count the posts of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    None,
    Exact,
    /// Exact up to [`EXACT_UP_TO`].
    Estimated,
}

/// The total of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    pub posts: i64,
    pub is_estimate: bool,
}

/// The largest number of posts for which [`Count::Estimated`] is exact.
pub const EXACT_UP_TO: i64 = 10_000;

/// The number of posts that match the filter; `None` if it was not requested.
pub fn total(conn: &mut Connection, filter: &Filter, count: Count) -> QueryResult<Option<Total>> {
    if count == Count::None {
        return Ok(None);
    }
    let mut total = Total { posts: 0, is_estimate: false };
    for published in filter.published.map_or(vec![true, false], |published| vec![published]) {
        let counted = match count {
            Count::Estimated => estimate(conn, filter, published)?,
            _ => Total { posts: sql::count(conn, filter, published)?, is_estimate: false },
        };
        total.posts += counted.posts;
        total.is_estimate |= counted.is_estimate;
    }
    Ok(Some(total))
}

/// Counts up to [`EXACT_UP_TO`] posts. If there are more, extrapolates from the newest [`EXACT_UP_TO`] posts to the range
/// of ids between the oldest and the newest post. This assumes that older posts have gaps as large between their ids.
fn estimate(conn: &mut Connection, filter: &Filter, published: bool) -> QueryResult<Total> {
    let counted = sql::ids(conn, filter, published, None, EXACT_UP_TO + 1)?.len();
    let counted = i64::try_from(counted).unwrap_or(i64::MAX);
    if counted <= EXACT_UP_TO {
        return Ok(Total { posts: counted, is_estimate: false });
    }
    let sample = sql::ids(conn, filter, published, Some(Order::Descending), EXACT_UP_TO)?;
    let oldest = sql::ids(conn, filter, published, Some(Order::Ascending), 1)?;
    let posts = match (sample.first(), sample.last(), oldest.first()) {
        (Some(newest), Some(oldest_in_sample), Some(oldest)) => {
            let (id_range, sample_range) = (newest - oldest + 1, newest - oldest_in_sample + 1);
            let extrapolated = i128::from(EXACT_UP_TO) * i128::from(id_range) / i128::from(sample_range);
            i64::try_from(extrapolated).unwrap_or(i64::MAX)
        }
        _ => counted,
    };
    Ok(Total { posts: posts.max(counted), is_estimate: true })
}
