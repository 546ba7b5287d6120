//! YAML front matter.
//!
//! Plain scalars have the types of YAML 1.2's core schema. Other YAML parsers disagree about `yes`, dates, and `1_000`,
//! which are strings here. An integer of more than 64 bits is a string too, because JSON would lose its last digits.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};
use serde_json::{Number, Value};

use crate::transfer::formats::markdown::front_matter::value::FrontMatterValue;

/// The maximum nesting. Metadata is limited to 5 levels, so more levels are an attack or a mistake.
const MAX_DEPTH: usize = 64;
/// The maximum number of values. Metadata is limited to 200, and looking for a key takes time for each other key.
const MAX_VALUES: usize = 10_000;
/// The maximum size of what aliases repeat, in bytes. Without a limit, 10 lines of aliases of aliases could occupy any
/// amount of memory ("billion laughs").
const MAX_REPEATED: usize = 1024 * 1024;

/// Parses a mapping. An error begins with the line, counted from `first_line`.
pub(super) fn parse(text: &str, first_line: usize) -> Result<Vec<(String, FrontMatterValue)>, String> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error: ScanError| {
            at_line(error.marker().line() - 1 + first_line, &format!("invalid YAML: {}", error.info()))
        })?;
        builder.handle(event).map_err(|problem| at_line(span.start.line() - 1 + first_line, &problem))?;
    }
    match builder.root {
        Some(FrontMatterValue::Object(members)) => Ok(members),
        Some(value) if !value.is_null() => Err("the front matter is not a mapping of keys to values".to_owned()),
        _ => Ok(Vec::new()),
    }
}

pub(super) fn at_line(line: usize, problem: &str) -> String {
    format!("line {line}: {problem}")
}

/// A collection whose end the parser has not reached.
enum OpenCollection {
    List {
        anchor: usize,
        items: Vec<FrontMatterValue>,
    },
    Object {
        anchor: usize,
        members: Vec<(String, FrontMatterValue)>,
        key: Option<String>,
        merged: Vec<FrontMatterValue>,
    },
}

#[derive(Default)]
struct Builder {
    root: Option<FrontMatterValue>,
    open: Vec<OpenCollection>,
    /// Complete values, by the id of their anchor. Ids start at 1.
    anchors: HashMap<usize, FrontMatterValue>,
    values: usize,
    repeated: usize,
}

impl Builder {
    fn handle(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => self.add(anchor, scalar(&text, style, tag.as_deref())),
            Event::SequenceStart(anchor, _) => self.begin(OpenCollection::List { anchor, items: Vec::new() }),
            Event::MappingStart(anchor, _) => {
                self.begin(OpenCollection::Object { anchor, members: Vec::new(), key: None, merged: Vec::new() })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).ok_or("an alias refers to a value that contains it")?.clone();
                self.count_repeated(&value)?;
                self.add(0, value)
            }
            Event::DocumentStart(_) if self.root.is_some() => Err("the front matter has more than one document".into()),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, collection: OpenCollection) -> Result<(), String> {
        if self.open.len() == MAX_DEPTH {
            return Err(format!("is nested more than {MAX_DEPTH} levels deep"));
        }
        self.open.push(collection);
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        match self.open.pop() {
            Some(OpenCollection::List { anchor, items }) => self.add(anchor, FrontMatterValue::List(items)),
            Some(OpenCollection::Object { anchor, mut members, merged, .. }) => {
                merge(&mut members, merged)?;
                self.add(anchor, FrontMatterValue::Object(members))
            }
            None => Ok(()),
        }
    }

    /// Adds a complete value to the innermost collection.
    fn add(&mut self, anchor: usize, value: FrontMatterValue) -> Result<(), String> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(format!("the front matter has more than {MAX_VALUES} values"));
        }
        if anchor > 0 {
            self.count_repeated(&value)?;
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(OpenCollection::List { items, .. }) => items.push(value),
            Some(OpenCollection::Object { members, key, merged, .. }) => match key.take() {
                None => *key = Some(key_text(value)?),
                Some(name) if name == MERGE_KEY => merged.push(value),
                Some(name) if members.iter().any(|(member, _)| *member == name) => {
                    return Err(format!("the key \"{name}\" occurs twice"));
                }
                Some(name) => members.push((name, value)),
            },
        }
        Ok(())
    }

    fn count_repeated(&mut self, value: &FrontMatterValue) -> Result<(), String> {
        self.repeated += size(value);
        if self.repeated > MAX_REPEATED { Err("the aliases repeat too many values".into()) } else { Ok(()) }
    }
}

/// The key of YAML 1.1 that inserts the members of other mappings.
const MERGE_KEY: &str = "<<";

/// Adds the members of the merged mappings, of which the first wins. The mapping's own members win over all of them.
fn merge(members: &mut Vec<(String, FrontMatterValue)>, merged: Vec<FrontMatterValue>) -> Result<(), String> {
    for value in merged {
        match value {
            FrontMatterValue::List(values) => merge(members, values)?,
            FrontMatterValue::Object(others) => {
                for (name, value) in others {
                    if !members.iter().any(|(member, _)| *member == name) {
                        members.push((name, value));
                    }
                }
            }
            FrontMatterValue::Scalar { .. } => return Err("the value of << is not a mapping".into()),
        }
    }
    Ok(())
}

fn key_text(key: FrontMatterValue) -> Result<String, String> {
    match key {
        FrontMatterValue::Scalar { text, .. } => Ok(text),
        _ => Err("a key is a list or a mapping".into()),
    }
}

