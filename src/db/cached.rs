//! [`Cached`]: an `UPDATE` that stays prepared.

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

/// A statement that is stored in the prepared-statement cache under its text.
///
/// diesel prepares each `UPDATE` again, because its text depends on the values that are set. For a statement that has
/// only a few forms, preparing costs more than running it: SQLite compiles the triggers of the table with it.
pub(crate) struct Cached<T>(pub(crate) T);

impl<T: Query> Query for Cached<T> {
    type SqlType = T::SqlType;
}

impl<T> QueryId for Cached<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T, C> RunQueryDsl<C> for Cached<T> {}

impl<T: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Cached<T> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}
