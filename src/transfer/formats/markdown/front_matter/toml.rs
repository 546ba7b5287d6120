//! TOML front matter of Hugo and Zola.

use serde_json::{Number, Value};

use crate::transfer::formats::markdown::front_matter::value::FrontMatterValue;
use crate::transfer::formats::markdown::front_matter::yaml::at_line;

/// Parses a document. An error begins with the line, counted from `first_line`.
pub(super) fn parse(text: &str, first_line: usize) -> Result<Vec<(String, FrontMatterValue)>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        at_line(first_line + before.matches('\n').count(), &format!("invalid TOML: {}", error.message()))
    })?;
    Ok(table.into_iter().map(|(name, value)| (name, convert(value))).collect())
}

fn convert(value: toml::Value) -> FrontMatterValue {
    match value {
        toml::Value::String(text) => FrontMatterValue::string(text),
        toml::Value::Integer(number) => FrontMatterValue::from_json(number.into()),
        // JSON has no infinity.
        toml::Value::Float(number) => {
            let json = Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number);
            FrontMatterValue::from_json(json)
        }
        toml::Value::Boolean(value) => FrontMatterValue::from_json(value.into()),
        toml::Value::Datetime(time) => FrontMatterValue::string(time.to_string()),
        toml::Value::Array(items) => FrontMatterValue::List(items.into_iter().map(convert).collect()),
        toml::Value::Table(table) => {
            FrontMatterValue::Object(table.into_iter().map(|(name, value)| (name, convert(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_keep_their_order_and_types() {
        let text = "title = \"T\"\ndate = 2022-07-08T10:00:00+02:00\nday = 2022-07-08\nn = 1\nf = 1.5\ni = inf\n\
            b = true\n[taxonomies]\ntags = [\"a\", \"b\"]\n[extra]\nx.y = 1\n";
        let members = parse(text, 2).unwrap();
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["title", "date", "day", "n", "f", "i", "b", "taxonomies", "extra"]);
        assert_eq!(
            FrontMatterValue::Object(members).into_json(),
            json!({
                "title": "T", "date": "2022-07-08T10:00:00+02:00", "day": "2022-07-08", "n": 1, "f": 1.5, "i": "inf",
                "b": true, "taxonomies": {"tags": ["a", "b"]}, "extra": {"x": {"y": 1}},
            })
        );
    }

    #[test]
    fn errors_have_the_line_of_the_file() {
        for (text, expected) in [
            ("a = 1\na = 2\n", "line 3: invalid TOML: duplicate key"),
            ("a = 1\nb = \n", "line 3: invalid TOML: "),
            ("title: yaml\n", "line 2: invalid TOML: "),
            (&format!("a = {}", "[".repeat(10_000)), "line 2: invalid TOML: "),
        ] {
            let error = parse(text, 2).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
