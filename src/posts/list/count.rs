//! How many posts a list has: exactly, or at a cost that does not grow with them.

use diesel::QueryResult;

use crate::db::Connection;
use crate::posts::list::query::{Filter, Order};
use crate::posts::list::sql;

/// Whether the total of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    None,
    Exact,
    /// Exact up to [`COUNTED`].
    Estimated,
}

/// The total of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    pub posts: i64,
    pub is_estimate: bool,
}

/// An estimate counts so many posts.
pub const COUNTED: i64 = 10_000;

/// `None` where it was not asked for.
///
/// # Errors
/// The database's.
pub fn total(conn: &mut Connection, filter: &Filter, count: Count) -> QueryResult<Option<Total>> {
    if count == Count::None {
        return Ok(None);
    }
    let mut total = Total { posts: 0, is_estimate: false };
    for published in filter.published.map_or(vec![true, false], |published| vec![published]) {
        let counted = match count {
            Count::Estimated => estimated(conn, filter, published)?,
            _ => Total { posts: sql::count(conn, filter, published)?, is_estimate: false },
        };
        total.posts += counted.posts;
        total.is_estimate |= counted.is_estimate;
    }
    Ok(Some(total))
}

/// Where there are more than it counts, it takes the newest ones for a sample: as densely as they fill their range of
/// ids, the rest of the list is taken to fill the rest of the ids.
fn estimated(conn: &mut Connection, filter: &Filter, published: bool) -> QueryResult<Total> {
    let counted = sql::ids(conn, filter, published, None, COUNTED + 1)?.len();
    let counted = i64::try_from(counted).unwrap_or(i64::MAX);
    if counted <= COUNTED {
        return Ok(Total { posts: counted, is_estimate: false });
    }
    let sample = sql::ids(conn, filter, published, Some(Order::Descending), COUNTED)?;
    let oldest = sql::ids(conn, filter, published, Some(Order::Ascending), 1)?;
    let posts = match (sample.first(), sample.last(), oldest.first()) {
        (Some(newest), Some(last), Some(oldest)) => {
            let share = i128::from(newest - oldest + 1) * i128::from(COUNTED) / i128::from(newest - last + 1);
            i64::try_from(share).unwrap_or(i64::MAX)
        }
        _ => counted,
    };
    Ok(Total { posts: posts.max(counted), is_estimate: true })
}
