//! `export --format markdown`.

use std::fs;

use serde_json::json;

use crate::support::{TestDatabase, on_both};
use crate::transfer::import_export::sandbox;

#[on_both]
async fn front_matter_has_a_fixed_order(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let full = json!({
        "slug": "hello", "title": "Hello: a \"post\"", "description": "In short", "tags": ["Rust", "yes", "C#"],
        "authors": ["Ann Lee"], "image": "/a.png", "image_alt": "", "metadata": {"toc": true, "x": {"n": [1.5, null]}},
        "content": "# Text\n", "published": true, "published_at": "2020-01-02T00:00:00Z",
        "created_at": "2020-01-01T00:00:00.000001Z", "updated_at": "2020-01-03T00:00:00Z", "aliases": ["old"],
    });
    let scheduled = json!({
        "slug": "later", "title": "Later", "content": "", "scheduled_for": "2999-01-01T00:00:00Z",
        "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z",
    });
    sandbox.run_with_input(&["import", "-"], &format!("{full}\n{scheduled}\n")).success();
    let output = sandbox.run(&["export", "--format", "markdown", "new/folder"]).success();
    assert_eq!(output, "exported 2 posts to new/folder\n");
    let read = |name: &str| fs::read_to_string(sandbox.path("new/folder").join(name)).unwrap();
    assert_eq!(
        read("hello.md"),
        "---\ntitle: \"Hello: a \\\"post\\\"\"\nslug: hello\ndescription: In short\ndate: 2020-01-02T00:00:00Z\n\
         updated: 2020-01-03T00:00:00Z\ncreated_at: 2020-01-01T00:00:00.000001Z\ndraft: false\n\
         tags:\n  - Rust\n  - \"yes\"\n  - \"C#\"\nauthors:\n  - Ann Lee\nimage: /a.png\nimage_alt: \"\"\n\
         aliases:\n  - old\nmetadata:\n  toc: true\n  x:\n    \"n\":\n      - 1.5\n      - null\n---\n\n# Text\n\n"
    );
    assert_eq!(
        read("later.md"),
        "---\ntitle: Later\nslug: later\nscheduled_for: 2999-01-01T00:00:00Z\nupdated: 2020-01-01T00:00:00Z\n\
         created_at: 2020-01-01T00:00:00Z\ndraft: true\ncontent: \"\"\n---\n"
    );
}

#[on_both]
async fn only_force_writes_to_a_folder_with_files(database: TestDatabase) {
    let sandbox = sandbox(&database);
    sandbox.run_with_input(&["import", "-"], "{\"title\": \"A\"}\n{\"title\": \"B\"}").success();
    let export = |flags: &[&str]| sandbox.run(&[&["export", "--format", "markdown", "out"], flags].concat());
    fs::create_dir(sandbox.path("out")).unwrap();
    export(&[]).success();
    fs::write(sandbox.path("out/a.md"), "changed").unwrap();
    fs::write(sandbox.path("out/other.md"), "other").unwrap();
    let line = export(&[]).error_line();
    assert_eq!(
        line,
        "error: out is not empty; choose another folder, or replace the files of its posts with --force\n"
    );
    assert_eq!(fs::read_to_string(sandbox.path("out/a.md")).unwrap(), "changed");
    assert_eq!(export(&["--force"]).success(), "exported 2 posts to out, 1 of them unchanged\n");
    assert!(fs::read_to_string(sandbox.path("out/a.md")).unwrap().starts_with("---\ntitle: A\n"));
    assert_eq!(fs::read_to_string(sandbox.path("out/other.md")).unwrap(), "other");
    let mut names: Vec<_> = fs::read_dir(sandbox.path("out")).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.md", "b.md", "other.md"], "temporary files must not remain");
}

#[cfg(unix)]
#[on_both]
async fn links_are_replaced_and_modes_follow_the_mask(database: TestDatabase) {
    use std::os::unix::fs::PermissionsExt;

    let sandbox = sandbox(&database);
    sandbox.run_with_input(&["import", "-"], "{\"title\": \"A\"}\n{\"title\": \"B\"}").success();
    fs::create_dir(sandbox.path("out")).unwrap();
    fs::write(sandbox.path("victim"), "victim").unwrap();
    std::os::unix::fs::symlink("../victim", sandbox.path("out/a.md")).unwrap();
    sandbox.shell("umask 027; posts-api export --format markdown --force out").success();
    assert_eq!(fs::read_to_string(sandbox.path("victim")).unwrap(), "victim");
    for name in ["out/a.md", "out/b.md"] {
        let metadata = fs::symlink_metadata(sandbox.path(name)).unwrap();
        assert!(metadata.is_file());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o640, "{name}");
    }
    fs::remove_file(sandbox.path("out/b.md")).unwrap();
    fs::create_dir(sandbox.path("out/b.md")).unwrap();
    let line = sandbox.run(&["export", "--format", "markdown", "--force", "out"]).error_line();
    assert!(line.starts_with("error: out/b.md: "), "{line}");
}

#[on_both]
async fn slug_that_is_a_path_names_no_file(database: TestDatabase) {
    let sandbox = sandbox(&database);
    sandbox.run(&["migrate"]).success();
    database.execute("INSERT INTO posts (slug, title) VALUES ('../escape', 'T')");
    let line = sandbox.run(&["export", "--format", "markdown", "out"]).error_line();
    assert!(line.contains("the slug \"../escape\" of post 1 must consist of words"), "{line}");
    assert!(!sandbox.path("escape.md").exists());
}

#[on_both]
async fn options_of_the_other_format_are_rejected(database: TestDatabase) {
    let sandbox = sandbox(&database);
    sandbox.run(&["migrate"]).success();
    for (arguments, expected) in [
        (&["export", "folder"][..], "require --format markdown"),
        (&["export", "--force"], "require --format markdown"),
        (&["export", "--format", "markdown", "--keys", "folder"], "--keys requires --format ndjson"),
    ] {
        let line = sandbox.run(arguments).error_line();
        assert!(line.contains(expected), "{line}");
    }
    assert_eq!(sandbox.run(&["export", "--format", "markdown"]).status.code(), Some(2));
}
