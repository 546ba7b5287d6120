//! Front matter that is written to harm the import.

use crate::support::{TestDatabase, on_both};
use crate::transfer::import_export::sandbox;
use crate::transfer::markdown::{import, messages, stored, write_files};

#[on_both]
async fn hostile_front_matter_is_rejected(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let laughs: String = (1..30).fold("a0: &a0 [lol, lol, lol]\n".to_owned(), |text, level| {
        text + &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", "))
    });
    let merges: String = (1..30).fold("m0: &m0 {k0: v}\n".to_owned(), |text, level| {
        text + &format!("m{level}: &m{level} {{<<: [*m{below}, *m{below}], k{level}: *m{below}}}\n", below = level - 1)
    });
    let keys: String = (0..20_000).flat_map(|number| [format!("k{number}"), ": 1\n".to_owned()]).collect();
    let nested: String = (0..2_000).map(|level| format!("{}a:\n", " ".repeat(level))).take(400).collect();
    let cases = [
        ("alias-bomb", format!("---\n{laughs}---\n"), "the aliases repeat too many values"),
        ("deep-flow", format!("---\na: {}\n---\n", "[".repeat(100_000)), "line 2: "),
        ("deep-json", format!("{{\"a\": {}", "[".repeat(100_000)), "recursion limit"),
        ("deep-map", format!("---\n{nested}---\n"), "is nested more than 64 levels deep"),
        ("deep-sequence", format!("---\n{}\n---\n", "- ".repeat(100_000)), "is nested more than 64 levels deep"),
        ("deep-toml", format!("+++\na = {}\n+++\n", "[".repeat(100_000)), "invalid TOML"),
        ("duplicate", "---\na: 1\nb: 2\na: 3\n---\n".to_owned(), "line 4: the key \"a\" occurs twice"),
        ("huge", format!("---\na: {}\n---\n", "x".repeat(10 * 1024 * 1024)), "is longer than 768 KiB"),
        ("long", format!("---\na: {}\n---\n", "x".repeat(300 * 1024)), "the front matter is longer than 256 KiB"),
        ("many-keys", format!("---\n{keys}---\n"), "the front matter has more than 10000 values"),
        ("merge-bomb", format!("---\n{merges}---\n"), "the aliases repeat too many values"),
        ("recursive", "---\na: &a\n  b: *a\n---\n".to_owned(), "an alias refers to a value that contains it"),
        ("tab", "---\na:\n\tb: 1\n---\n".to_owned(), "line 3: invalid YAML"),
    ];
    for (name, text, _) in &cases {
        write_files(&sandbox, &[(&format!("in/{name}.md"), text)]);
    }
    let outcome = import(&sandbox, &["in"]);
    assert!(!outcome.status.success());
    let messages = messages(&outcome);
    assert_eq!(messages.len(), cases.len() + 1, "{messages:#?}");
    for ((name, _, expected), message) in cases.iter().zip(messages) {
        assert!(message.starts_with(&format!("in/{name}.md: ")) && message.contains(expected), "{expected}: {message}");
        assert!(message.len() < 500, "{message}");
    }
    assert_eq!(stored(&sandbox).len(), 0);
}

/// Slow parsing would make this test time out: each file is as large as front matter and content can be.
#[on_both]
async fn large_files_take_linear_time(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let fill = |unit: &str, size: usize| unit.repeat(size / unit.len());
    for (index, unit) in
        ["{% ", "{{", "{{< ", "[", "*a ", "# ", "\n# a", "`", "<", "&a ", "![", "- ", "> "].iter().enumerate()
    {
        write_files(&sandbox, &[(&format!("in/content-{index}.md"), &fill(unit, 500 * 1024))]);
    }
    for (index, unit) in ["a, ", "'' ", "\"\\u0061\" ", "&", "!x ", "? ", "a: ", "\n ", "%", "#"].iter().enumerate() {
        let text = format!("---\nx: {}\n---\n", fill(unit, 200 * 1024));
        write_files(&sandbox, &[(&format!("in/front-{index}.md"), &text)]);
    }
    let outcome = import(&sandbox, &["--skip-invalid", "in"]);
    assert!(outcome.status.success(), "{}", outcome.stderr);
}
