//! The commands of the README print what the README shows.

use std::process::Command;

use crate::support::postgres::is_required;

#[test]
#[expect(clippy::print_stderr, reason = "reports a skipped test")]
fn commands_print_what_the_readme_shows() {
    for tool in ["bash", "curl", "jq"] {
        if Command::new(tool).arg("--version").output().is_err() {
            assert!(!is_required(), "{tool} is missing");
            eprintln!("SKIPPED: the README's commands, because {tool} is missing");
            return;
        }
    }
    let outcome = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readme-tour"))
        .arg(env!("CARGO_BIN_EXE_posts-api"))
        .output()
        .unwrap();
    let output = [outcome.stdout, outcome.stderr].concat();
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&output));
}
