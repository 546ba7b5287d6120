//! What the fields of WordPress and Ghost become. `exports/README.md` describes the files.

use serde_json::{Value, json};

use crate::support::program::Sandbox;
use crate::support::{TestDatabase, on_both};
use crate::transfer::ghost::{ghost, ghost_post};
use crate::transfer::import_export::{exported, sandbox};
use crate::transfer::other_formats::{fields, import};
use crate::transfer::wordpress::{POST, WordpressItem, item, wordpress};

const WORDPRESS_6: &str = include_str!("exports/wordpress6.xml");
const GHOST_5: &str = include_str!("exports/ghost5.json");
const GHOST_1: &str = include_str!("exports/ghost1.json");
const GHOST_0: &str = include_str!("exports/ghost0.json");

/// Imports a file, and returns the stored posts without their ids, and the messages.
fn imported(sandbox: &Sandbox, format: &str, flags: &[&str], text: &str) -> (Vec<Value>, Vec<String>) {
    let outcome = import(sandbox, format, flags, text);
    let messages = outcome.stderr.lines().map(str::to_owned).collect();
    outcome.success();
    (exported(sandbox).iter().map(fields).collect(), messages)
}

fn wordpress_6_posts() -> Value {
    json!([
        {
            "slug": "engines", "title": "Engines & tables", "description": "Weaving “patterns”, line by line.",
            "tags": ["R&D", "Science", "C++", "featured"],
            "authors": ["Ada Lovelace", "Grace Hopper & Co", "Mary Somerville", "unknown"],
            "image": "https://notes.example/wp-content/uploads/2020/02/diagram.png",
            "image_alt": "A wheel of the engine",
            "metadata": {
                "post_format": ["Image"], "mood": ["curious", "calm & <b>bold</b>"], "rating": "5", "footnotes": "",
                "_wp_old_slug": ["машина"],
            },
            "content": "<!-- wp:paragraph --><p>The engine weaves.</p><!-- /wp:paragraph -->", "published": true,
            "published_at": "2020-02-29T10:00:00.000000Z", "created_at": "2020-02-29T10:00:00.000000Z",
            "updated_at": "2021-01-01T00:00:00.000000Z", "aliases": ["engine", "engines-2"],
        },
        {
            "slug": "compilers", "title": "Compilers", "description": "Safe harbors & ships", "tags": ["Science"],
            "authors": ["Grace Hopper & Co"], "metadata": {"_thumbnail_id": "99"},
            "content": "<p>Ships are safe in harbor.</p>", "published": true,
            "published_at": "2020-06-01T10:00:00.000000Z", "created_at": "2020-06-01T10:00:00.000000Z",
            "updated_at": "2020-06-01T10:00:00.000000Z",
        },
    ])
}

#[on_both]
async fn wordpress_fields_are_mapped(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let (posts, messages) = imported(&sandbox, "wordpress", &[], WORDPRESS_6);
    assert_eq!(Value::from(posts), wordpress_6_posts());
    assert_eq!(
        messages,
        [
            "item 1: /aliases: must consist of words of a-z and 0-9 joined by single hyphens; the value in the file \
             becomes the metadata \"_wp_old_slug\"",
            "item 2: /image: the file has no attachment with this id; the value in the file becomes the metadata \
             \"_thumbnail_id\"",
            "alternative texts imported as image_alt: 1",
            "authors imported: 5",
            "categories imported as tags: 3",
            "custom fields imported as metadata: 4",
            "descriptions of SEO plugins imported as description: 1",
            "excerpts imported as description: 1",
            "featured images imported as image: 1",
            "old slugs imported as aliases: 2",
            "sticky posts imported with the tag featured: 1",
            "tags imported: 2",
            "terms of other taxonomies imported as metadata: 1",
            "attachments not imported as posts: 1",
            "comments not imported: 1",
            "descriptions and parents of categories and tags not imported: 3",
            "internal custom fields not imported: 1",
            "invalid values of aliases stored in metadata: 1",
            "invalid values of image stored in metadata: 1",
            "items other than posts, such as menus, not imported: 2",
        ]
    );
}

