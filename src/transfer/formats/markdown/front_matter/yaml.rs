//! YAML front matter: builds values from the events of a parser, within limits.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::transfer::formats::markdown::front_matter::scalar::scalar;
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
    List { anchor: usize, items: Vec<FrontMatterValue> },
    Object { anchor: usize, members: Vec<(String, FrontMatterValue)>, key: Option<Key>, merged: Vec<FrontMatterValue> },
}

/// A key whose value follows.
enum Key {
    Name(String),
    /// [`MERGE_KEY`] without quotation marks.
    Merge,
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
            Event::Scalar(text, ScalarStyle::Plain, ..) if text == MERGE_KEY && self.expects_key() => {
                self.begin_merge();
                Ok(())
            }
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
                None => *key = Some(Key::Name(key_text(value)?)),
                Some(Key::Merge) => merged.push(value),
                Some(Key::Name(name)) if members.iter().any(|(member, _)| *member == name) => {
                    return Err(format!("the key \"{name}\" occurs twice"));
                }
                Some(Key::Name(name)) => members.push((name, value)),
            },
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(OpenCollection::Object { key: None, .. }))
    }

    fn begin_merge(&mut self) {
        if let Some(OpenCollection::Object { key, .. }) = self.open.last_mut() {
            *key = Some(Key::Merge);
        }
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parsed(text: &str) -> Value {
        FrontMatterValue::Object(parse(text, 2).unwrap()).into_json()
    }

    #[test]
    fn scalars_have_their_style_and_tag() {
        let text = "plain: 12\nsingle: '12'\ndouble: \"tr\\u0075e\"\ntag: !!str 12\nliteral: |\n  a\n  b\n\
            folded: >\n  a\n  b\n";
        assert_eq!(
            parsed(text),
            json!({"plain": 12, "single": "12", "double": "true", "tag": "12", "literal": "a\nb\n", "folded": "a b\n"})
        );
    }

    #[test]
    fn aliases_and_merge_keys_are_expanded() {
        let text = "base: &base {a: 1, b: [x]}\nlist: &list [1, 2]\nown: {b: 2, <<: *base}\nboth: {<<: [*base]}\n\
            copy: *list\nquoted: {\"<<\": 1}\n";
        assert_eq!(
            parsed(text),
            json!({
                "base": {"a": 1, "b": ["x"]}, "list": [1, 2], "own": {"b": 2, "a": 1}, "both": {"a": 1, "b": ["x"]},
                "copy": [1, 2], "quoted": {"<<": 1},
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
            ("title: a\n\tx: b\n", "line 2: invalid YAML: "),
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
            (
                &(0..6_000).flat_map(|n| [format!("a{n}"), ":\n".to_owned()]).collect::<String>(),
                "line 5002: the front matter has more than",
            ),
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
