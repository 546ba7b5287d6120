//! `docs/configuration.md` and `.env.example` show every setting as it is declared.
//!
//! `UPDATE_DOCS=1 cargo test --lib config::reference` rewrites both.

use std::fmt::Write as _;
use std::path::Path;

use super::settings::{ALL, Documentation, Setting};

/// What stands for a missing default.
const NONE: &str = "none";
/// Columns of a line.
const WIDTH: usize = 118;

#[test]
fn configuration_page_shows_every_setting() {
    let mut text = String::new();
    let mut last = "";
    for Setting { variable, accepts, default, documentation } in ALL {
        let Documentation { section, flag, value_name, help, details } = documentation;
        if *section != last {
            write!(text, "\n## {section}\n").unwrap();
            last = section;
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

/// The text in lines that begin with `prefix`.
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

/// Compares the part of a file that follows `marker`, or rewrites it with `UPDATE_DOCS=1`.
#[expect(clippy::disallowed_methods, reason = "the variable is for this test only")]
fn assert_generated(name: &str, marker: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(marker).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{head}{marker}{expected}")).unwrap();
    } else {
        assert_eq!(rest, expected, "{name} is stale; UPDATE_DOCS=1 rewrites it");
    }
}