#[on_both]
async fn wordpress_categories_can_be_left_out(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let (posts, messages) = imported(&sandbox, "wordpress", &["--no-categories"], WORDPRESS_6);
    assert_eq!(posts[0]["tags"], json!(["C++", "science", "featured"]));
    assert_eq!(posts[1].get("tags"), None);
    assert!(messages.contains(&"categories not imported: 3".to_owned()), "{messages:#?}");
}

#[on_both]
async fn ghost_5_fields_are_mapped(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let (posts, messages) = imported(&sandbox, "ghost", &["--site-url", "https://notes.example/"], GHOST_5);
    assert_eq!(
        Value::from(posts),
        json!([
            {
                "slug": "engines", "title": "Engines", "description": "Weaving patterns, line by line.",
                "tags": ["Science", "R&D", "featured"], "authors": ["Ada Lovelace", "Grace Hopper"],
                "image": "https://notes.example/content/images/2020/02/engine.png",
                "image_alt": "A wheel of the engine",
                "metadata": {
                    "internal_tags": ["#long-read"], "canonical_url": "https://notes.example/engines/",
                    "custom_template": "custom-wide", "feature_image_caption": "<em>1843</em>",
                    "meta_description": "About engines", "meta_title": "Engines | Notes",
                    "og_image": "https://notes.example/content/images/og.png", "og_title": "Engines!",
                    "twitter_description": "For birds",
                },
                "content": "<p>See <a href=\"https://notes.example/compilers/\">this</a>.</p>", "published": true,
                "published_at": "2020-02-29T10:00:00.000000Z", "created_at": "2020-02-28T12:00:00.000000Z",
                "updated_at": "2021-01-01T00:00:00.000000Z",
            },
            {
                "slug": "compilers", "title": "Compilers", "tags": ["R&D"], "authors": ["Grace Hopper"],
                "content": "<p>Ships.</p>", "published": false, "created_at": "2020-06-01T10:00:00.000000Z",
                "updated_at": "2020-06-01T10:00:00.000000Z",
            },
        ])
    );
    assert_eq!(
        messages,
        [
            "alternative texts imported as image_alt: 1",
            "authors imported: 3",
            "custom excerpts imported as description: 1",
            "feature images imported as image: 1",
            "featured posts imported with the tag featured: 1",
            "internal tags imported as metadata: 1",
            "posts with URLs that --site-url completed: 1",
            "settings for search engines and social media imported as metadata: 8",
            "tags imported: 3",
            "members-only posts imported as drafts: 1",
            "posts with injected code, which is not imported: 1",
            "tags and authors that the file does not define not imported: 1",
        ]
    );
}

#[on_both]
async fn ghost_urls_stay_incomplete_without_the_site(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let (posts, messages) = imported(&sandbox, "ghost", &[], GHOST_5);
    assert_eq!((posts[0].get("image"), posts[0].get("image_alt")), (None, None));
    let metadata = &posts[0]["metadata"];
    assert_eq!(metadata["feature_image"], "__GHOST_URL__/content/images/2020/02/engine.png");
    assert_eq!(metadata["feature_image_alt"], "A wheel of the engine");
    assert_eq!(metadata["canonical_url"], "__GHOST_URL__/engines/");
    for expected in [
        "post 1: /image: begins with __GHOST_URL__, which --site-url completes; the value in the file becomes the \
         metadata \"feature_image\"",
        "invalid values of image stored in metadata: 1",
        "posts with the placeholder __GHOST_URL__ (complete it with --site-url): 1",
    ] {
        assert!(messages.iter().any(|message| message == expected), "{expected}: {messages:#?}");
    }
}

