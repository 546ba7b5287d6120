//! Import of WordPress exports (WXR).

use std::io::Write;

use serde_json::{Value, json};

use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase, on_both};
use crate::transfer::import_export::{exported, sandbox};
use crate::transfer::other_formats::{fields, import};

/// A file as WordPress 6 exports it, with these items.
pub(super) fn wordpress(items: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8" ?>
<!-- This is a WordPress eXtended RSS file. -->
<!-- generator="WordPress/6.7" created="2026-01-31 12:00" -->
<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"
    xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:wp="http://wordpress.org/export/1.2/">
<channel>
    <title>A site</title>
    <wp:wxr_version>1.2</wp:wxr_version>
    <wp:author><wp:author_login><![CDATA[me]]></wp:author_login></wp:author>
    <wp:category><wp:cat_name><![CDATA[News]]></wp:cat_name></wp:category>
    <wp:tag><wp:tag_name><![CDATA[tag]]></wp:tag_name></wp:tag>
    {items}
</channel>
</rss>
"#
    )
}

pub(super) struct WordpressItem<'a> {
    pub(super) title: &'a str,
    pub(super) name: &'a str,
    pub(super) status: &'a str,
    pub(super) kind: &'a str,
    pub(super) date: &'a str,
    pub(super) more: &'a str,
}

pub(super) const POST: WordpressItem<'_> = WordpressItem {
    title: "<![CDATA[A post]]>",
    name: "a-post",
    status: "publish",
    kind: "post",
    date: "2020-02-29 23:59:59",
    more: "",
};

pub(super) fn item(fields: &WordpressItem<'_>) -> String {
    let WordpressItem { title, name, status, kind, date, more } = fields;
    format!(
        "<item><title>{title}</title><link>https://example.org/?p=1</link>
        <pubDate>Sat, 29 Feb 2020 23:59:59 +0000</pubDate><dc:creator><![CDATA[me]]></dc:creator>
        <content:encoded><![CDATA[<p>Text of {name}</p>]]></content:encoded>
        <excerpt:encoded><![CDATA[]]></excerpt:encoded><wp:post_id>1</wp:post_id>
        <wp:post_date><![CDATA[{date}]]></wp:post_date><wp:post_date_gmt><![CDATA[{date}]]></wp:post_date_gmt>
        <wp:post_modified_gmt><![CDATA[2021-01-01 00:00:00]]></wp:post_modified_gmt>
        <wp:post_name><![CDATA[{name}]]></wp:post_name><wp:status><![CDATA[{status}]]></wp:status>
        <wp:post_type><![CDATA[{kind}]]></wp:post_type>{more}</item>"
    )
}

#[on_both]
async fn wordpress_posts_keep_slug_html_state_and_times(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let file = wordpress(
        &[
            item(&WordpressItem {
                more: "<wp:comment><wp:comment_id>1</wp:comment_id><title>not the post's</title></wp:comment>
                <wp:postmeta><wp:meta_key>x</wp:meta_key></wp:postmeta><category domain=\"category\">News</category>",
                ..POST
            }),
            item(&WordpressItem {
                title: "Tom &amp; &#74;erry &lt;3",
                name: "draft",
                status: "draft",
                date: "0000-00-00 00:00:00",
                ..POST
            }),
            item(&WordpressItem { name: "future", status: "future", date: "2999-01-01 00:00:00", ..POST }),
            item(&WordpressItem { name: "private", status: "private", ..POST }),
            item(&WordpressItem {
                name: "secret",
                more: "<wp:post_password><![CDATA[pw]]></wp:post_password>",
                ..POST
            }),
            item(&WordpressItem { name: "gone__trashed", status: "trash", ..POST }),
            item(&WordpressItem { name: "about", kind: "page", ..POST }),
            item(&WordpressItem { name: "undated", date: "0000-00-00 00:00:00", ..POST })
                .replace("<pubDate>Sat, 29 Feb 2020 23:59:59 +0000", "<pubDate>Wed, 30 Nov -0001 00:00:00 +0000"),
            item(&WordpressItem { name: "picture", kind: "attachment", status: "inherit", ..POST }),
            item(&WordpressItem { name: "menu", kind: "nav_menu_item", ..POST }),
        ]
        .concat(),
    );
    let outcome = import(&sandbox, "wordpress", &[], &file);
    let messages: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(
        messages,
        [
            "authors imported: 6",
            "categories imported as tags: 1",
            "custom fields imported as metadata: 1",
            "attachments not imported as posts: 1",
            "comments not imported: 1",
            "descriptions and parents of categories and tags not imported: 2",
            "items other than posts, such as menus, not imported: 1",
            "pages not imported (import them with --pages): 1",
            "password-protected posts imported as drafts: 1",
            "posts in the trash not imported: 1",
            "private posts imported as drafts: 1",
            "published or scheduled posts without a date imported as drafts: 1",
        ]
    );
    assert_eq!(outcome.success(), "imported 6 posts, skipped 0 items\n");
    let stored = exported(&sandbox);
    assert_eq!(
        fields(&stored[0]),
        json!({
            "slug": "a-post", "title": "A post", "tags": ["News"], "authors": ["me"], "metadata": {"x": ""},
            "content": "<p>Text of a-post</p>", "published": true,
            "published_at": "2020-02-29T23:59:59.000000Z",
            "created_at": "2020-02-29T23:59:59.000000Z", "updated_at": "2021-01-01T00:00:00.000000Z",
        })
    );
    assert_eq!(stored[1]["title"], "Tom & Jerry <3");
    assert_eq!(stored[1]["published_at"], Value::Null);
    assert_eq!(stored[2]["scheduled_for"], "2999-01-01T00:00:00.000000Z");
    let published: Vec<bool> = stored.iter().map(|post| post["published"].as_bool().unwrap()).collect();
    assert_eq!(published, [true, false, false, false, false, false], "posts that were not public must be drafts");

    let empty = TestDatabase::create(database.engine).unwrap();
    let sandbox = Sandbox::new([("DATABASE_URL", empty.url.as_str())]);
    assert_eq!(import(&sandbox, "wordpress", &["--pages"], &file).success(), "imported 7 posts, skipped 0 items\n");
    assert_eq!(exported(&sandbox)[5]["slug"], "about");
}

