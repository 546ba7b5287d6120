//! The documents show what the service does: commands, links, routes, and error codes.
//!
//! `UPDATE_DOCS=1 cargo test --test api documents` rewrites the generated tables, and
//! `tests/docs/commands --update target/debug/posts-api` the outputs of the commands.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use posts_api::routes;

use crate::support::postgres::{env_var, is_required};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn commands_print_what_the_pages_show() {
    run("tests/docs/commands", &[env!("CARGO_BIN_EXE_posts-api")]);
}

#[test]
fn links_lead_to_files_and_headings() {
    run("tests/docs/links", &[]);
}

#[expect(clippy::print_stderr, reason = "a skipped test must be visible")]
fn run(script: &str, arguments: &[&str]) {
    for tool in ["python3", "bash", "curl", "jq"] {
        if Command::new(tool).arg("--version").output().is_err() {
            assert!(!is_required(), "{tool} is missing");
            eprintln!("SKIPPED: {script}, because {tool} is missing");
            return;
        }
    }
    let outcome = Command::new(root().join(script)).args(arguments).output().unwrap();
    let output = [outcome.stdout, outcome.stderr].concat();
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&output));
}

#[test]
fn errors_page_lists_every_code() {
    let mut table = String::from("| code | status | title | meaning |\n|---|---|---|---|\n");
    let mut codes: Vec<_> = routes::error_codes().collect();
    codes.sort_by_key(|code| code.status);
    for code in codes {
        writeln!(table, "| `{}` | {} | {} | {} |", code.name, code.status.as_u16(), code.title, code.help).unwrap();
    }
    assert_generated("docs/api/errors.md", "codes", &table);
}

#[test]
fn api_index_lists_every_operation() {
    let page = std::fs::read_to_string(root().join("docs/api/README.md")).unwrap();
    let document = serde_json::to_value(routes::document()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let route = format!("`{} {path}`", method.to_uppercase());
            assert!(page.contains(&route), "docs/api/README.md does not list {route}");
        }
    }
}

/// Compares the part of a page between `<!-- name -->` and `<!-- /name -->`, or rewrites it with `UPDATE_DOCS=1`.
fn assert_generated(page: &str, name: &str, expected: &str) {
    let path: PathBuf = root().join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = text.find(&begin).unwrap() + begin.len();
    let stop = text.find(&end).unwrap();
    if env_var("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{}{expected}{}", &text[..start], &text[stop..])).unwrap();
    } else {
        assert_eq!(&text[start..stop], expected, "{page} is out of date; rewrite it with UPDATE_DOCS=1");
    }
}
