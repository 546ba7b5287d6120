//! Imports of the same files again, without `--replace`.

use crate::support::{TestDatabase, on_both, wait_until};
use crate::transfer::import_export::sandbox;
use crate::transfer::markdown::{find, import, stored, write_files};

/// Two pairs of files with the same title and slug, which differ in their text only.
#[on_both]
async fn undated_files_are_stored_once(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(
        &sandbox,
        &[
            ("in/Caps_Name.md", "One"),
            ("in/b/Caps_Name.md", "Two"),
            ("in/notes.md", "---\ntitle: T\ndraft: false\n---\nOne"),
            ("in/b/notes.md", "---\ntitle: T\ndraft: false\n---\nTwo"),
            ("in/dated/Caps_Name.md", "---\ndate: 2020-01-02\n---\nThree"),
        ],
    );
    assert_eq!(import(&sandbox, &["in"]).success(), "imported 5 posts, skipped 0 files\n");
    let before = stored(&sandbox);
    for flags in [["in"].as_slice(), &["--resumable", "in"], &["in"]] {
        let output = import(&sandbox, flags).success();
        assert_eq!(output, "imported 0 posts, 5 already stored, skipped 0 files\n");
        assert_eq!(stored(&sandbox), before);
    }

    // A file that differs from every stored post is another post.
    for (text, count) in [("---\ntitle: Other\n---\nOne", 4), ("Three", 4), ("---\ntags: [a]\n---\nOne", 4)] {
        write_files(&sandbox, &[("in/Caps_Name.md", text)]);
        let output = import(&sandbox, &["in"]).success();
        assert_eq!(output, format!("imported 1 posts, {count} already stored, skipped 0 files\n"), "{text}");
    }
}

#[on_both]
async fn resumable_imports_number_undated_slugs(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(&sandbox, &[("in/Caps_Name.md", "One"), ("in/a.md", "One"), ("in/b/a.md", "Two")]);
    for output in ["imported 3 posts, 0 already stored", "imported 0 posts, 3 already stored"] {
        let run = import(&sandbox, &["--resumable", "in"]).success();
        assert_eq!(run, format!("{output}, skipped 0 files\n"));
    }
    assert_eq!(find(&stored(&sandbox), "a-2")["title"], "a");
}

/// When the service publishes a scheduled post, its version and `updated_at` change.
#[on_both]
async fn published_schedules_are_stored_once(database: TestDatabase) {
    let mut sandbox = sandbox(&database);
    sandbox.set("PORT", "0");
    let files = ["a", "b"].map(|name| (format!("in/{name}.md"), format!("title: {name}")));
    let write = |front_matter: &str| {
        for (name, title) in &files {
            write_files(&sandbox, &[(name, &format!("---\n{title}\n{front_matter}\n---\nText"))]);
        }
    };
    write("scheduled_for: 2020-01-02T03:04:05Z\ndraft: true");
    import(&sandbox, &["in"]).success();
    let mut service = sandbox.start("service", &[]);
    service.base_url().await;
    wait_until("the publication", async || stored(&sandbox).iter().all(|post| post["published"] == true)).await;
    drop(service);
    let published = stored(&sandbox);

    // The second front matter is what the first one of a generator amounts to after its date has passed.
    for front_matter in ["scheduled_for: 2020-01-02T03:04:05Z\ndraft: true", "date: 2020-01-02T03:04:05Z"] {
        write(front_matter);
        let output = import(&sandbox, &["in"]).success();
        assert_eq!(output, "imported 0 posts, 2 already stored, skipped 0 files\n", "{front_matter}");
        assert_eq!(stored(&sandbox), published);
    }

    // Another time is another post.
    write("scheduled_for: 2020-01-02T03:04:06Z\ndraft: true");
    assert_eq!(import(&sandbox, &["in"]).success(), "imported 2 posts, skipped 0 files\n");
}

#[on_both]
async fn folders_and_flags_of_other_formats_are_refused(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(&sandbox, &[("in/a.md", "One")]);
    for format in ["ndjson", "wordpress", "ghost"] {
        let line = sandbox.run(&["import", "--format", format, "in"]).error_line();
        assert_eq!(line, "error: in is a folder; import Markdown folders with --format markdown\n");
    }
    let line = import(&sandbox, &["--pages", "in"]).error_line();
    assert_eq!(line, "error: --pages is an option of --format wordpress and --format ghost\n");
    assert!(sandbox.run(&["import", "missing"]).error_line().contains("missing: No such file"));
}
