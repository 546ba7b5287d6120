//! [`JsonText`]: a column that contains JSON.

use std::borrow::Cow;

use diesel::backend::Backend;
use diesel::deserialize::{FromSql, FromSqlRow, Result as FromSqlResult};
use diesel::expression::AsExpression;
use diesel::serialize::{Output, Result as ToSqlResult, ToSql};
use diesel::sql_types::Text;
use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::posts::column_text::ColumnText;

/// JSON as the text of a column. Responses contain the text as it is stored, without parsing it.
#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct JsonText(String);

impl JsonText {
    /// The compact JSON of a value.
    #[must_use]
    pub fn of(value: &impl Serialize) -> Self {
        // A value that is not representable as JSON becomes an empty text, which the table rejects.
        Self(serde_json::to_string(value).unwrap_or_default())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value; `None` if the JSON has another type, or is nested more than 127 deep.
    #[must_use]
    pub fn parse<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.0).ok()
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = on_one_line(&self.0);
        let json: &RawValue = serde_json::from_str(&text).map_err(S::Error::custom)?;
        json.serialize(serializer)
    }
}

/// The JSON of a column as responses contain it. An external writer may have written line breaks between the values.
/// Strings contain none. An export needs its lines, and a space has the same meaning.
fn on_one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) { Cow::Owned(json.replace(['\n', '\r'], " ")) } else { Cow::Borrowed(json) }
}

/// Appends the JSON of a column, like the serialization of [`JsonText`].
///
/// # Errors
/// The text is not JSON.
pub(crate) fn append(text: &str, json: &mut Vec<u8>) -> serde_json::Result<()> {
    let text = on_one_line(text);
    let value: &RawValue = serde_json::from_str(&text)?;
    json.extend_from_slice(value.get().as_bytes());
    Ok(())
}

impl ColumnText for JsonText {
    fn sql(column: &str) -> String {
        column.to_owned()
    }

    fn text(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.0))
    }
}

impl<DB: Backend> FromSql<Text, DB> for JsonText
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> FromSqlResult<Self> {
        String::from_sql(bytes).map(Self)
    }
}

impl<DB: Backend> ToSql<Text, DB> for JsonText
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> ToSqlResult {
        self.0.as_str().to_sql(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_json_is_rendered_as_it_is_on_one_line() {
        for (stored, rendered) in
            [("[]", "[]"), (r#"[ "a\n" , 1.50 ]"#, r#"[ "a\n" , 1.50 ]"#), ("{\n \"a\":\r\n1}", "{  \"a\":  1}")]
        {
            assert_eq!(serde_json::to_string(&JsonText(stored.to_owned())).unwrap(), rendered);
        }
        assert!(serde_json::to_string(&JsonText("[".to_owned())).is_err());
    }
}
