//! Import of what WordPress and Ghost export.

use std::io::Write;

use serde_json::{Value, json};

use crate::support::program::{ProgramOutput, Sandbox};
use crate::support::{Engine, TestDatabase, on_both};

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([("DATABASE_URL", database.url.as_str())])
}

fn exported(place: &Sandbox) -> Vec<Value> {
    place.run(&["export"]).success().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn import(place: &Sandbox, format: &str, flags: &[&str], text: &str) -> ProgramOutput {
    place.run_with_input(&[&["import", "--format", format], flags, &["-"]].concat(), text)
}

/// A file as WordPress 6 writes it, with these items.
fn wordpress(items: &str) -> String {
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

struct Written<'a> {
    title: &'a str,
    name: &'a str,
    status: &'a str,
    kind: &'a str,
    date: &'a str,
    more: &'a str,
}

const POST: Written<'_> = Written {
    title: "<![CDATA[A post]]>",
    name: "a-post",
    status: "publish",
    kind: "post",
    date: "2020-02-29 23:59:59",
    more: "",
};

fn item(written: &Written<'_>) -> String {
    let Written { title, name, status, kind, date, more } = written;
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

/// A file as Ghost 5 writes it, with these posts.
fn ghost(posts: &[Value]) -> String {
    json!({"db": [{
        "meta": {"exported_on": 1_753_891_082_041_u64, "version": "5.100.0"},
        "data": {
            "benefits": [], "posts_authors": [{"post_id": "1", "author_id": "1"}],
            "posts": posts, "tags": [{"name": "News"}, {"name": "Old"}], "users": [{"name": "Me", "email": "me@example.org"}],
            "settings": [{"key": "title", "value": "A site"}],
        },
    }]})
    .to_string()
}

fn ghost_post(change: &Value) -> Value {
    let mut post = json!({
        "id": "60710b90705967038fe662d6", "uuid": "71ba3d71-ac18-4f33-82f7-1962baa83a07", "title": "A post",
        "slug": "a-post", "mobiledoc": null, "lexical": "{\"root\":{\"children\":[]}}", "html": "<p>Text</p>",
        "plaintext": "Text", "feature_image": null, "featured": 0, "type": "post", "status": "published",
        "visibility": "public", "created_at": "2020-02-28T12:00:00.000Z", "updated_at": "2021-01-01T00:00:00.000Z",
        "published_at": "2020-02-29T23:59:59.000Z", "custom_excerpt": null, "locale": null,
    });
    post.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    post
}

/// The fields that a foreign program has a say in.
fn fields(post: &Value) -> Value {
    let mut post = post.clone();
    post.as_object_mut().unwrap().retain(|field, _| !["id", "version"].contains(&field.as_str()));
    post
}

#[on_both]
async fn posts_of_wordpress_come_with_slug_html_state_and_times(database: TestDatabase) {
    let place = sandbox(&database);
    let file = wordpress(
        &[
            item(&Written {
                more: "<wp:comment><wp:comment_id>1</wp:comment_id><title>not the post's</title></wp:comment>
                <wp:postmeta><wp:meta_key>x</wp:meta_key></wp:postmeta><category domain=\"category\">News</category>",
                ..POST
            }),
            item(&Written {
                title: "Tom &amp; &#74;erry &lt;3",
                name: "draft",
                status: "draft",
                date: "0000-00-00 00:00:00",
                ..POST
            }),
            item(&Written { name: "future", status: "future", date: "2999-01-01 00:00:00", ..POST }),
            item(&Written { name: "private", status: "private", ..POST }),
            item(&Written { name: "secret", more: "<wp:post_password><![CDATA[pw]]></wp:post_password>", ..POST }),
            item(&Written { name: "gone__trashed", status: "trash", ..POST }),
            item(&Written { name: "about", kind: "page", ..POST }),
            item(&Written { name: "undated", date: "0000-00-00 00:00:00", ..POST }),
            item(&Written { name: "picture", kind: "attachment", status: "inherit", ..POST }),
            item(&Written { name: "menu", kind: "nav_menu_item", ..POST }),
        ]
        .concat(),
    );
    let outcome = import(&place, "wordpress", &[], &file);
    let told: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(
        told,
        [
            "attachments not imported: 1",
            "authors not imported: 1",
            "categories and tags not imported: 2",
            "comments not imported: 1",
            "custom fields not imported: 1",
            "items other than posts, such as menus, not imported: 1",
            "pages not imported (import them with --pages): 1",
            "password-protected posts imported as drafts: 1",
            "posts in the trash not imported: 1",
            "private posts imported as drafts: 1",
            "published or scheduled posts without a date imported as drafts: 1",
        ]
    );
    assert_eq!(outcome.success(), "imported 6 posts, skipped 0 items\n");
    let stored = exported(&place);
    assert_eq!(
        fields(&stored[0]),
        json!({
            "slug": "a-post", "title": "A post", "content": "<p>Text of a-post</p>", "published": true,
            "published_at": "2020-02-29T23:59:59.000000Z", "scheduled_for": null,
            "created_at": "2020-02-29T23:59:59.000000Z", "updated_at": "2021-01-01T00:00:00.000000Z",
        })
    );
    assert_eq!(stored[1]["title"], "Tom & Jerry <3");
    assert_eq!(stored[1]["published_at"], Value::Null);
    assert_eq!(stored[2]["scheduled_for"], "2999-01-01T00:00:00.000000Z");
    let published: Vec<bool> = stored.iter().map(|post| post["published"].as_bool().unwrap()).collect();
    assert_eq!(published, [true, false, false, false, false, false], "what not everyone could read stays hidden");

    let other = TestDatabase::create(database.engine).unwrap();
    let place = sandbox(&other);
    assert_eq!(import(&place, "wordpress", &["--pages"], &file).success(), "imported 7 posts, skipped 0 items\n");
    assert_eq!(exported(&place)[5]["slug"], "about");
}

#[on_both]
async fn slugs_and_titles_that_do_not_fit_are_made_anew_and_told(database: TestDatabase) {
    let place = sandbox(&database);
    let file = wordpress(
        &[
            item(&Written { name: "%d0%bf%d1%80%d0%b8%d0%b2%d0%b5%d1%82-%d0%bc%d0%b8%d1%80", ..POST }),
            item(&Written { name: "with_underscore", ..POST }),
            item(&Written { name: "privet-mir", ..POST }),
            item(&Written { title: "", name: "no-title", ..POST }),
            item(&Written { title: "<![CDATA[]]>", name: "", ..POST }),
        ]
        .concat(),
    );
    let outcome = import(&place, "wordpress", &[], &file);
    let told: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("item")).collect();
    assert_eq!(
        told,
        [
            "item 1: the slug \"привет-мир\" is invalid; it becomes privet-mir, with a number appended if that is in use",
            "item 2: the slug \"with_underscore\" is invalid; it becomes with-underscore, with a number appended if that is in use",
            "item 4: the post has no title; it becomes \"no title\"",
            "item 5: it has no title, and is called \"Untitled\"",
        ]
    );
    outcome.success();
    let stored = exported(&place);
    let slugs: Vec<&str> = stored.iter().map(|post| post["slug"].as_str().unwrap()).collect();
    // Slugs that are asked for come first.
    assert_eq!(slugs, ["privet-mir-2", "with-underscore", "privet-mir", "no-title", "untitled"]);
}

