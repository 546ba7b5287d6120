//! `--replace` and `--dry-run`, for every format.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::program::{ProgramOutput, Sandbox};
use crate::support::{Api, TestDatabase, on_both};
use crate::transfer::import_export::sandbox;
use crate::transfer::markdown::{assert_fields, find, import, lines, messages, stored, write_files};
use crate::transfer::wordpress::{POST, WordpressItem, item, wordpress};

/// All stored posts with every field.
fn all(sandbox: &Sandbox) -> Vec<Value> {
    lines(&sandbox.run(&["export"]).success())
}

#[on_both]
async fn only_changed_files_change_their_posts(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let post = |text: &str| format!("---\ntitle: T\ndate: 2020-01-02\ntags: [a]\naliases: [old]\n---\n{text}\n");
    write_files(&sandbox, &[("in/same.md", &post("Same").replace("old", "old-same")), ("in/text.md", &post("Before"))]);
    let draft = "---\ntitle: Draft\n---\n";
    write_files(&sandbox, &[("in/draft.md", draft), ("in/now.md", "---\ndraft: false\ntitle: Now\n---\n")]);
    import(&sandbox, &["in"]).success();
    let before = all(&sandbox);

    write_files(&sandbox, &[("in/text.md", &post("After")), ("in/new.md", draft)]);
    let outcome = import(&sandbox, &["--replace", "in"]).success();
    assert_eq!(outcome, "imported 1 posts, replaced 1, 3 unchanged, skipped 0 files\n");
    let after = all(&sandbox);
    for slug in ["same", "draft", "now"] {
        assert_eq!(find(&after, slug), find(&before, slug));
    }
    let (old, new) = (find(&before, "text"), find(&after, "text"));
    assert_fields(
        new,
        &json!({
            "id": old["id"], "version": 2, "content": "After", "published_at": "2020-01-02T00:00:00.000000Z",
            "created_at": old["created_at"], "aliases": ["old"],
        }),
    );
    // The file gives no time of the change, which clients must still be able to notice.
    assert!(new["updated_at"].as_str() > old["updated_at"].as_str(), "{new}");
    assert_eq!(
        import(&sandbox, &["--replace", "in"]).success(),
        "imported 0 posts, replaced 0, 5 unchanged, skipped 0 files\n"
    );
    assert_eq!(all(&sandbox), after);
}

#[on_both]
async fn replaced_post_takes_the_given_times_and_state(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let write = |text: &str| write_files(&sandbox, &[("a.md", text)]);
    let run = || {
        import(&sandbox, &["--replace", "a.md"]).success();
        all(&sandbox).pop().unwrap()
    };
    write("---\ntitle: A\ndate: 2020-01-02\nupdated: 2020-02-02\n---\n");
    run();
    write("---\ntitle: A\ndate: 2020-01-03\nupdated: 2020-03-02\n---\n");
    let times = json!({
        "published_at": "2020-01-03T00:00:00.000000Z", "updated_at": "2020-03-02T00:00:00.000000Z",
        "created_at": "2020-01-02T00:00:00.000000Z",
    });
    assert_fields(&run(), &times);
    // A draft keeps the time of its first publication.
    write("---\ntitle: A\ndraft: true\n---\n");
    assert_fields(&run(), &json!({"published": false, "published_at": "2020-01-03T00:00:00.000000Z", "version": 3}));
    write("---\ntitle: A\ndate: 2999-01-03\n---\n");
    let scheduled = json!({"published": false, "scheduled_for": "2999-01-03T00:00:00.000000Z", "version": 4});
    assert_fields(&run(), &scheduled);
    assert_fields(&run(), &scheduled);
    write("---\ntitle: A\n---\n");
    assert_fields(&run(), &json!({"published": false, "scheduled_for": null, "version": 5}));
}

/// The post was created before its publication, as a scheduled post was.
#[on_both]
async fn published_schedule_is_unchanged(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let post = json!({
        "slug": "a", "title": "A", "published": true, "published_at": "2020-01-02T00:00:00Z",
        "created_at": "2019-12-01T00:00:00Z",
    });
    sandbox.run_with_input(&["import", "-"], &post.to_string()).success();
    write_files(&sandbox, &[("a.md", "---\ntitle: A\ndate: 2020-01-02\n---\n")]);
    let output = import(&sandbox, &["--replace", "a.md"]).success();
    assert_eq!(output, "imported 0 posts, replaced 0, 1 unchanged, skipped 0 files\n");
}