#[on_both]
async fn fields_of_old_ghost_exports_are_mapped(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let (ghost_1, _) = imported(&sandbox, "ghost", &[], GHOST_1);
    assert_eq!(
        Value::from(ghost_1),
        json!([{
            "slug": "engines", "title": "Engines", "description": "Weaving", "tags": ["Science", "Old", "featured"],
            "authors": ["Ada Lovelace"], "image": "/content/images/2018/01/engine.png",
            "metadata": {
                "meta_description": "About engines", "og_image": "/og.png", "twitter_description": "For birds",
            },
            "content": "<p>Weave.</p>", "published": true, "published_at": "2018-01-01T12:00:00.000000Z",
            "created_at": "2018-01-01T10:00:00.000000Z", "updated_at": "2018-01-02T10:00:00.000000Z",
        }])
    );
    database.execute("DELETE FROM posts");
    let (ghost_0, _) = imported(&sandbox, "ghost", &[], GHOST_0);
    assert_eq!(
        Value::from(ghost_0),
        json!([{
            "slug": "engines", "title": "Engines", "tags": ["C++", "Science"], "authors": ["Ada Lovelace"],
            "image": "https://notes.example/engine.png", "metadata": {"meta_title": "Engines | Notes"},
            "content": "<p>Weave.</p>", "published": true, "published_at": "2013-12-05T16:13:20.000000Z",
            "created_at": "2013-12-05T16:13:20.000000Z", "updated_at": "2013-12-05T16:13:20.000000Z",
        }])
    );
}

#[on_both]
async fn ghost_labels_can_be_in_the_post(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let post = ghost_post(&json!({
        "tags": [{"name": "News", "slug": "news"}, "Old", {"name": "#hidden"}], "authors": [{"name": "Ada"}],
        "featured": "1", "feature_image": 7, "custom_excerpt": ["not", "text"],
    }));
    let (posts, _) = imported(&sandbox, "ghost", &[], &ghost(&[post]));
    assert_eq!(posts[0]["tags"], json!(["News", "Old", "featured"]));
    assert_eq!(posts[0]["authors"], json!(["Ada"]));
    let metadata = json!({"internal_tags": ["#hidden"], "feature_image": 7, "custom_excerpt": ["not", "text"]});
    assert_eq!(posts[0]["metadata"], metadata);
}

/// Without `--resumable` too, and after an interruption with it.
#[on_both]
async fn mapped_posts_are_recognized_when_imported_again(database: TestDatabase) {
    let sandbox = sandbox(&database);
    for (format, text, units) in [("wordpress", WORDPRESS_6, "items"), ("ghost", GHOST_5, "posts")] {
        import(&sandbox, format, &["--resumable"], text).success();
        let stored = exported(&sandbox);
        database.execute("DELETE FROM posts WHERE slug = 'compilers'");
        let resumed = import(&sandbox, format, &["--resumable"], text).success();
        assert_eq!(resumed, format!("imported 1 posts, 1 already stored, skipped 0 {units}\n"));
        let again = import(&sandbox, format, &[], text).success();
        assert_eq!(again, format!("imported 0 posts, 2 already stored, skipped 0 {units}\n"));
        let without_ids = |posts: &[Value]| posts.iter().map(fields).collect::<Vec<_>>();
        assert_eq!(without_ids(&exported(&sandbox)), without_ids(&stored));
        database.execute("DELETE FROM posts");
    }
}

#[on_both]
async fn mapped_posts_round_trip_through_an_export(database: TestDatabase) {
    let Some(other) = TestDatabase::create(database.engine.other()) else { return };
    let (source, target) = (sandbox(&database), sandbox(&other));
    import(&source, "wordpress", &[], WORDPRESS_6).success();
    import(&source, "ghost", &[], &GHOST_5.replace("\"engines\"", "\"ghost-engines\"")).success();
    let export = source.run(&["export"]).success();
    target.run_with_input(&["import", "-"], &export).success();
    assert_eq!(target.run(&["export"]).success(), export);
}