#[on_both]
async fn invalid_slugs_and_titles_are_replaced_and_reported(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let file = wordpress(
        &[
            item(&WordpressItem { name: "%d0%bf%d1%80%d0%b8%d0%b2%d0%b5%d1%82-%d0%bc%d0%b8%d1%80", ..POST }),
            item(&WordpressItem { name: "with_underscore", ..POST }),
            item(&WordpressItem { name: "privet-mir", ..POST }),
            item(&WordpressItem { title: "", name: "no-title", ..POST }),
            item(&WordpressItem { title: "<![CDATA[]]>", name: "", ..POST }),
        ]
        .concat(),
    );
    let outcome = import(&sandbox, "wordpress", &[], &file);
    let messages: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("item")).collect();
    assert_eq!(
        messages,
        [
            "item 1: the slug \"привет-мир\" is invalid; it becomes privet-mir-2",
            "item 2: the slug \"with_underscore\" is invalid; it becomes with-underscore",
            "item 4: the post has no title; it becomes \"no title\"",
            "item 5: the post has no title; it becomes \"Untitled\"",
        ]
    );
    outcome.success();
    let stored = exported(&sandbox);
    let slugs: Vec<&str> = stored.iter().map(|post| post["slug"].as_str().unwrap()).collect();
    // Generated slugs avoid the explicit slugs of later items.
    assert_eq!(slugs, ["privet-mir-2", "with-underscore", "privet-mir", "no-title", "untitled"]);
}

#[on_both]
async fn invalid_items_are_reported_and_nothing_is_stored(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let long = "x".repeat(512 * 1024 + 1);
    let long_title = "y".repeat(201);
    let file = wordpress(
        &[
            item(&POST),
            item(&WordpressItem { name: "menu", kind: "nav_menu_item", ..POST }),
            item(&WordpressItem { name: "twice", more: "<wp:status>draft</wp:status>", ..POST }),
            item(&WordpressItem { name: "long", ..POST }).replace("<p>Text of long</p>", &long),
            item(&WordpressItem { name: "long-title", title: &long_title, ..POST }),
            item(&WordpressItem { name: "when", date: "yesterday", ..POST }),
        ]
        .concat(),
    );
    let outcome = import(&sandbox, "wordpress", &[], &file);
    assert!(!outcome.status.success());
    let mut messages: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(
        messages.pop(),
        Some("error: 4 items are invalid and nothing was stored; fix them, or skip them with --skip-invalid")
    );
    for (number, text) in [
        (3, "<wp:status> is repeated"),
        (4, "/content: must be at most"),
        (5, "/title: must be at most"),
        (6, "<wp:post_date_gmt>: \"yesterday\" is not a date"),
    ] {
        let is_expected = |line: &&str| line.starts_with(&format!("item {number}: ")) && line.contains(text);
        assert!(messages.iter().any(is_expected), "{number} {text}: {messages:#?}");
    }
    assert_eq!(messages.len(), 4, "{messages:#?}");
    assert_eq!(exported(&sandbox), Vec::<Value>::new());
    let outcome = import(&sandbox, "wordpress", &["--skip-invalid"], &file);
    assert_eq!(outcome.success(), "imported 1 posts, skipped 4 items\n");
}

/// Reading needs as much memory as the largest element, whose size is limited.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn large_wordpress_file_uses_little_memory() {
    const MIB: usize = 1024 * 1024;
    let Some(database) = TestDatabase::create(Engine::Sqlite) else { return };
    let sandbox = sandbox(&database);
    let (mut process, mut input) = sandbox.start_with_input("import", &["import", "--format", "wordpress", "-"]);
    let file = wordpress("SPLIT");
    let (head, tail) = file.split_once("SPLIT").unwrap();
    input.write_all(head.as_bytes()).unwrap();
    // Attachments are not stored, so this measures the reading of 200 MiB.
    let filler = format!("<content:encoded><![CDATA[{}]]></content:encoded>", "x".repeat(MIB));
    for _ in 0..200 {
        let attachment = item(&WordpressItem { kind: "attachment", more: &filler, ..POST });
        input.write_all(attachment.as_bytes()).unwrap();
    }
    let (_, peak) = process.memory();
    assert!(peak < 64 * MIB as u64, "{} MiB", peak / MIB as u64);
    input.write_all(tail.as_bytes()).unwrap();
    drop(input);
    assert!(process.wait_for_exit().await.success(), "{}", process.stderr());
    assert!(process.stderr().contains("attachments not imported as posts: 200"), "{}", process.stderr());

    for (format, head) in
        [("wordpress", "<rss><channel><item><content:encoded><![CDATA["), ("ndjson", "{\"title\": \"")]
    {
        let (mut process, mut input) = sandbox.start_with_input(format, &["import", "--format", format, "-"]);
        input.write_all(head.as_bytes()).unwrap();
        let block = "x".repeat(MIB);
        // The import exits before the end of its input.
        while input.write_all(block.as_bytes()).is_ok() {}
        assert!(!process.wait_for_exit().await.success());
        assert!(process.stderr().contains("longer than 16 MiB"), "{}", process.stderr());
    }
}