#[on_both]
async fn second_file_never_replaces_the_first(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let file = |title: &str| format!("---\ntitle: {title}\nslug: same\ndraft: true\n---\n");
    write_files(&sandbox, &[("in/a.md", &file("A")), ("in/b.md", &file("B"))]);
    let outcome = import(&sandbox, &["--replace", "in"]);
    assert!(!outcome.status.success());
    assert_eq!(
        messages(&outcome)[0],
        "in/b.md: /slug: same occurs earlier in the input; with --replace, every post needs a slug of its own"
    );
    assert_eq!(all(&sandbox), Vec::<Value>::new());
    for expected in ["imported 1 posts, replaced 0, 0 unchanged", "imported 0 posts, replaced 0, 1 unchanged"] {
        let outcome = import(&sandbox, &["--replace", "--skip-invalid", "in"]).success();
        assert_eq!(outcome, format!("{expected}, skipped 1 files\n"));
        assert_eq!(all(&sandbox)[0]["title"], "A");
    }
    // The posts of two batches.
    let folder =
        (0..600).map(|number| (format!("many/{number:03}.md"), file("x").replace("same", &format!("n{number}"))));
    let folder: Vec<(String, String)> = folder.collect();
    let files: Vec<(&str, &str)> = folder.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    write_files(&sandbox, &files);
    write_files(&sandbox, &[("many/599.md", &file("x").replace("same", "n1"))]);
    let outcome = import(&sandbox, &["--replace", "many"]);
    assert!(outcome.stderr.starts_with("many/599.md: /slug: n1 occurs earlier"), "{}", outcome.stderr);
}

#[on_both]
async fn other_formats_replace_by_slug_too(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let line = |title: &str, id: i64| {
        let post = json!({"id": id, "slug": "a", "title": title, "created_at": "2020-01-01T00:00:00Z", "version": 9});
        format!("{post}\n{}\n", json!({"title": "Without a slug"}))
    };
    sandbox.run_with_input(&["import", "-"], &line("Before", 7)).success();
    let output = sandbox.run_with_input(&["import", "--replace", "-"], &line("After", 3)).success();
    assert_eq!(output, "imported 1 posts, replaced 1, 0 unchanged, skipped 0 lines\n");
    assert_fields(find(&all(&sandbox), "a"), &json!({"id": 7, "title": "After", "version": 10}));
    assert_eq!(find(&all(&sandbox), "without-a-slug-2")["title"], "Without a slug");

    let post = |title| item(&WordpressItem { title, name: "привет", ..POST });
    let import = |text: &str, flags: &[&str]| {
        sandbox.run_with_input(&[&["import", "--format", "wordpress"], flags, &["-"]].concat(), text).success()
    };
    import(&wordpress(&post("Before")), &[]);
    let output = import(&wordpress(&post("After")), &["--replace"]);
    assert_eq!(output, "imported 0 posts, replaced 1, 0 unchanged, skipped 0 items\n");
    let output = import(&wordpress(&post("After")), &["--replace", "--resumable"]);
    assert_eq!(output, "imported 0 posts, replaced 0, 1 unchanged, 0 already stored, skipped 0 items\n");
    assert_eq!(find(&all(&sandbox), "privet")["title"], "After");
}

fn alias_counts(outcome: &ProgramOutput) -> Vec<String> {
    messages(outcome).into_iter().filter(|line| line.starts_with("old slugs")).map(str::to_owned).collect()
}

/// The aliases are not compared, because renames add some.
#[on_both]
async fn changes_of_aliases_are_counted(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let file = |aliases: &str| format!("---\ntitle: A\ndate: 2020-01-02\naliases: [{aliases}]\n---\n");
    let replace = |aliases: &str, flags: &[&str]| {
        write_files(&sandbox, &[("a.md", &file(aliases))]);
        let outcome = import(&sandbox, &[&["--replace", "a.md"], flags].concat());
        let counts = alias_counts(&outcome);
        assert!(outcome.success().starts_with("imported 0 posts, replaced 0, 1 unchanged"));
        counts
    };
    write_files(&sandbox, &[("a.md", &file(""))]);
    import(&sandbox, &["a.md"]).success();
    assert_eq!(replace("", &[]), [""; 0]);
    for flags in [["--dry-run"].as_slice(), &["--dry-run", "--resumable"], &[]] {
        assert_eq!(replace("x, y", flags), ["old slugs added: 2"]);
    }
    assert_eq!(replace("x, y", &[]), [""; 0]);
    assert_eq!(replace("", &["--resumable"]), [""; 0]);

    // The 51st alias pushes out the oldest one.
    let many: Vec<String> = (1..=48).map(|number| format!("old-{number}")).collect();
    assert_eq!(replace(&many.join(", "), &["--resumable"]), ["old slugs added: 48"]);
    for flags in [["--dry-run"].as_slice(), &[]] {
        assert_eq!(replace("last", flags), ["old slugs added: 1", "old slugs removed: 1"]);
    }
    let aliases = all(&sandbox)[0]["aliases"].clone();
    assert_eq!((&aliases[0], &aliases[49]), (&json!("y"), &json!("last")));
}