#[on_both]
async fn what_cannot_be_stored_is_told_by_item_and_nothing_is_stored(database: TestDatabase) {
    let place = sandbox(&database);
    let long = "x".repeat(512 * 1024 + 1);
    let long_title = "y".repeat(201);
    let file = wordpress(
        &[
            item(&POST),
            item(&Written { name: "menu", kind: "nav_menu_item", ..POST }),
            item(&Written { name: "a-post", ..POST }),
            item(&Written { name: "entity", title: "a&nbsp;b", ..POST }),
            item(&Written { name: "long", more: &format!("<content:encoded>{long}</content:encoded>"), ..POST }),
            item(&Written { name: "long-title", title: &long_title, ..POST }),
            item(&Written { name: "when", date: "yesterday", ..POST }),
        ]
        .concat(),
    );
    let outcome = import(&place, "wordpress", &[], &file);
    assert!(!outcome.status.success());
    let mut told: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(
        told.pop(),
        Some("error: 5 items are invalid and nothing was stored; fix them, or skip them with --skip-invalid")
    );
    for (number, words) in [
        (4, "unknown entity &nbsp;"),
        (5, "/content: must be at most"),
        (6, "/title: must be at most"),
        (7, "/published_at"),
        (3, "/slug: a-post is already in use"),
    ] {
        let is_told = |line: &&str| line.starts_with(&format!("item {number}: ")) && line.contains(words);
        assert!(told.iter().any(is_told), "{number} {words}: {told:#?}");
    }
    assert_eq!(told.len(), 5, "{told:#?}");
    assert_eq!(exported(&place), Vec::<Value>::new());
    let outcome = import(&place, "wordpress", &["--skip-invalid"], &file);
    assert_eq!(outcome.success(), "imported 1 posts, skipped 5 items\n");
}

