//! Slugs of other systems that are in use, repeated, or not valid.

use serde_json::{Value, json};

use crate::support::{TestDatabase, on_both};
use crate::transfer::ghost::{ghost, ghost_post};
use crate::transfer::import_export::{exported, sandbox};
use crate::transfer::other_formats::import;
use crate::transfer::wordpress::{POST, WordpressItem, item, wordpress};

fn slugs(posts: &[Value]) -> Vec<&str> {
    posts.iter().map(|post| post["slug"].as_str().unwrap()).collect()
}

fn notes(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| line.starts_with("item ") || line.starts_with("post ")).collect()
}

#[on_both]
async fn slugs_in_use_get_numbers(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let stored = "{\"title\": \"Mine\", \"slug\": \"team\"}\n{\"title\": \"Mine\", \"slug\": \"team-2\"}\n";
    sandbox.run_with_input(&["import", "-"], stored).success();
    let posts = |slugs: &[&str]| {
        let titles = slugs.iter().enumerate().map(|(n, slug)| json!({"slug": slug, "title": format!("Post {n}")}));
        ghost(&titles.map(|change| ghost_post(&change)).collect::<Vec<_>>())
    };
    let outcome = import(&sandbox, "ghost", &[], &posts(&["team", "new", "new", "team-3", "team"]));
    assert_eq!(
        notes(&outcome.stderr),
        [
            "post 1: the slug \"team\" is already in use; it becomes team-4",
            "post 3: the slug \"new\" is already in use; it becomes new-2",
            "post 5: the slug \"team\" is already in use; it becomes team-5",
        ]
    );
    outcome.success();
    // The slugs of other posts in the file are not taken.
    assert_eq!(slugs(&exported(&sandbox)), ["team", "team-2", "team-4", "new", "new-2", "team-3", "team-5"]);
}

#[on_both]
async fn slugs_are_numbered_across_batches(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let items: String = (0..1100)
        .map(|number| {
            let (title, date) =
                (format!("Page {number}"), format!("2020-01-01 00:{:02}:{:02}", number / 60, number % 60));
            item(&WordpressItem { title: &title, name: "team", date: &date, kind: "page", ..POST })
        })
        .collect();
    let file = wordpress(&items);
    let run = || import(&sandbox, "wordpress", &["--pages", "--resumable"], &file).success();
    assert_eq!(run(), "imported 1100 posts, 0 already stored, skipped 0 items\n");
    let stored = exported(&sandbox);
    let expected: Vec<String> =
        (1..=1100).map(|number| if number == 1 { "team".into() } else { format!("team-{number}") }).collect();
    assert_eq!(slugs(&stored), expected);
    // A second run recognizes the posts by their numbered slugs.
    assert_eq!(run(), "imported 0 posts, 1100 already stored, skipped 0 items\n");
    assert_eq!(exported(&sandbox), stored);
}

/// Drafts of WordPress have no slug, and drafts that were never saved have no date either. Drafts with one title stay
/// as many as they are.
#[on_both]
async fn posts_without_a_slug_are_stored_once(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let draft = item(&WordpressItem { name: "", status: "draft", ..POST });
    let undated = draft.replace("2020-02-29 23:59:59", "0000-00-00 00:00:00").replace("<pubDate>Sat", "<pubDate>No");
    let undated = undated.replace("A post", "Undated");
    let other = |item: &str| item.replace("Text of", "Other text of");
    let wordpress = wordpress(&[&draft, &other(&draft), &undated, &other(&undated)].map(String::as_str).concat());
    let post = |html: &str| {
        let times = json!({"created_at": null, "published_at": null, "updated_at": null});
        let mut post = ghost_post(&json!({"slug": "", "status": "draft", "html": html, "title": "Ghost"}));
        post.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        post
    };
    let ghost = ghost(&[post("One"), post("Two")]);
    let w6 = include_str!("cases/w6.xml");
    for (format, file, count, units) in
        [("wordpress", wordpress.as_str(), 4, "items"), ("ghost", &ghost, 2, "posts"), ("wordpress", w6, 2, "items")]
    {
        let run = |flags: &[&str]| import(&sandbox, format, flags, file).success();
        assert_eq!(run(&[]), format!("imported {count} posts, skipped 0 {units}\n"));
        let stored = exported(&sandbox);
        for flags in [[].as_slice(), &["--resumable"], &[]] {
            assert_eq!(run(flags), format!("imported 0 posts, {count} already stored, skipped 0 {units}\n"));
        }
        let replaced = run(&["--replace"]);
        assert!(replaced.starts_with("imported 0 posts, replaced 0, "), "{replaced}");
        assert_eq!(exported(&sandbox), stored);
    }
}

#[on_both]
async fn invalid_slugs_are_reported_as_given(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let long = "a".repeat(300);
    let given = [
        ("%E2%80%94", "A title", "a-title"),
        ("「」", "—", "post"),
        ("%E0%B8%AA%E0%B8%A7%E0%B8%B1", "A title", "swa"),
        ("%d0%bf%d1%80%d0%b8%d0%b2%d0%b5%d1%82", "A title", "privet"),
        ("with_underscore", "A title", "with-underscore"),
        ("100%-sure", "A title", "100-sure"),
        ("\u{202e}%1b%5b2J", "A title", "2j"),
        (long.as_str(), "A title", &long[..200]),
        (" \n", "A title", "a-title-2"),
    ];
    let items: String = given.iter().map(|(name, title, _)| item(&WordpressItem { title, name, ..POST })).collect();
    let outcome = import(&sandbox, "wordpress", &[], &wordpress(&items));
    let hundred = "a".repeat(100);
    assert_eq!(
        notes(&outcome.stderr),
        [
            "item 1: the slug \"—\" has no ASCII spelling; it becomes a-title",
            "item 2: the slug \"「」\" has no ASCII spelling; it becomes post",
            "item 3: the slug \"สวั\" is invalid; it becomes swa",
            "item 4: the slug \"привет\" is invalid; it becomes privet",
            "item 5: the slug \"with_underscore\" is invalid; it becomes with-underscore",
            "item 6: the slug \"100%-sure\" is invalid; it becomes 100-sure",
            "item 7: the slug \"\\u{202e}\\u{1b}[2J\" is invalid; it becomes 2j",
            &format!("item 8: the slug \"{hundred}…\" is invalid; it becomes {}", &long[..200]),
        ]
    );
    outcome.success();
    assert_eq!(slugs(&exported(&sandbox)), given.map(|(_, _, slug)| slug));
}
