//! [`Limited`]: the first rows of a query, for which PostgreSQL keeps a plan.
//!
//! PostgreSQL keeps a generic plan for a prepared statement if that plan looks as cheap as one for the actual values.
//! For a bound `LIMIT`, a generic plan has to assume that a tenth of the rows is read. So it looks expensive, and
//! PostgreSQL plans the statement at each execution, which can take longer than running it. With a literal `LIMIT`,
//! each limit would be a statement of its own. Therefore the planner gets a literal of [`PLANNED`], and the actual
//! limit is bound:
//!
//! `SELECT * FROM (… LIMIT 21) AS limited LIMIT $1`
//!
//! The outer limit stops the inner query, so no further row is read. Nothing sorts the rows of the inner query again,
//! so they stay in order.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

use crate::db::fixed_sql::{BindValue, FixedSql};

/// The limits that statements are planned for: those of a page of the default size and of the largest size, which each
/// read one row more.
const PLANNED: [i64; 2] = [21, 101];

/// Precedes a query that ends with a planned limit.
const HEAD: &str = "SELECT * FROM (";

/// The limit to plan for. `None` if the limit is larger.
fn planned(limit: i64) -> Option<i64> {
    PLANNED.into_iter().find(|planned| limit <= *planned)
}

/// At most `limit` rows of a query without a limit, in its order.
pub(crate) struct Limited<T> {
    query: T,
    limit: i64,
}

impl<T> Limited<T> {
    pub(crate) fn new(query: T, limit: usize) -> Self {
        Self { query, limit: to_integer(limit) }
    }
}

impl Limited<()> {
    /// Identifies the text that depends on the limit.
    pub(crate) fn form(limit: usize) -> Option<i64> {
        planned(to_integer(limit))
    }
}

fn to_integer(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl<ST> FixedSql<ST> {
    /// At most `limit` rows of a whole statement for PostgreSQL, in its order. A limit of more than a page becomes a
    /// literal, so there must be few such limits.
    #[must_use]
    pub(crate) fn limited(self, limit: usize) -> Self {
        match planned(to_integer(limit)) {
            Some(_) => Self::new(HEAD).append(self.planned_limit(limit)).text(") AS limited").bound_limit(limit),
            None => self.planned_limit(limit),
        }
    }

    /// Appends the literal that the planner gets for `limit`. A larger limit than that of a page is the literal itself.
    #[must_use]
    pub(crate) fn planned_limit(self, limit: usize) -> Self {
        let limit = to_integer(limit);
        self.text(" LIMIT ").number(planned(limit).unwrap_or(limit))
    }

    /// Appends `limit` as a bound value.
    #[must_use]
    pub(crate) fn bound_limit(self, limit: usize) -> Self {
        self.text(" LIMIT ").bind(BindValue::Integer(to_integer(limit)), "")
    }
}

impl<T: Query> Query for Limited<T> {
    type SqlType = T::SqlType;
}

/// The text is not part of the type, so the cache key must be the SQL text.
impl<T> QueryId for Limited<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T, C> RunQueryDsl<C> for Limited<T> {}

impl<T: QueryFragment<Pg>> QueryFragment<Pg> for Limited<T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let planned = planned(self.limit);
        if planned.is_some() {
            out.push_sql(HEAD);
        }
        self.query.walk_ast(out.reborrow())?;
        if let Some(planned) = planned {
            out.push_sql(&format!(" LIMIT {planned}) AS limited"));
        }
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)
    }
}

/// SQLite plans without bound values.
impl<T: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Limited<T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)
    }
}
