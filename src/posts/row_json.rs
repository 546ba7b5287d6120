//! Renders the columns of a row as JSON, straight from the bytes of the database.
//!
//! A page of a list has up to 100 rows with 17 columns. An owned value for each column, which is then serialized, would
//! take more time than the query.

use std::cell::RefCell;
use std::io::Write;
use std::ops::Range;

use diesel::backend::Backend;
use diesel::deserialize::{FromSql, Result};
use diesel::pg::Pg;
use diesel::row::{Field, Row};
use diesel::sql_types::{BigInt, Bool};
use diesel::sqlite::Sqlite;

use crate::db::{Timestamp, Timestamptz};
use crate::posts::excerpt;
use crate::posts::json_column;
use crate::posts::json_column::JsonText;

/// The largest buffer that a thread reuses, in bytes.
const MAX_BUFFER: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A backend whose values can be read without copying them.
pub(crate) trait RowBackend: Backend {
    fn text<'v>(value: &'v mut Self::RawValue<'_>) -> Result<&'v str>;
    fn integer(value: Self::RawValue<'_>) -> Result<i64>;
    fn boolean(value: Self::RawValue<'_>) -> Result<bool>;
    /// Appends the time in the fixed-width format of RFC 3339.
    fn render_time(value: Self::RawValue<'_>, json: &mut Vec<u8>) -> Result<Timestamp>;
}

impl RowBackend for Sqlite {
    fn text<'v>(value: &'v mut Self::RawValue<'_>) -> Result<&'v str> {
        Ok(value.read_text())
    }

    fn integer(value: Self::RawValue<'_>) -> Result<i64> {
        FromSql::<BigInt, Self>::from_sql(value)
    }

    fn boolean(value: Self::RawValue<'_>) -> Result<bool> {
        FromSql::<Bool, Self>::from_sql(value)
    }

    fn render_time(mut value: Self::RawValue<'_>, json: &mut Vec<u8>) -> Result<Timestamp> {
        Ok(Timestamp::copy_rfc3339(value.read_text(), json)?)
    }
}

impl RowBackend for Pg {
    fn text<'v>(value: &'v mut Self::RawValue<'_>) -> Result<&'v str> {
        Ok(str::from_utf8(value.as_bytes())?)
    }

    fn integer(value: Self::RawValue<'_>) -> Result<i64> {
        FromSql::<BigInt, Self>::from_sql(value)
    }

    fn boolean(value: Self::RawValue<'_>) -> Result<bool> {
        FromSql::<Bool, Self>::from_sql(value)
    }

    fn render_time(value: Self::RawValue<'_>, json: &mut Vec<u8>) -> Result<Timestamp> {
        let time = <Timestamp as FromSql<Timestamptz, Self>>::from_sql(value)?;
        time.append_rfc3339(json)?;
        Ok(time)
    }
}

/// The type of a column that can be rendered.
pub(crate) trait RenderedColumn {
    /// What lists need of the value.
    type Value;

    fn render<DB: RowBackend>(value: Option<DB::RawValue<'_>>, json: &mut Vec<u8>) -> Result<Self::Value>;
}

/// The JSON of a string, as a range of the JSON of its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StringRange(Range<usize>);

impl StringRange {
    /// The string. `json` is the JSON of the row.
    pub(crate) fn read(&self, json: &[u8]) -> String {
        // The range contains the JSON of a string, so this cannot fail.
        json.get(self.0.clone()).and_then(|json| serde_json::from_slice(json).ok()).unwrap_or_default()
    }
}

impl RenderedColumn for i64 {
    type Value = Self;

    fn render<DB: RowBackend>(value: Option<DB::RawValue<'_>>, json: &mut Vec<u8>) -> Result<Self> {
        let number = DB::integer(not_null(value)?)?;
        write!(json, "{number}")?;
        Ok(number)
    }
}

impl RenderedColumn for bool {
    type Value = Self;

    fn render<DB: RowBackend>(value: Option<DB::RawValue<'_>>, json: &mut Vec<u8>) -> Result<Self> {
        let value = DB::boolean(not_null(value)?)?;
        json.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(value)
    }
}

impl RenderedColumn for Timestamp {
    type Value = Self;

    fn render<DB: RowBackend>(value: Option<DB::RawValue<'_>>, json: &mut Vec<u8>) -> Result<Self> {
        json.push(b'"');
        let time = DB::render_time(not_null(value)?, json)?;
        json.push(b'"');
        Ok(time)
    }
}

impl RenderedColumn for Option<Timestamp> {
    type Value = Self;

    fn render<DB: RowBackend>(value: Option<DB::RawValue<'_>>, json: &mut Vec<u8>) -> Result<Self> {
        let Some(value) = value else { return Ok(render_null(json)) };
        Timestamp::render::<DB>(Some(value), json).map(Some)
    }
}

impl RenderedColumn for String {
    type Value = StringRange;

    fn render<DB: RowBackend>(value: Option<DB::RawValue<'_>>, json: &mut Vec<u8>) -> Result<StringRange> {
        let start = json.len();
        json_escape_simd::escape_into(DB::text(&mut not_null(value)?)?, json);
        Ok(StringRange(start..json.len()))
    }
}

/// The length of the string in bytes; 0 for null.
impl RenderedColumn for Option<String> {
    type Value = usize;

    fn render<DB: RowBackend>(value: Option<DB::RawValue<'_>>, json: &mut Vec<u8>) -> Result<usize> {
        let Some(mut value) = value else { return Ok(render_null(json)) };
        let text = DB::text(&mut value)?;
        json_escape_simd::escape_into(text, json);
        Ok(text.len())
    }
}

/// The length of the JSON in bytes.
impl RenderedColumn for JsonText {
    type Value = usize;

    fn render<DB: RowBackend>(value: Option<DB::RawValue<'_>>, json: &mut Vec<u8>) -> Result<usize> {
        let mut value = not_null(value)?;
        let text = DB::text(&mut value)?;
        json_column::append(text, json)?;
        Ok(text.len())
    }
}

fn not_null<T>(value: Option<T>) -> Result<T> {
    value.ok_or_else(|| diesel::result::UnexpectedNullError.into())
}

fn render_null<T: Default>(json: &mut Vec<u8>) -> T {
    json.extend_from_slice(b"null");
    T::default()
}

/// The columns of a row, in order.
pub(crate) struct Columns<'r, R> {
    row: &'r R,
    next: usize,
    json: &'r mut Vec<u8>,
}

impl<'r, R> Columns<'r, R> {
    pub(crate) fn new(row: &'r R, json: &'r mut Vec<u8>) -> Self {
        Self { row, next: 0, json }
    }

    /// Renders the next column, after `key`.
    pub(crate) fn render<'a, DB: RowBackend, T: RenderedColumn>(&mut self, key: &'static str) -> Result<T::Value>
    where
        'a: 'r,
        R: Row<'a, DB>,
    {
        self.json.extend_from_slice(key.as_bytes());
        let field = self.next_field()?;
        T::render::<DB>(field.value(), self.json)
    }

    /// Renders the next two columns, those of [`excerpt::stored()`].
    pub(crate) fn render_excerpt<'a, DB: RowBackend>(&mut self, key: &'static str) -> Result<usize>
    where
        'a: 'r,
        R: Row<'a, DB>,
    {
        self.json.extend_from_slice(key.as_bytes());
        let (stored, content) = (self.next_field()?, self.next_field()?);
        if let Some(mut value) = stored.value() {
            json_escape_simd::escape_into(DB::text(&mut value)?, self.json);
            return Ok(0);
        }
        let excerpt = match content.value() {
            Some(mut value) => excerpt::of(DB::text(&mut value)?),
            None => String::new(),
        };
        json_escape_simd::escape_into(excerpt, self.json);
        Ok(0)
    }

    fn next_field<'a, DB: RowBackend>(&mut self) -> Result<R::Field<'r>>
    where
        'a: 'r,
        R: Row<'a, DB>,
    {
        let field = self.row.get(self.next).ok_or("the row has too few columns")?;
        self.next += 1;
        Ok(field)
    }
}

/// The JSON that `render` appends to a buffer, and its result. Threads reuse their buffers: escaping a string reserves
/// six times its length.
pub(crate) fn with_buffer<T>(render: impl FnOnce(&mut Vec<u8>) -> Result<T>) -> Result<(T, Box<[u8]>)> {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        let result = render(buffer).map(|value| (value, Box::from(buffer.as_slice())));
        buffer.clear();
        buffer.shrink_to(MAX_BUFFER);
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_row_leaves_no_large_buffer() {
        let ((), json) = with_buffer(|json| {
            json_escape_simd::escape_into("\u{1}".repeat(100_000), json);
            Ok(())
        })
        .unwrap();
        assert_eq!(json.len(), 600_002);
        BUFFER.with_borrow(|buffer| assert!(buffer.capacity() <= MAX_BUFFER && buffer.is_empty()));
    }
}
