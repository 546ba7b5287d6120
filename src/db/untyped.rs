//! [`Untyped`]: a query whose rows are read by a [`QueryableByName`] type, which gets the whole row.

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

/// The same query, without the types of its columns. diesel requires an owned value for each typed column. The reader
/// of an untyped row can borrow from it.
#[derive(QueryId)]
pub(crate) struct Untyped<T>(pub(crate) T);

impl<T: Query> Query for Untyped<T> {
    type SqlType = diesel::sql_types::Untyped;
}

impl<T, C> RunQueryDsl<C> for Untyped<T> {}

impl<T: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Untyped<T> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}
