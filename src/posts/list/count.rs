//! The number of posts in a list: exact, or estimated.

use diesel::QueryResult;

use crate::db::Connection;
use crate::posts::list::conditions::Selection;
use crate::posts::list::query::{Filter, Order, Tier};
use crate::posts::list::sql;

/// How to count the posts of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    None,
    Exact,
    /// Exact up to [`EXACT_UP_TO`] posts.
    Estimated,
}

/// The total of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    pub posts: i64,
    pub is_estimate: bool,
}

/// The largest number of posts for which [`Count::Estimated`] is exact.
pub const EXACT_UP_TO: usize = 10_000;

/// The largest number of posts for which [`Count::Exact`] is exact for a client without a key.
pub const EXACT_WITHOUT_KEY: usize = 100_000;

/// The number of posts that match the filter; `None` if it was not requested. Counts at most `max_exact` posts, and
/// estimates a larger number.
pub fn total(
    conn: &mut Connection,
    filter: &Filter,
    count: Count,
    max_exact: Option<usize>,
) -> QueryResult<Option<Total>> {
    let max_exact = match count {
        Count::None => return Ok(None),
        Count::Estimated => Some(EXACT_UP_TO),
        Count::Exact => max_exact,
    };
    let mut total = Total { posts: 0, is_estimate: false };
    for published in filter.published_values() {
        let counted = count_up_to(conn, Selection { filter, published, tier: Tier::All }, max_exact)?;
        total.posts += counted.posts;
        total.is_estimate |= counted.is_estimate;
    }
    Ok(Some(total))
}

fn count_up_to(conn: &mut Connection, selection: Selection<'_>, max_exact: Option<usize>) -> QueryResult<Total> {
    let limit = max_exact.map_or(usize::MAX, |max| max + 1);
    let posts = sql::count(conn, selection, limit)?;
    if usize::try_from(posts).is_ok_and(|posts| posts < limit) {
        return Ok(Total { posts, is_estimate: false });
    }
    Ok(Total { posts: estimate(conn, selection)?.max(posts), is_estimate: true })
}

/// Estimates the number of posts, of which there are more than [`EXACT_UP_TO`]. Without an expectation of the database,
/// extrapolates from the newest [`EXACT_UP_TO`] posts to the range of ids between the oldest and the newest post. This
/// assumes that older posts have gaps as large between their ids.
fn estimate(conn: &mut Connection, selection: Selection<'_>) -> QueryResult<i64> {
    if let Some(posts) = sql::expected_matches(conn, selection)? {
        return Ok(posts);
    }
    let sample = sql::ids(conn, selection, Order::Descending, EXACT_UP_TO)?;
    let oldest = sql::ids(conn, selection, Order::Ascending, 1)?;
    let (Some(newest), Some(oldest_in_sample), Some(oldest)) = (sample.first(), sample.last(), oldest.first()) else {
        return Ok(0);
    };
    let (id_range, sample_range) = (newest - oldest + 1, newest - oldest_in_sample + 1);
    let extrapolated = sample.len() as i128 * i128::from(id_range) / i128::from(sample_range);
    Ok(i64::try_from(extrapolated).unwrap_or(i64::MAX))
}
