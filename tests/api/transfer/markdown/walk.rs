//! Which files an import reads.

use std::fs;

use crate::support::{TestDatabase, on_both};
use crate::transfer::import_export::sandbox;
use crate::transfer::markdown::{import, import_one, messages, stored, write_files};

fn slugs(sandbox: &crate::support::program::Sandbox) -> Vec<String> {
    stored(sandbox).iter().map(|post| post["slug"].as_str().unwrap().to_owned()).collect()
}

#[on_both]
async fn folders_are_walked_in_the_order_of_names(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let post = "---\ntitle: x\ndraft: true\n---\n";
    write_files(
        &sandbox,
        &[
            ("in/b.md", post),
            ("in/a/z.MARKDOWN", post),
            ("in/a/y.mdx", post),
            ("in/c.txt", "x"),
            ("in/README.md", "# A repository\n"),
            ("in/readme.fr.md", "# Un dépôt\n"),
            ("in/a/_index.md", post),
            ("in/a/_index.fr.md", post),
            ("in/.git/hidden.md", post),
            ("in/.hidden.md", post),
            ("in/node_modules/package/docs.md", post),
            ("other/b.md", post),
            ("other/readme.md", "---\nslug: read-me\n---\n"),
        ],
    );
    let outcome = import(&sandbox, &["in", "in/a", "other/", "in/b.md", "other"]);
    assert_eq!(
        messages(&outcome),
        [
            "other/b.md: the slug \"b\" is already in use; it becomes b-2",
            "other/readme.md: the post has no title; it becomes \"readme\"",
            "README files without front matter skipped: 2",
            "files other than .md, .markdown, and .mdx skipped: 1",
            "posts in MDX, stored as text: 1",
            "posts without a date imported as drafts: 1",
            "section pages (_index.md) skipped: 2",
        ]
    );
    assert_eq!(outcome.success(), "imported 5 posts, skipped 0 files\n");
    assert_eq!(slugs(&sandbox), ["y", "z", "b", "b-2", "read-me"]);

    let again = import(&sandbox, &["in", "other"]).success();
    assert_eq!(again, "imported 0 posts, 5 already stored, skipped 0 files\n");
    let resumed = import(&sandbox, &["--resumable", "in", "other"]).success();
    assert_eq!(resumed, "imported 0 posts, 5 already stored, skipped 0 files\n");
}

#[cfg(unix)]
#[on_both]
async fn links_in_folders_are_not_followed(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(&sandbox, &[("real/a.md", "---\ntitle: A\n---\n"), ("secret.md", "secret")]);
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, sandbox.path(name)).unwrap();
    link("..", "real/loop");
    link("../secret.md", "real/secret.md");
    link("missing", "real/broken.md");
    link("real", "root");
    let outcome =
        sandbox.shell("mkfifo real/pipe.md; posts-api import --format markdown root secret.md/../real 2>&1 || true");
    assert!(outcome.stdout.contains("Not a directory"), "{}", outcome.stdout);
    let outcome = import(&sandbox, &["root"]);
    let messages = messages(&outcome);
    assert!(messages.contains(&"symbolic links skipped: 3"), "{messages:#?}");
    assert!(messages.contains(&"special files skipped: 1"), "{messages:#?}");
    outcome.success();
    assert_eq!(slugs(&sandbox), ["a"]);
}

#[on_both]
async fn broken_files_are_reported_by_path(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(
        &sandbox,
        &[
            ("in/good.md", "---\ntitle: Good\n---\n"),
            ("in/yaml.md", "---\ntitle: a\ntitle: b\n---\n"),
            ("in/open.md", "---\ntitle: a\n"),
            ("in/nul.md", "Text\0"),
            ("in/long.md", &"x".repeat(512 * 1024 + 2)),
            ("in/longer.md", &"x".repeat(10 * 1024 * 1024)),
            ("in/longest-allowed.md", &"x".repeat(512 * 1024)),
        ],
    );
    fs::write(sandbox.path("in/latin.md"), b"---\ntitle: caf\xe9\n---\n").unwrap();
    fs::write(sandbox.path("in/utf16.md"), b"\xff\xfea\0").unwrap();
    let expected = [
        "in/latin.md: is not UTF-8, at byte 14",
        "in/long.md: /content: must be at most 524288 bytes of UTF-8",
        "in/longer.md: is longer than 768 KiB: 512 KiB of content and 256 KiB of front matter",
        "in/nul.md: /content: must not contain U+0000",
        "in/open.md: the front matter has no end: there is no second line ---",
        "in/utf16.md: the file is encoded as UTF-16; convert it to UTF-8",
        "in/yaml.md: line 3: the key \"title\" occurs twice",
    ];
    let outcome = import(&sandbox, &["in"]);
    assert!(!outcome.status.success());
    let found = messages(&outcome);
    assert_eq!(found[..7], expected, "{found:#?}");
    assert_eq!(
        found[7],
        "error: 7 files are invalid and nothing was stored; fix them, or skip them with --skip-invalid"
    );
    assert_eq!(slugs(&sandbox), [""; 0]);

    let outcome = import(&sandbox, &["--skip-invalid", "in"]);
    for line in expected {
        assert!(outcome.stderr.contains(line), "{line}: {}", outcome.stderr);
    }
    assert_eq!(outcome.success(), "imported 2 posts, skipped 7 files\n");
    assert_eq!(slugs(&sandbox), ["good", "longest-allowed"]);
}

#[on_both]
async fn paths_are_checked_before_the_database_is_created(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let line = import(&sandbox, &["missing"]).error_line();
    assert!(line.starts_with("error: missing: "), "{line}");
    let line = sandbox.run(&["import", "a", "b"]).error_line();
    assert!(line.contains("only --format markdown accepts several paths"), "{line}");
    assert_eq!(sandbox.run(&["import"]).status.code(), Some(2));
    let (_, messages) = import_one(&sandbox, "a.txt.md", "---\ntitle: a\ndraft: true\n---\n");
    assert_eq!(messages, ["a.txt.md: the slug \"a.txt\" is invalid; it becomes a-txt"]);
}
