//! Files as static site generators and publishing platforms write them.

use serde_json::json;

use crate::support::{TestDatabase, on_both};
use crate::transfer::import_export::sandbox;
use crate::transfer::markdown::{assert_fields, find, import, messages, stored, write_files};

#[on_both]
async fn astro_starter_maps_dates_and_image(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(
        &sandbox,
        &[
            (
                "src/content/blog/first-post.md",
                "---\ntitle: 'First post'\ndescription: 'Lorem ipsum dolor sit amet'\npubDate: 'Jul 08 2022'\n\
                 heroImage: '../../assets/blog-placeholder-3.jpg'\n---\n\nLorem ipsum.\n",
            ),
            (
                "src/content/blog/using-mdx.mdx",
                "---\ntitle: \"Using MDX\"\npubDate: Jun 01 2024\nupdatedDate: 2024-06-02\nheroImage: /hero.jpg\n\
                 tags: [astro, 2024]\n---\n\nimport Header from '../Header.astro';\n\n<Header />\n",
            ),
            ("src/content/blog/logo.svg", "<svg/>"),
        ],
    );
    let outcome = import(&sandbox, &["src/content/blog"]);
    assert_eq!(
        messages(&outcome),
        [
            "\"heroImage\" stored in image: 1",
            "\"heroImage\" stored in metadata: 1",
            "\"pubDate\" stored in published_at: 2",
            "dates without a time zone read as UTC (--time-zone sets another): 3",
            "files other than .md, .markdown, and .mdx skipped: 1",
            "images that are neither URLs nor absolute paths stored in metadata: 1",
            "posts in MDX, stored as text: 1",
        ]
    );
    assert_eq!(outcome.success(), "imported 2 posts, skipped 0 files\n");
    let posts = stored(&sandbox);
    assert_fields(
        find(&posts, "first-post"),
        &json!({
            "title": "First post", "description": "Lorem ipsum dolor sit amet", "image": null,
            "content": "Lorem ipsum.",
            "published": true, "published_at": "2022-07-08T00:00:00.000000Z",
            "created_at": "2022-07-08T00:00:00.000000Z", "updated_at": "2022-07-08T00:00:00.000000Z",
            "metadata": {"heroImage": "../../assets/blog-placeholder-3.jpg"},
        }),
    );
    assert_fields(
        find(&posts, "using-mdx"),
        &json!({
            "image": "/hero.jpg", "tags": ["astro", "2024"], "published_at": "2024-06-01T00:00:00.000000Z",
            "updated_at": "2024-06-02T00:00:00.000000Z", "metadata": {},
            "content": "import Header from '../Header.astro';\n\n<Header />",
        }),
    );
}

