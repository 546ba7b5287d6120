//! Tests that `docs/configuration.md` and `.env.example` match the declared settings.
//!
//! `UPDATE_DOCS=1 cargo test --lib config::reference` regenerates both files.

use std::fmt::Write as _;
use std::path::Path;

use super::settings::{ALL, Documentation, Setting};

/// The `default` of a setting that has none.
const NONE: &str = "none";
/// The maximum length of a generated line.
const WIDTH: usize = 118;

#[test]
fn configuration_page_shows_every_setting() {
    let mut text = String::new();
    let mut last_section = "";
    for Setting { variable, accepts, default, documentation } in ALL {
        let Documentation { section, flag, value_name, help, details } = documentation;
        if *section != last_section {
            write!(text, "\n## {section}\n").unwrap();
            last_section = section;
        }
        let flag = flag.replace('_', "-");
        let default = if *default == NONE { NONE.to_owned() } else { format!("`{default}`") };
        write!(text, "\n### {variable}\n\n{}\n", wrapped("", &format!("{help}. {details}."))).unwrap();
        write!(text, "- Flag: `--{flag} <{value_name}>`\n- Value: {accepts}\n- Default: {default}\n").unwrap();
    }
    assert_generated("docs/configuration.md", "<!-- settings -->\n", &text);
}

#[test]
fn env_example_shows_every_setting() {
    let mut text = String::new();
    for Setting { variable, accepts, default, documentation } in ALL {
        let default = if *default == NONE { "" } else { default };
        let comment = format!("{}. {}. Value: {accepts}.", documentation.help, documentation.details);
        write!(text, "\n{}#{variable}={default}\n", wrapped("# ", &comment.replace('`', ""))).unwrap();
    }
    assert_generated(".env.example", "see docs/configuration.md.\n", &text);
}

/// Wraps the text at [`WIDTH`] into lines that begin with `prefix`.
fn wrapped(prefix: &str, text: &str) -> String {
    let mut lines = vec![String::from(prefix)];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if line.len() + 1 + word.len() > WIDTH {
            lines.push(format!("{prefix}{word}"));
        } else {
            line.push_str(if line.len() == prefix.len() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

/// Asserts that the part of a file after `marker` is as expected. With `UPDATE_DOCS=1`, replaces it instead.
#[expect(clippy::disallowed_methods, reason = "the variable is for this test only")]
fn assert_generated(name: &str, marker: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(marker).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{head}{marker}{expected}")).unwrap();
    } else {
        assert_eq!(rest, expected, "{name} is out of date; run the test with UPDATE_DOCS=1 to regenerate it");
    }
}