/// The approximate size of a value in memory, in bytes.
fn size(value: &FrontMatterValue) -> usize {
    const SCALAR: usize = 64;
    SCALAR
        + match value {
            FrontMatterValue::Scalar { text, .. } => 2 * text.len(),
            FrontMatterValue::List(items) => items.iter().map(size).sum(),
            FrontMatterValue::Object(members) => members.iter().map(|(name, value)| name.len() + size(value)).sum(),
        }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> FrontMatterValue {
    let is_string = tag.is_some_and(|tag| tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "str" | "binary"));
    let json = if style == ScalarStyle::Plain && !is_string { plain_scalar(text) } else { text.into() };
    FrontMatterValue::Scalar { text: text.to_owned(), json }
}

/// The value of a plain scalar in the core schema (YAML 1.2.2, section 10.3.2).
fn plain_scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| text.into(), Value::Number),
    }
}

/// The number, unless JSON cannot hold it, or the text has leading zeros: `007` is more often a code than a number.
fn number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+')).map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().filter(|_| !digits.starts_with('+')).map(Number::from);
    }
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') || unsigned == "." {
        return None;
    }
    let has_leading_zero = unsigned.len() > 1 && unsigned.starts_with('0') && is_digits(unsigned.get(1..2)?);
    if has_leading_zero {
        return None;
    }
    if is_digits(unsigned) {
        let digits = text.strip_prefix('+').unwrap_or(text);
        return digits.parse::<u64>().map(Number::from).or_else(|_| digits.parse::<i64>().map(Number::from)).ok();
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_float = is_digits(whole) && is_digits(fraction) && is_digits(exponent) && !exponent.is_empty();
    text.parse().ok().filter(|_| is_float && !(whole.is_empty() && fraction.is_empty())).and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(text: &str) -> Value {
        FrontMatterValue::Object(parse(text, 2).unwrap()).into_json()
    }

    #[test]
    fn plain_scalars_have_the_types_of_the_core_schema() {
        for (text, expected) in [
            ("~", json!(null)),
            ("", json!(null)),
            ("True", json!(true)),
            ("yes", json!("yes")),
            ("12", json!(12)),
            ("-12", json!(-12)),
            ("+12", json!(12)),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("18446744073709551616", json!("18446744073709551616")),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0x+1", json!("0x+1")),
            ("007", json!("007")),
            ("0", json!(0)),
            ("-0.0", json!(-0.0)),
            ("1.0", json!(1.0)),
            ("1.10", json!(1.1)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("1e400", json!("1e400")),
            ("1e", json!("1e")),
            (".", json!(".")),
            (".inf", json!(".inf")),
            ("1.2.3", json!("1.2.3")),
            ("1_000", json!("1_000")),
            ("2020-01-01", json!("2020-01-01")),
            ("12:30:00", json!("12:30:00")),
            ("é", json!("é")),
            ("0é", json!("0é")),
            ("'12'", json!("12")),
            ("\"true\"", json!("true")),
            ("!!str 12", json!("12")),
            ("!custom 12", json!(12)),
            ("|\n  a\n  b", json!("a\nb\n")),
            (">\n  a\n  b", json!("a b\n")),
        ] {
            assert_eq!(parsed(&format!("key: {text}\n")), json!({"key": expected}), "{text}");
        }
    }

    #[test]
    fn aliases_and_merge_keys_are_expanded() {
        let text = "base: &base {a: 1, b: [x]}\nlist: &list [1, 2]\nown: {b: 2, <<: *base}\nboth: {<<: [*base]}\ncopy: *list\n";
        assert_eq!(
            parsed(text),
            json!({
                "base": {"a": 1, "b": ["x"]}, "list": [1, 2], "own": {"b": 2, "a": 1}, "both": {"a": 1, "b": ["x"]},
                "copy": [1, 2],
            })
        );
    }

    #[test]
    fn errors_have_the_line_of_the_file() {
        let bomb: String = (1..40).fold("a0: &a0 [x, x]\n".to_owned(), |text, level| {
            let below = level - 1;
            text + &format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}]\n")
        });
        for (text, expected) in [
            ("title: a\ntitle: b\n", "line 3: the key \"title\" occurs twice"),
            ("title: a\n\tx: b\n", "line 3: invalid YAML: "),
            ("title: \"a\nb: c\n", "invalid YAML: "),
            ("title: Colons: everywhere\n", "line 2: invalid YAML: "),
            ("a: *b\n", "line 2: invalid YAML: "),
            ("a: &a [*a]\n", "line 2: an alias refers to a value that contains it"),
            ("? [a]\n: b\n", "line 2: a key is a list or a mapping"),
            ("<<: 1\n", "the value of << is not a mapping"),
            ("just text\n", "the front matter is not a mapping of keys to values"),
            ("- a\n- b\n", "the front matter is not a mapping of keys to values"),
            (&format!("a: {}\n", "[".repeat(1_000)), "line 2: "),
            (&"- ".repeat(1_000), "line 2: is nested more than 64 levels deep"),
            (&"a:\n".repeat(6_000), "line 3: the key \"a\" occurs twice"),
            (&(0..6_000).map(|n| format!("a{n}:\n")).collect::<String>(), "line 5002: the front matter has more than"),
            (&bomb, "the aliases repeat too many values"),
            ("a: 1\n--- \nb: 2\n", "line 3: the front matter has more than one document"),
        ] {
            let error = parse(text, 2).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert_eq!(parse("", 2), Ok(Vec::new()));
        assert_eq!(parse("# only a comment\n", 2), Ok(Vec::new()));
    }
}
