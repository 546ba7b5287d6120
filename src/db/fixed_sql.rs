//! [`FixedSql`]: SQL expressions and statements whose text is part of this source, so that they can be cached.
//!
//! `diesel::dsl::sql` excludes its statement from the prepared-statement cache, because its text may be dynamic.
//! Parsing such a statement on each call costs more than running it.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, HasSqlType, Text};

use crate::db::timestamp::{Timestamp, Timestamptz};

/// An expression of the SQL type `ST`: static text, with bound values in between.
#[derive(Debug, Clone)]
pub struct FixedSql<ST> {
    head: &'static str,
    tail: Vec<(Option<BindValue>, &'static str)>,
    is_cached: bool,
    sql_type: PhantomData<ST>,
}

/// A value for a bind parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BindValue {
    Bool(bool),
    Integer(i64),
    Text(String),
    Time(Timestamp),
}

impl<ST> FixedSql<ST> {
    #[must_use]
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { head: text, tail: Vec::new(), is_cached: true, sql_type: PhantomData }
    }

    /// Appends a bind parameter and the text that follows it.
    #[must_use]
    pub(crate) fn bind(mut self, value: BindValue, text: &'static str) -> Self {
        self.tail.push((Some(value), text));
        self
    }

    /// Appends text.
    #[must_use]
    pub(crate) fn text(mut self, text: &'static str) -> Self {
        self.tail.push((None, text));
        self
    }

    /// Appends another expression. The statement is cached if both allow it.
    #[must_use]
    pub(crate) fn append<T>(mut self, other: FixedSql<T>) -> Self {
        self.tail.push((None, other.head));
        self.tail.extend(other.tail);
        self.is_cached &= other.is_cached;
        self
    }

    /// Excludes the statement from the prepared-statement cache. For statements with so many variants that caching
    /// them all would fill the memory of the client and of the server.
    #[must_use]
    pub(crate) fn uncached(mut self) -> Self {
        self.is_cached = false;
        self
    }
}

impl<ST, DB> QueryFragment<DB> for FixedSql<ST>
where
    DB: Backend + HasSqlType<Bool> + HasSqlType<Timestamptz>,
    bool: ToSql<Bool, DB>,
    i64: ToSql<BigInt, DB>,
    String: ToSql<Text, DB>,
    Timestamp: ToSql<Timestamptz, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.is_cached {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql(self.head);
        for (value, text) in &self.tail {
            match value {
                Some(BindValue::Bool(value)) => out.push_bind_param::<Bool, _>(value)?,
                Some(BindValue::Integer(number)) => out.push_bind_param::<BigInt, _>(number)?,
                Some(BindValue::Text(text)) => out.push_bind_param::<Text, _>(text)?,
                Some(BindValue::Time(time)) => out.push_bind_param::<Timestamptz, _>(time)?,
                None => {}
            }
            out.push_sql(text);
        }
        Ok(())
    }
}

impl<ST: diesel::sql_types::SqlType + diesel::expression::TypedExpressionType> Expression for FixedSql<ST> {
    type SqlType = ST;
}

/// A whole statement whose rows have the type `ST`.
impl<ST> Query for FixedSql<ST> {
    type SqlType = ST;
}

impl<ST, C> RunQueryDsl<C> for FixedSql<ST> {}

/// The text is not part of the type, so the cache key must be the SQL text.
impl<ST> QueryId for FixedSql<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST, Tables> SelectableExpression<Tables> for FixedSql<ST> where Self: Expression {}
impl<ST, Tables> AppearsOnTable<Tables> for FixedSql<ST> where Self: Expression {}

impl<ST, Group> ValidGrouping<Group> for FixedSql<ST> {
    type IsAggregate = is_aggregate::Never;
}
