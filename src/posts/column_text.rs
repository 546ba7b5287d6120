//! [`ColumnText`]: the text of a column, equal in Rust and in PostgreSQL.

use std::borrow::Cow;

use crate::db::Timestamp;

/// A type of a column.
pub(crate) trait ColumnText {
    /// The expression for the text of a column on PostgreSQL. It does not depend on settings of the session.
    fn sql(column: &str) -> String;

    /// The same text; `None` for null.
    fn text(&self) -> Option<Cow<'_, str>>;
}

impl ColumnText for String {
    fn sql(column: &str) -> String {
        column.to_owned()
    }

    fn text(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self))
    }
}

impl ColumnText for i64 {
    fn sql(column: &str) -> String {
        format!("{column}::text")
    }

    fn text(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Owned(self.to_string()))
    }
}

impl ColumnText for bool {
    fn sql(column: &str) -> String {
        format!("{column}::text")
    }

    fn text(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(if *self { "true" } else { "false" }))
    }
}

impl ColumnText for Timestamp {
    fn sql(column: &str) -> String {
        format!("(extract(epoch FROM {column}) * 1000000)::bigint::text")
    }

    fn text(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Owned(self.as_microseconds().to_string()))
    }
}

impl<T: ColumnText> ColumnText for Option<T> {
    fn sql(column: &str) -> String {
        T::sql(column)
    }

    fn text(&self) -> Option<Cow<'_, str>> {
        self.as_ref()?.text()
    }
}