/// A published slug never redirects to another post.
#[on_both]
async fn publication_counts_the_redirect_that_it_removes(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let posts =
        [json!({"slug": "a", "title": "A"}), json!({"slug": "b", "title": "B", "published": true, "aliases": ["a"]})];
    sandbox.run_with_input(&["import", "-"], &format!("{}\n{}\n", posts[0], posts[1])).success();
    write_files(&sandbox, &[("a.md", "---\ntitle: A\ndate: 2020-01-02\n---\n")]);
    let outcome = import(&sandbox, &["--replace", "a.md"]);
    assert_eq!(alias_counts(&outcome), ["old slugs removed: 1"]);
    assert_eq!(outcome.success(), "imported 0 posts, replaced 1, 0 unchanged, skipped 0 files\n");
    assert_eq!(find(&all(&sandbox), "b").get("aliases"), None);
}

#[on_both]
async fn unchanged_posts_keep_their_entity_tags(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(&sandbox, &[("a.md", "---\ntitle: A\ndate: 2020-01-02\n---\nText\n")]);
    import(&sandbox, &["a.md"]).success();
    let api = Api::start(&Arc::new(database), |_| {});
    let before = api.get("/api/posts/by-slug/a").await;
    import(&sandbox, &["--replace", "a.md"]).success();
    let after = api.get("/api/posts/by-slug/a").await;
    assert_eq!(after.header("etag"), before.header("etag"));
}

#[on_both]
async fn dry_run_reports_and_stores_nothing(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(&sandbox, &[("in/a.md", "---\ntitle: A\n---\n"), ("in/b.md", "---\ntitle: B\n---\n")]);
    sandbox.run_with_input(&["import", "-"], "{\"title\": \"Old\", \"slug\": \"a\", \"id\": 5}").success();
    let before = sandbox.run(&["export", "--keys"]).success();
    let dry = import(&sandbox, &["--dry-run", "--replace", "in"]).success();
    assert_eq!(dry, "imported 1 posts, replaced 1, 0 unchanged, skipped 0 files (dry run: nothing was stored)\n");
    let line =
        "{\"title\": \"B\", \"id\": 4503599627370496}\n{\"last_ids\": {\"posts\": 4503599627370496, \"api_keys\": 77}}";
    let dry = sandbox.run_with_input(&["import", "--dry-run", "--resumable", "--keys", "-"], line).success();
    assert!(dry.ends_with("(dry run: nothing was stored)\n"), "{dry}");
    for format in ["wordpress", "ghost"] {
        let file = if format == "ghost" {
            json!({"data": {"posts": [{"title": "G", "status": "draft"}]}}).to_string()
        } else {
            wordpress(&item(&POST))
        };
        let dry = sandbox.run_with_input(&["import", "--dry-run", "--format", format, "-"], &file).success();
        assert!(dry.starts_with("imported 1 posts"), "{dry}");
    }
    // The last assigned ids are the same too.
    assert_eq!(sandbox.run(&["export", "--keys"]).success(), before);
    let outcome = sandbox.run_with_input(&["import", "--dry-run", "-"], "{\"title\": \"\"}");
    assert!(!outcome.status.success() && outcome.stderr.starts_with("line 1: /title"), "{}", outcome.stderr);
    assert_eq!(stored(&sandbox).len(), 1);
}

#[test]
fn dry_run_creates_no_database() {
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://new.db")]);
    write_files(&sandbox, &[("a.md", "Text")]);
    let line = import(&sandbox, &["--dry-run", "a.md"]).error_line();
    assert!(line.contains("there is no database"), "{line}");
    assert_eq!(sandbox.files(), ["a.md"]);
}
