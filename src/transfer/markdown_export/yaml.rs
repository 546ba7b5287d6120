//! Writes YAML in block style.
//!
//! A string is plain only if every YAML parser reads it as a string: YAML 1.1 also has `yes`, `12:30`, and dates. Other
//! strings have double quotation marks and the escapes of JSON, on one line.

use serde_json::Value;

/// Appends `key: value` at the indentation of `level`.
pub(super) fn write_member(out: &mut String, key: &str, value: &Value, level: usize) {
    indent(out, level);
    write_string(out, key);
    out.push(':');
    write_value(out, value, level + 1);
}

/// Appends a value and a line end, after a key or a hyphen.
fn write_value(out: &mut String, value: &Value, level: usize) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            for item in items {
                indent(out, level);
                out.push('-');
                write_value(out, item, level + 1);
            }
        }
        Value::Object(members) if !members.is_empty() => {
            out.push('\n');
            for (key, value) in members {
                write_member(out, key, value, level);
            }
        }
        value => {
            out.push(' ');
            match value {
                Value::String(text) => write_string(out, text),
                // Null, a boolean, a number, or an empty collection: the same as in JSON.
                value => out.push_str(&value.to_string()),
            }
            out.push('\n');
        }
    }
}

fn indent(out: &mut String, level: usize) {
    out.extend(std::iter::repeat_n("  ", level));
}

fn write_string(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
        return;
    }
    let json = Value::from(text).to_string();
    for c in json.chars() {
        if is_printable(c) {
            out.push(c);
        } else {
            out.push_str("\\u");
            out.extend([12, 8, 4, 0].map(|shift| hex_digit(u32::from(c) >> shift)));
        }
    }
}

/// The hexadecimal digit of the lowest 4 bits.
fn hex_digit(bits: u32) -> char {
    char::from_digit(bits & 0xf, 16).unwrap_or_default()
}

/// Whether the text needs no quotation marks: a path, or words that begin with a letter, without punctuation that has a
/// meaning.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    let is_safe = |c: char| c.is_alphanumeric() || " -_.,/()+!?".contains(c);
    text.starts_with(|first: char| first.is_alphabetic() || first == '/')
        && !text.ends_with(' ')
        && text.chars().all(is_safe)
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether YAML allows the character as it is (YAML 1.2.2, section 5.1), and editors show it.
fn is_printable(c: char) -> bool {
    !matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};
    use proptest::sample::select;
    use serde_json::json;

    use super::*;
    use crate::transfer::formats::markdown::front_matter;
    use crate::transfer::formats::markdown::front_matter::FrontMatterValue;

    fn text() -> impl Strategy<Value = String> {
        let special = vec![
            "yes", "No", "null", "1.0", "1_000", "0x1F", "2020-01-01", "12:30", "---", "- ", "a: ", " #", "\"", "'",
            "\\", "{", "}", "[", "]", "&a", "*a", "!", "|", ">", "%", "@", "`", ",", "?", ":", "=", "<<", " ", "\n",
            "\r", "\t", "\u{85}", "\u{2028}", "\u{feff}", "\u{fffe}", "\u{7f}", "\u{200b}", "e\u{301}",
        ];
        vec(prop_oneof![select(special).prop_map(str::to_owned), any::<char>().prop_map(String::from)], 0..5)
            .prop_map(|pieces| pieces.concat())
    }

    fn value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            text().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| json!(number)),
        ];
        scalar.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..5).prop_map(Value::from),
                vec((text(), inner), 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn front_matter_is_read_as_it_was_written(members in vec((text(), value()), 0..5)) {
            let members: serde_json::Map<String, Value> = members.into_iter().collect();
            let mut text = "---\n".to_owned();
            for (key, value) in &members {
                write_member(&mut text, key, value, 0);
            }
            text.push_str("---\n");
            let document = front_matter::parse(&text);
            let read = document.map(|document| FrontMatterValue::Object(document.members).into_json());
            // As text, so that the order and the types of numbers count.
            prop_assert_eq!(read.map(|read| read.to_string()), Ok(Value::Object(members).to_string()), "{}", text);
        }
    }

    #[test]
    fn values_are_written_in_block_style() {
        let value = json!({
            "words": "Hello, world", "colon": "a: b", "yes": "yes", "Yes please": "Yes please", "number": "1.0",
            "date": "2020-01-01", "multi": "a\nb\t\"c\"\\", "hidden": "\u{85}\u{feff}\u{1f980}é", "": " ",
            "list": ["a", 1, null, [true, []], {"b": 1.5}], "empty": {}, "none": [], "end": "a ",
        });
        let mut out = String::new();
        write_member(&mut out, "all", &value, 0);
        let expected = r#"all:
  words: Hello, world
  colon: "a: b"
  "yes": "yes"
  Yes please: Yes please
  number: "1.0"
  date: "2020-01-01"
  multi: "a\nb\t\"c\"\\"
  hidden: "\u0085\ufeff🦀é"
  "": " "
  list:
    - a
    - 1
    - null
    -
      - true
      - []
    -
      b: 1.5
  empty: {}
  none: []
  end: "a "
"#;
        assert_eq!(out, expected);
    }
}