#[on_both]
async fn a_foreign_import_goes_on_where_it_is_run_again(database: TestDatabase) {
    let place = sandbox(&database);
    let drafts = |count: u32| -> String {
        (1..=count)
            .map(|second| {
                let date = format!("2020-01-01 00:00:{second:02}");
                item(&Written { name: "", status: "draft", date: &date, ..POST })
            })
            .collect()
    };
    let first = import(&place, "wordpress", &["--resumable"], &wordpress(&drafts(3))).success();
    assert_eq!(first, "imported 3 posts, 0 already stored, skipped 0 items\n");
    let again = import(&place, "wordpress", &["--resumable"], &wordpress(&drafts(5))).success();
    assert_eq!(again, "imported 2 posts, 3 already stored, skipped 0 items\n");
    let file = ghost(&[ghost_post(&json!({"slug": "b"})), ghost_post(&json!({"slug": "with_underscore"}))]);
    import(&place, "ghost", &["--resumable"], &file).success();
    let again = import(&place, "ghost", &["--resumable"], &file).success();
    assert_eq!(again, "imported 0 posts, 2 already stored, skipped 0 posts\n");
}

#[on_both]
async fn posts_of_ghost_come_with_slug_html_state_and_times(database: TestDatabase) {
    let place = sandbox(&database);
    let file = ghost(&[
        ghost_post(&json!({"feature_image": "__GHOST_URL__/a.jpg"})),
        ghost_post(&json!({"slug": "draft", "status": "draft", "published_at": null, "html": null})),
        ghost_post(&json!({"slug": "later", "status": "scheduled", "published_at": "2999-01-01 00:00:00"})),
        ghost_post(&json!({"slug": "paid", "visibility": "paid", "html": "<a href=\"__GHOST_URL__/b/\">b</a>"})),
        ghost_post(&json!({"slug": "letter", "status": "sent"})),
        ghost_post(&json!({"slug": "undated", "published_at": null, "created_at": null})),
        ghost_post(&json!({"slug": "about", "type": "page"})),
        ghost_post(&json!({"slug": "old-page", "type": null, "page": 1})),
    ]);
    let outcome = import(&place, "ghost", &[], &file);
    let told: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(
        told,
        [
            "authors not imported: 1",
            "email-only posts imported as drafts: 1",
            "feature images not imported: 1",
            "members-only posts imported as drafts: 1",
            "pages not imported (import them with --pages): 2",
            "posts with the placeholder __GHOST_URL__ (replace it with the URL of the site): 1",
            "published or scheduled posts without a date imported as drafts: 1",
            "tags not imported: 2",
        ]
    );
    assert_eq!(outcome.success(), "imported 6 posts, skipped 0 posts\n");
    let stored = exported(&place);
    assert_eq!(
        fields(&stored[0]),
        json!({
            "slug": "a-post", "title": "A post", "content": "<p>Text</p>", "published": true,
            "published_at": "2020-02-29T23:59:59.000000Z", "scheduled_for": null,
            "created_at": "2020-02-28T12:00:00.000000Z", "updated_at": "2021-01-01T00:00:00.000000Z",
        })
    );
    assert_eq!((&stored[1]["content"], &stored[1]["published"]), (&Value::Null, &json!(false)));
    assert_eq!(stored[2]["scheduled_for"], "2999-01-01T00:00:00.000000Z");
    let published: Vec<bool> = stored.iter().map(|post| post["published"].as_bool().unwrap()).collect();
    assert_eq!(published, [true, false, false, false, false, false], "what not everyone could read stays hidden");
}

#[on_both]
async fn older_and_hand_made_exports_of_ghost_are_read(database: TestDatabase) {
    let place = sandbox(&database);
    let markdown = json!({"version": "0.3.1", "markups": [], "atoms": [], "sections": [[10, 0]],
        "cards": [["card-markdown", {"cardName": "card-markdown", "markdown": "# Title"}]]});
    let blank = json!({"version": "0.3.1", "markups": [], "atoms": [], "cards": [],
        "sections": [[1, "p", [[0, [], 0, ""]]]]});
    let written = json!({"root": {"children": [{"type": "paragraph", "children": [{"text": "lost"}]}]}});
    let post = |slug: &str, change: Value| {
        let mut post = ghost_post(&json!({"slug": slug, "html": null, "lexical": null}));
        post.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        post
    };
    let file = json!({"meta": {"version": "0.11"}, "data": {"posts": [
        post("by-hand", json!({"published_at": 1_582_984_800_000_u64, "created_at": "2020-01-01 00:00:00"})),
        post("in-markdown", json!({"markdown": "*text*"})),
        post("in-mobiledoc", json!({"mobiledoc": markdown.to_string()})),
        post("blank", json!({"mobiledoc": blank.to_string()})),
    ]}});
    import(&place, "ghost", &[], &file.to_string()).success();
    let stored = exported(&place);
    assert_eq!(stored[0]["published_at"], "2020-02-29T14:00:00.000000Z");
    let contents: Vec<&Value> = stored.iter().map(|post| &post["content"]).collect();
    assert_eq!(contents, [&Value::Null, &json!("*text*"), &json!("# Title"), &Value::Null]);

    let file = ghost(&[
        post("fine", json!({})),
        post("lexical", json!({"lexical": written.to_string()})),
        post("cards", json!({"mobiledoc": "{\"cards\":[[\"image\",{}]],\"sections\":[[10,0]]}"})),
        json!({"title": 1}),
    ]);
    let outcome = import(&place, "ghost", &[], &file);
    let told: Vec<&str> = outcome.stderr.lines().collect();
    assert!(told[0].starts_with("post 2: has a Lexical document without HTML"), "{told:#?}");
    assert!(told[1].starts_with("post 3: has a Mobiledoc document without HTML"), "{told:#?}");
    assert!(told[2].starts_with("post 4: not a Ghost post"), "{told:#?}");
    assert_eq!(exported(&place), stored);
}

