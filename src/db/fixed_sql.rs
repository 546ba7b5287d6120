//! [`FixedSql`]: SQL expressions and statements whose text is part of this source, so that they can be cached.
//!
//! `diesel::dsl::sql` excludes its statement from the prepared-statement cache, because its text may be dynamic.
//! Parsing such a statement on each call costs more than running it.

use std::hash::Hash;
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
    tail: Vec<(Option<Part>, &'static str)>,
    is_cached: bool,
    sql_type: PhantomData<ST>,
}

/// What precedes a text.
#[derive(Debug, Clone)]
enum Part {
    Bind(BindValue),
    Number(i64),
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
        self.tail.push((Some(Part::Bind(value)), text));
        self
    }

    /// Appends a number as a literal. The caller limits how many numbers there are, because each one makes another
    /// statement.
    #[must_use]
    pub(crate) fn number(mut self, number: i64) -> Self {
        self.tail.push((Some(Part::Number(number)), ""));
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

    /// Identifies the text. Expressions of equal form have the same text.
    pub(crate) fn form(&self) -> impl Hash + use<ST> {
        let numbers = |part: &Option<Part>| if let Some(Part::Number(number)) = part { Some(*number) } else { None };
        let tail: Vec<_> = self.tail.iter().map(|(part, text)| (part.is_some(), numbers(part), *text)).collect();
        (self.head, tail)
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
        for (part, text) in &self.tail {
            match part {
                Some(Part::Bind(BindValue::Bool(value))) => out.push_bind_param::<Bool, _>(value)?,
                Some(Part::Bind(BindValue::Integer(number))) => out.push_bind_param::<BigInt, _>(number)?,
                Some(Part::Bind(BindValue::Text(text))) => out.push_bind_param::<Text, _>(text)?,
                Some(Part::Bind(BindValue::Time(time))) => out.push_bind_param::<Timestamptz, _>(time)?,
                Some(Part::Number(number)) => out.push_sql(&number.to_string()),
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