/// Attachments, authors, and other tables are found wherever they are, also in a pipe.
#[on_both]
async fn references_can_precede_or_follow_the_posts(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let (head, items) = WORDPRESS_6.split_once("\t<item>").unwrap();
    let (items, tail) = items.rsplit_once("</channel>").unwrap();
    let (start, authors) = head.split_once("\t<wp:author>").unwrap();
    let mut reversed: Vec<&str> = items.split("\t<item>").collect();
    reversed.reverse();
    let items = reversed.iter().map(|item| format!("<item>{item}")).collect::<Vec<_>>().concat();
    let moved = format!("{start}{items}<wp:author>{authors}</channel>{tail}");
    let (mut posts, _) = imported(&sandbox, "wordpress", &[], &moved);
    posts.reverse();
    assert_eq!(Value::from(posts), wordpress_6_posts());
}

#[on_both]
async fn values_over_a_limit_never_fail_an_import(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let tags: Vec<String> = (0..60).map(|number| format!("t{number}")).collect();
    let terms: String = tags
        .iter()
        .map(|tag| format!("<category domain=\"post_tag\"><![CDATA[{tag}]]></category>"))
        .collect::<Vec<_>>()
        .concat();
    let meta = |key: &str, value: &str| {
        format!(
            "<wp:postmeta><wp:meta_key><![CDATA[{key}]]></wp:meta_key>\
             <wp:meta_value><![CDATA[{value}]]></wp:meta_value></wp:postmeta>"
        )
    };
    let many: String = (0..3000).map(|number| meta(&format!("k{number}"), &"v".repeat(100))).collect();
    let more = [terms, meta("a", "b"), meta("huge", &"x".repeat(600_000)), meta("", "c"), many].concat();
    let excerpt = "long ".repeat(120);
    let file = wordpress(&item(&WordpressItem { more: &more, ..POST }))
        .replace("<excerpt:encoded><![CDATA[", &format!("<excerpt:encoded><![CDATA[{excerpt}"));
    let (posts, messages) = imported(&sandbox, "wordpress", &[], &file);
    assert_eq!(posts[0]["tags"], json!(tags[..50]));
    assert_eq!(posts[0].get("description"), None);
    let metadata = posts[0]["metadata"].as_object().unwrap();
    assert_eq!((&metadata["excerpt"], &metadata["tags"]), (&json!(excerpt.trim()), &json!(tags)));
    assert_eq!((&metadata["a"], metadata.get("huge")), (&json!("b"), None));
    let size = serde_json::to_string(metadata).unwrap().len();
    assert!((15_000..=16 * 1024).contains(&size), "{size}");
    for start in [
        "item 1: /description: must be at most 500",
        "item 1: /tags: must have at most 50 items",
        "item 1: /metadata: values that do not fit are not imported: \"huge\" (600009 bytes), ",
        "values that do not fit into metadata not imported: ",
    ] {
        assert!(messages.iter().any(|message| message.starts_with(start)), "{start}: {messages:#?}");
    }
}

#[on_both]
async fn options_of_other_formats_are_refused(database: TestDatabase) {
    let sandbox = sandbox(&database);
    for (format, flags, expected) in [
        ("ghost", ["--no-categories"].as_slice(), "error: --no-categories is an option of --format wordpress\n"),
        ("ndjson", &["--no-categories"], "error: --no-categories is an option of --format wordpress\n"),
        ("wordpress", &["--site-url", "https://a.example"], "error: --site-url is an option of --format ghost\n"),
    ] {
        assert_eq!(import(&sandbox, format, flags, "").error_line(), expected);
    }
    let outcome = import(&sandbox, "ghost", &["--site-url", "example.org"], "");
    assert_eq!(outcome.status.code(), Some(2));
    assert!(outcome.stderr.contains("must be an https: or http: URL"), "{}", outcome.stderr);
}