#[on_both]
async fn a_file_of_another_format_or_cut_off_is_told_and_nothing_is_stored(database: TestDatabase) {
    let place = sandbox(&database);
    let whole = wordpress(&[item(&POST), item(&Written { name: "b", ..POST })].concat());
    let cut = whole.split("<wp:post_name><![CDATA[b").next().unwrap();
    let bomb = whole.replacen("<rss", "<!DOCTYPE rss [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;\">]><rss", 1);
    let deep = whole.replacen("<item>", &format!("{}<item>", "<x>".repeat(100_000)), 1);
    let of_ghost = ghost(&[ghost_post(&json!({}))]);
    for (format, text, words) in [
        ("wordpress", cut, "after item 2: unexpected end of file"),
        ("wordpress", &whole.replacen("</item>", "</items>", 1), "after item 1: at byte"),
        ("wordpress", &bomb, "document type"),
        ("wordpress", &deep, "levels deep"),
        ("wordpress", "<html><body/></html>", "not a WordPress export"),
        ("wordpress", "", "not a WordPress export"),
        ("wordpress", &wordpress(""), "has no <item>"),
        ("wordpress", &of_ghost, "not a WordPress export"),
        ("ghost", &of_ghost[..of_ghost.len() - 5], "failed to parse the file as a Ghost export after post 1"),
        ("ghost", "{}", "not a Ghost export"),
        ("ghost", "{\"db\": 1}", "failed to parse"),
        ("ghost", &whole, "failed to parse"),
    ] {
        let line = import(&place, format, &[], text).error_line();
        assert!(line.contains(words), "{format} {words}: {line}");
    }
    assert_eq!(exported(&place), Vec::<Value>::new());
}

/// A file of any length is read in as much memory as its largest element takes, and one element may not fill it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_large_file_of_wordpress_takes_little_memory() {
    const MIB: usize = 1024 * 1024;
    let Some(database) = TestDatabase::create(Engine::Sqlite) else { return };
    let place = sandbox(&database);
    let (mut running, mut input) = place.start_with_input("import", &["import", "--format", "wordpress", "-"]);
    let file = wordpress("SPLIT");
    let (head, tail) = file.split_once("SPLIT").unwrap();
    input.write_all(head.as_bytes()).unwrap();
    // Of an attachment nothing is stored, so that only the reading counts: 200 MiB of it.
    let filler = format!("<content:encoded><![CDATA[{}]]></content:encoded>", "x".repeat(MIB));
    for _ in 0..200 {
        let attachment = item(&Written { kind: "attachment", more: &filler, ..POST });
        input.write_all(attachment.as_bytes()).unwrap();
    }
    let (_, peak) = running.memory();
    assert!(peak < 64 * MIB as u64, "{} MiB", peak / MIB as u64);
    input.write_all(tail.as_bytes()).unwrap();
    drop(input);
    assert!(running.wait_for_exit().await.success(), "{}", running.stderr());
    assert!(running.stderr().contains("attachments not imported: 200"), "{}", running.stderr());

    for (format, head) in
        [("wordpress", "<rss><channel><item><content:encoded><![CDATA["), ("ndjson", "{\"title\": \"")]
    {
        let (mut running, mut input) = place.start_with_input(format, &["import", "--format", format, "-"]);
        input.write_all(head.as_bytes()).unwrap();
        let block = "x".repeat(MIB);
        // It ends in the middle.
        while input.write_all(block.as_bytes()).is_ok() {}
        assert!(!running.wait_for_exit().await.success());
        assert!(running.stderr().contains("longer than 16 MiB"), "{}", running.stderr());
    }
}
