//! SQL whose text is in this source. diesel's own `sql` keeps a statement out of the cache of prepared statements,
//! because it may have been put together from anything; parsing it anew each time costs more than running it.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Text};

use crate::db::timestamp::{Timestamp, Timestamptz};

/// An expression of the SQL type `ST`: pieces of text with values between them.
#[derive(Debug, Clone)]
pub struct FixedSql<ST> {
    first: &'static str,
    then: Vec<(BindValue, &'static str)>,
    is_prepared_once: bool,
    sql_type: PhantomData<ST>,
}

/// A value that is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BindValue {
    Integer(i64),
    Text(String),
    Time(Timestamp),
}

impl<ST> FixedSql<ST> {
    #[must_use]
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { first: text, then: Vec::new(), is_prepared_once: true, sql_type: PhantomData }
    }

    /// Goes on with a value and another piece of text.
    #[must_use]
    pub(crate) fn bind(mut self, value: BindValue, text: &'static str) -> Self {
        self.then.push((value, text));
        self
    }

    /// Keeps the statement out of the cache, where statements of so many shapes can be asked for that they would fill
    /// the memory of client and server.
    #[must_use]
    pub(crate) fn uncached(mut self) -> Self {
        self.is_prepared_once = false;
        self
    }
}

impl<ST, DB> QueryFragment<DB> for FixedSql<ST>
where
    DB: Backend + HasSqlType<Timestamptz>,
    i64: ToSql<BigInt, DB>,
    String: ToSql<Text, DB>,
    Timestamp: ToSql<Timestamptz, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.is_prepared_once {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql(self.first);
        for (value, text) in &self.then {
            match value {
                BindValue::Integer(number) => out.push_bind_param::<BigInt, _>(number)?,
                BindValue::Text(text) => out.push_bind_param::<Text, _>(text)?,
                BindValue::Time(time) => out.push_bind_param::<Timestamptz, _>(time)?,
            }
            out.push_sql(text);
        }
        Ok(())
    }
}

impl<ST: diesel::sql_types::SqlType + diesel::expression::TypedExpressionType> Expression for FixedSql<ST> {
    type SqlType = ST;
}

/// Its text is not in its type, so that diesel asks for the text.
impl<ST> QueryId for FixedSql<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST, Tables> SelectableExpression<Tables> for FixedSql<ST> where Self: Expression {}
impl<ST, Tables> AppearsOnTable<Tables> for FixedSql<ST> where Self: Expression {}

impl<ST, Group> ValidGrouping<Group> for FixedSql<ST> {
    type IsAggregate = is_aggregate::Never;
}
