//! Front matter: the block of metadata at the start of a Markdown file.
//!
//! 1. YAML between `---` and `---` or `...`, in nearly all generators.
//! 2. TOML between `+++` and `+++`, in Hugo and Zola.
//! 3. A JSON object, in Hugo.

mod json;
mod scalar;
mod toml;
mod value;
mod yaml;

pub(crate) use crate::transfer::formats::markdown::front_matter::value::FrontMatterValue;

/// The maximum size of front matter in bytes. All fields of a post together are smaller.
pub(super) const MAX_FRONT_MATTER: usize = 256 * 1024;

/// A file, divided.
#[derive(Debug, PartialEq)]
pub(crate) struct Document<'a> {
    /// The members of the front matter, in the order of the file.
    pub(crate) members: Vec<(String, FrontMatterValue)>,
    /// The content, without the blank line after the front matter and without the last line end.
    pub(crate) body: &'a str,
}

pub(super) fn has_front_matter(text: &str) -> bool {
    Fence::of(text).is_some() || json::is_json(text)
}

/// Divides the text of a file and parses its front matter. A text without front matter is content as a whole.
pub(crate) fn parse(text: &str) -> Result<Document<'_>, String> {
    let (members, rest, line_end) = if let Some(fence) = Fence::of(text) {
        let Fenced { block, rest, line_end } = fence.split(text)?;
        check_size(block)?;
        let members = match fence {
            Fence::Yaml => yaml::parse(block, 2)?,
            Fence::Toml => toml::parse(block, 2)?,
        };
        (members, rest, line_end)
    } else if json::is_json(text) {
        let (members, length) = json::parse(text)?;
        let (block, rest) = text.split_at_checked(length).unwrap_or((text, ""));
        check_size(block)?;
        let line_end = if rest.starts_with("\r\n") { "\r\n" } else { "\n" };
        (members, rest.strip_prefix(line_end).unwrap_or(rest), line_end)
    } else {
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        return Ok(Document { members: Vec::new(), body: text.strip_suffix(line_end).unwrap_or(text) });
    };
    let body = rest.strip_prefix(line_end).unwrap_or(rest);
    Ok(Document { members, body: body.strip_suffix(line_end).unwrap_or(body) })
}

fn check_size(block: &str) -> Result<(), String> {
    if block.len() <= MAX_FRONT_MATTER { Ok(()) } else { Err("the front matter is longer than 256 KiB".to_owned()) }
}

/// The line that encloses front matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fence {
    Yaml,
    Toml,
}

/// The parts of a text with fenced front matter.
struct Fenced<'a> {
    block: &'a str,
    /// The text after the line of the second fence.
    rest: &'a str,
    /// The line end of the first fence. The rest of the file can have other ones.
    line_end: &'static str,
}

impl Fence {
    /// The fence on the first line.
    fn of(text: &str) -> Option<Self> {
        match text.split('\n').next().unwrap_or_default().trim_end() {
            "---" => Some(Self::Yaml),
            "+++" => Some(Self::Toml),
            _ => None,
        }
    }

    fn closes(self, line: &str) -> bool {
        match line.trim_end() {
            "---" | "..." => self == Self::Yaml,
            "+++" => self == Self::Toml,
            _ => false,
        }
    }

    /// Splits a text that begins with this fence.
    fn split(self, text: &str) -> Result<Fenced<'_>, String> {
        let mut lines = text.split_inclusive('\n');
        let first = lines.next().unwrap_or_default();
        let line_end = if first.ends_with("\r\n") { "\r\n" } else { "\n" };
        let mut end = first.len();
        for line in lines {
            let next = end + line.len();
            if self.closes(line) {
                let block = text.get(first.len()..end).unwrap_or_default();
                return Ok(Fenced { block, rest: text.get(next..).unwrap_or_default(), line_end });
            }
            end = next;
        }
        Err(format!("the front matter has no end: there is no second line {}", first.trim_end()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any, prop_assert, prop_oneof, proptest};
    use proptest::sample::select;

    use super::*;

    fn split(text: &str) -> (Vec<String>, String) {
        let Document { members, body } = parse(text).unwrap();
        (members.into_iter().map(|(name, _)| name).collect(), body.to_owned())
    }

    #[test]
    fn content_keeps_everything_but_the_line_ends_around_it() {
        for (text, names, body) in [
            ("---\na: 1\n---\nText\n", &["a"][..], "Text"),
            ("---\na: 1\n---\n\n\n Text \n\n", &["a"], "\n Text \n"),
            ("--- \r\na: 1\r\n---\t\r\n\r\nText\r\n", &["a"], "Text"),
            ("---\na: 1\n---\n\nText\r\n", &["a"], "Text\r"),
            ("---\na: 1\n...\nText", &["a"], "Text"),
            ("---\n---\n", &[], ""),
            ("---\n---", &[], ""),
            ("---\na: 1\n---\n\n---\nb: 1\n---\n", &["a"], "---\nb: 1\n---"),
            ("+++\na = 1\n+++\nText\n", &["a"], "Text"),
            ("{\"a\": 1}\n\nText\n", &["a"], "Text"),
            ("{\"a\": 1}", &["a"], ""),
            ("Text\n\n---\n", &[], "Text\n\n---"),
            ("----\nText", &[], "----\nText"),
            (" ---\na: 1\n---\n", &[], " ---\na: 1\n---"),
            ("", &[], ""),
            ("a\r\nb\r\n", &[], "a\r\nb"),
        ] {
            assert_eq!(split(text), (names.iter().map(ToString::to_string).collect(), body.to_owned()), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_front_matter_is_parsed_or_rejected(
            fence in select(vec!["---", "+++", "{\"a\":"]),
            pieces in vec(prop_oneof![
                select(vec![
                    "\n", "\n", " ", "  ", "a", "b: ", ": ", "- ", "? ", "[", "]", "{", "}", ", ", "&a ", "*a",
                    "!!str ",
                    "!x ", "|\n", ">-\n", "'", "\"", "\\", "#", "%YAML 1.2\n", "<<: ", "\t", "\r\n", "0x", "1e5", ".",
                    "=", "[[", "]]", "\"\"\"", "2020-01-01", "true", "~", "\u{feff}", "\u{85}", "...\n", "---\n",
                ]).prop_map(str::to_owned),
                any::<char>().prop_map(String::from),
            ], 0..40),
        ) {
            let text = format!("{fence}\n{}\n{fence}\nText", pieces.concat());
            if let Ok(Document { members, body }) = parse(&text) {
                prop_assert!(text.ends_with(body));
                let _ = FrontMatterValue::Object(members).into_json();
            }
        }
    }

    #[test]
    fn broken_front_matter_is_an_error() {
        let long = format!("---\na: {}\n---\n", "x".repeat(MAX_FRONT_MATTER));
        for (text, expected) in [
            ("---\na: 1\n", "the front matter has no end: there is no second line ---"),
            ("+++\na = 1\n---\n", "there is no second line +++"),
            ("---", "there is no second line ---"),
            ("---\na: 1\na: 2\n---\n", "line 3: the key \"a\" occurs twice"),
            ("+++\na = \n+++\n", "line 2: invalid TOML"),
            (&long, "the front matter is longer than 256 KiB"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
