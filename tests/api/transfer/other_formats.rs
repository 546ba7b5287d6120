//! What the imports of WordPress and Ghost exports have in common.

use serde_json::{Value, json};

use crate::support::program::{ProgramOutput, Sandbox};
use crate::support::{TestDatabase, on_both};
use crate::transfer::ghost::{ghost, ghost_post};
use crate::transfer::import_export::{exported, sandbox};
use crate::transfer::wordpress::{POST, WordpressItem, item, wordpress};

pub(super) fn import(sandbox: &Sandbox, format: &str, flags: &[&str], text: &str) -> ProgramOutput {
    sandbox.run_with_input(&[&["import", "--format", format], flags, &["-"]].concat(), text)
}

/// A post without the fields that the service assigns.
pub(super) fn fields(post: &Value) -> Value {
    let mut post = post.clone();
    post.as_object_mut().unwrap().retain(|field, _| !["id", "version"].contains(&field.as_str()));
    post
}

#[on_both]
async fn interrupted_import_resumes_when_run_again(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let drafts = |count: u32| -> String {
        (1..=count)
            .map(|second| {
                let date = format!("2020-01-01 00:00:{second:02}");
                item(&WordpressItem { name: "", status: "draft", date: &date, ..POST })
            })
            .collect()
    };
    let first = import(&sandbox, "wordpress", &["--resumable"], &wordpress(&drafts(3))).success();
    assert_eq!(first, "imported 3 posts, 0 already stored, skipped 0 items\n");
    let again = import(&sandbox, "wordpress", &["--resumable"], &wordpress(&drafts(5))).success();
    assert_eq!(again, "imported 2 posts, 3 already stored, skipped 0 items\n");
    let file = ghost(&[ghost_post(&json!({"slug": "b"})), ghost_post(&json!({"slug": "with_underscore"}))]);
    import(&sandbox, "ghost", &["--resumable"], &file).success();
    let again = import(&sandbox, "ghost", &["--resumable"], &file).success();
    assert_eq!(again, "imported 0 posts, 2 already stored, skipped 0 posts\n");
}

/// Without `--resumable`, too: otherwise the second import would store a copy of each post under a numbered slug.
#[on_both]
async fn importing_a_file_twice_stores_each_post_once(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let page = item(&WordpressItem { title: "A page", name: "page", kind: "page", ..POST });
    // The last two differ in their content only.
    let pages = [page.clone(), page.replace("A page", "Another page"), page.replace("Text of", "More of")];
    let wordpress = wordpress(&[vec![item(&POST)], pages.to_vec()].concat().concat());
    let ghost = ghost(&[ghost_post(&json!({"slug": "b"})), ghost_post(&json!({"slug": "with_underscore"}))]);
    for (format, file, imported, summary) in
        [("wordpress", &wordpress, 4, "skipped 0 items\n"), ("ghost", &ghost, 2, "skipped 0 posts\n")]
    {
        let run = || import(&sandbox, format, if imported == 4 { &["--pages"] } else { &[] }, file).success();
        assert_eq!(run(), format!("imported {imported} posts, {summary}"));
        let stored = exported(&sandbox);
        assert_eq!(run(), format!("imported 0 posts, {imported} already stored, {summary}"));
        assert_eq!(exported(&sandbox), stored);
    }
}

#[on_both]
async fn wrong_or_truncated_files_store_nothing(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let whole = wordpress(&[item(&POST), item(&WordpressItem { name: "b", ..POST })].concat());
    let cut = whole.split("<wp:post_name><![CDATA[b").next().unwrap();
    let bomb = whole.replacen("<rss", "<!DOCTYPE rss [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;\">]><rss", 1);
    let deep = whole.replacen("<item>", &format!("{}<item>", "<x>".repeat(100_000)), 1);
    let ghost_export = ghost(&[ghost_post(&json!({}))]);
    for (format, text, expected) in [
        ("wordpress", cut, "after item 2: unexpected end of file"),
        ("wordpress", &whole.replacen("</item>", "</items>", 1), "after item 1: at byte"),
        ("wordpress", &bomb, "document type"),
        ("wordpress", &deep, "expected </x>, but found </channel>"),
        ("wordpress", "<html><body/></html>", "not a WordPress export"),
        ("wordpress", "", "not a WordPress export"),
        ("wordpress", &wordpress(""), "has no <item>"),
        ("wordpress", &ghost_export, "not a WordPress export"),
        ("ghost", &ghost_export[..ghost_export.len() - 5], "failed to parse the file as a Ghost export after post 1"),
        ("ghost", "{}", "not a Ghost export"),
        ("ghost", "{\"db\": 1}", "failed to parse"),
        ("ghost", &whole, "failed to parse"),
    ] {
        let line = import(&sandbox, format, &[], text).error_line();
        assert!(line.contains(expected), "{format} {expected}: {line}");
    }
    assert_eq!(exported(&sandbox), Vec::<Value>::new());
}