#[on_both]
async fn hugo_yaml_toml_and_json_are_read(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(
        &sandbox,
        &[
            ("content/posts/_index.md", "---\ntitle: Posts\n---\n"),
            (
                "content/posts/yaml/index.md",
                "---\nTitle: In YAML\nDate: 2023-05-01T10:00:00+02:00\nlastmod: 2023-06-01\nDraft: false\n\
                 Tags: [Go, hugo]\nCategories: [go, Web]\nsummary: Short.\nfeatured_image: https://example.org/a.jpg\n\
                 aliases: [/old/path/, old-name]\nweight: 10\nmenu: {main: {weight: 1}}\n---\n\
                 Text {{< figure src=\"a.png\" >}}\n",
            ),
            (
                "content/posts/toml.md",
                "+++\ntitle = \"In TOML\"\ndate = 2023-05-02T10:00:00Z\npublishDate = 2023-05-03\ndraft = true\n\
                 tags = [\"a\"]\n[params]\nauthor = \"x\"\n+++\n\nText\n",
            ),
            (
                "content/posts/json.md",
                "{\n  \"title\": \"In JSON\",\n  \"date\": \"2023-05-04\",\n  \"slug\": \"json-slug\",\n  \"author\": \
                 \"Ann\"\n}\n\nText\n",
            ),
            ("content/posts/expired.md", "---\ntitle: Expired\ndate: 2020-01-01\nexpiryDate: 2021-01-01\n---\n"),
            ("content/posts/later.md", "---\ntitle: Later\ndate: 2020-01-01\npublishDate: 2999-01-01\n---\n"),
        ],
    );
    let outcome = import(&sandbox, &["content"]);
    let report = outcome.stderr.clone();
    for line in [
        "content/posts/later.md: the date 2999-01-01T00:00:00.000000Z is in the future; the post is scheduled\n",
        "section pages (_index.md) skipped: 1\n",
        "posts with shortcodes, stored as text: 1\n",
        "expired posts imported as drafts: 1\n",
        "\"Categories\" stored in tags: 1\n",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
    outcome.success();
    let posts = stored(&sandbox);
    assert_fields(
        find(&posts, "yaml"),
        &json!({
            "title": "In YAML", "description": "Short.", "tags": ["Go", "hugo", "Web"],
            "image": "https://example.org/a.jpg", "published": true, "published_at": "2023-05-01T08:00:00.000000Z",
            "updated_at": "2023-06-01T00:00:00.000000Z", "aliases": ["old-name"],
            "metadata": {"aliases": ["/old/path/"], "weight": 10, "menu": {"main": {"weight": 1}}},
            "content": "Text {{< figure src=\"a.png\" >}}",
        }),
    );
    assert_fields(
        find(&posts, "toml"),
        &json!({
            "title": "In TOML", "published": false, "published_at": null, "created_at": "2023-05-02T10:00:00.000000Z",
            "tags": ["a"], "metadata": {"publishDate": "2023-05-03", "params": {"author": "x"}}, "content": "Text",
        }),
    );
    assert_fields(
        find(&posts, "json-slug"),
        &json!({"title": "In JSON", "published": true, "authors": ["Ann"], "content": "Text", "metadata": {}}),
    );
    assert_fields(
        find(&posts, "expired"),
        &json!({"published": false, "scheduled_for": null, "metadata": {"expiryDate": "2021-01-01"}}),
    );
    assert_fields(find(&posts, "later"), &json!({"published": false, "scheduled_for": "2999-01-01T00:00:00.000000Z"}));
}

#[on_both]
async fn jekyll_names_drafts_and_tags_are_read(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(
        &sandbox,
        &[
            (
                "_posts/2022-07-08-welcome-to-jekyll.markdown",
                "---\nlayout: post\ntitle:  \"Welcome to Jekyll!\"\ndate:   2022-07-08 10:00:00 +0200\n\
                 categories: jekyll update\ntags: \"one, two words\"\nredirect_from:\n  - /old\n  - old-welcome\n\
                 excerpt: >\n  Two\n  lines\n---\n{% include x.html %}\n",
            ),
            ("_posts/2021-01-02-undated.md", "---\nlayout: post\n---\n# A heading\n\nText"),
            ("_posts/2021-01-03-hidden.md", "---\npublished: false\n---\n"),
            ("_drafts/idea.md", "---\ntitle: Idea\ndate: 2021-01-04\ntags: a b\n---\n"),
        ],
    );
    let outcome = import(&sandbox, &["."]);
    let report = outcome.stderr.clone();
    assert!(report.contains("undated.md: the post has no title; it becomes \"A heading\"\n"), "{report}");
    assert!(report.contains("posts with Liquid or other templates, stored as text: 1\n"), "{report}");
    outcome.success();
    let posts = stored(&sandbox);
    assert_fields(
        find(&posts, "welcome-to-jekyll"),
        &json!({
            "title": "Welcome to Jekyll!", "published_at": "2022-07-08T08:00:00.000000Z", "description": "Two lines",
            "tags": ["one", "two words", "jekyll", "update"], "aliases": ["old-welcome"],
            "metadata": {"redirect_from": ["/old"], "layout": "post"},
        }),
    );
    assert_fields(
        find(&posts, "undated"),
        &json!({"title": "A heading", "published": true, "published_at": "2021-01-02T00:00:00.000000Z"}),
    );
    assert_fields(find(&posts, "hidden"), &json!({"title": "hidden", "published": false, "published_at": null}));
    assert_fields(
        find(&posts, "idea"),
        &json!({"published": false, "created_at": "2021-01-04T00:00:00.000000Z", "tags": ["a", "b"]}),
    );
}

#[on_both]
async fn zola_taxonomies_become_tags(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(
        &sandbox,
        &[(
            "content/2023-04-05_first/index.md",
            "+++\ntitle = \"First\"\nupdated = 2023-05-01\nauthors = [\"Ann\", \"Bob, Jr.\"]\n\n[taxonomies]\n\
             tags = [\"rust\", \"web\"]\ncategories = [\"Rust\"]\nseries = [\"s\"]\n\n[extra]\ntoc = true\n\
             ratio = 1.5\n+++\n\nText\n",
        )],
    );
    import(&sandbox, &["content"]).success();
    assert_fields(
        find(&stored(&sandbox), "first"),
        &json!({
            "title": "First", "published": true, "published_at": "2023-04-05T00:00:00.000000Z",
            "updated_at": "2023-05-01T00:00:00.000000Z", "authors": ["Ann", "Bob, Jr."], "tags": ["rust", "web"],
            "metadata": {"taxonomies": {"series": ["s"]}, "extra": {"toc": true, "ratio": 1.5}},
        }),
    );
}

#[on_both]
async fn dev_to_hashnode_and_hexo_are_read(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(
        &sandbox,
        &[
            (
                "dev/post.md",
                "---\ntitle: On dev.to\npublished: true\ndescription: D\ntags: discuss, web dev\n\
                 cover_image: https://dev.to/c.png\ncanonical_url: https://example.org/x\nseries: S\n---\n\n\
                 {% embed https://example.org %}\n",
            ),
            (
                "hash/cl.md",
                "---\ntitle: \"On Hashnode\"\nseoTitle: \"SEO\"\nseoDescription: \"For search\"\n\
                 datePublished: Fri Jul 08 2022 10:00:00 GMT+0000 (Coordinated Universal Time)\ncuid: clabc\n\
                 slug: on-hashnode\ncover: https://cdn.hashnode.com/a.png\nogImage: https://cdn.hashnode.com/b.png\n\
                 tags: javascript, react\n---\n\nText\n",
            ),
            (
                "hexo/hello.md",
                "---\ntitle: On Hexo\ndate: 2013/7/13 20:46:25\nupdated: 2013/8/1 9:00:00\ncategories:\n\
                 - [Diary, PlayStation]\n- Games\ncover: {image: /c.png, alt: Box, caption: C}\n\
                 author: {name: Ann, url: /ann}\n---\n\nText\n",
            ),
        ],
    );
    let outcome = import(&sandbox, &["dev", "hash", "hexo"]);
    let report = outcome.stderr.clone();
    assert!(report.contains("published posts without a date published at the time of the import: 1\n"), "{report}");
    assert!(!report.contains("neither URLs nor absolute paths"), "{report}");
    outcome.success();
    let posts = stored(&sandbox);
    let dev = find(&posts, "post");
    assert_fields(
        dev,
        &json!({
            "published": true, "description": "D", "tags": ["discuss", "web dev"], "image": "https://dev.to/c.png",
            "metadata": {"canonical_url": "https://example.org/x", "series": "S"},
        }),
    );
    assert_ne!(dev["published_at"], json!(null));
    assert_fields(
        find(&posts, "on-hashnode"),
        &json!({
            "published_at": "2022-07-08T10:00:00.000000Z", "description": "For search", "tags": ["javascript", "react"],
            "image": "https://cdn.hashnode.com/a.png",
            "metadata": {"seoTitle": "SEO", "cuid": "clabc", "ogImage": "https://cdn.hashnode.com/b.png"},
        }),
    );
    assert_fields(
        find(&posts, "hello"),
        &json!({
            "published_at": "2013-07-13T20:46:25.000000Z", "updated_at": "2013-08-01T09:00:00.000000Z",
            "tags": ["Diary", "PlayStation", "Games"], "image": "/c.png", "image_alt": "Box", "authors": ["Ann"],
            "metadata": {
                "cover": {"image": "/c.png", "alt": "Box", "caption": "C"}, "author": {"name": "Ann", "url": "/ann"},
            },
        }),
    );
}
