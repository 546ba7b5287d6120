//! Import of Ghost exports.

use serde_json::{Value, json};

use crate::support::{TestDatabase, on_both};
use crate::transfer::import_export::{exported, sandbox};
use crate::transfer::other_formats::{fields, import};

/// A file as Ghost 5 exports it, with these posts.
pub(super) fn ghost(posts: &[Value]) -> String {
    json!({"db": [{
        "meta": {"exported_on": 1_753_891_082_041_u64, "version": "5.100.0"},
        "data": {
            "benefits": [], "posts_authors": [{"post_id": "1", "author_id": "1"}],
            "posts": posts, "tags": [{"name": "News"}, {"name": "Old"}],
            "users": [{"name": "Me", "email": "me@example.org"}],
            "settings": [{"key": "title", "value": "A site"}],
        },
    }]})
    .to_string()
}

pub(super) fn ghost_post(change: &Value) -> Value {
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

#[on_both]
async fn ghost_posts_keep_slug_html_state_and_times(database: TestDatabase) {
    let sandbox = sandbox(&database);
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
    let outcome = import(&sandbox, "ghost", &[], &file);
    let messages: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(
        messages,
        [
            "post 1: /image: begins with __GHOST_URL__, which --site-url completes; the value in the file becomes the \
             metadata \"feature_image\"",
            "email-only posts imported as drafts: 1",
            "invalid values of image stored in metadata: 1",
            "members-only posts imported as drafts: 1",
            "pages not imported (import them with --pages): 2",
            "posts with the placeholder __GHOST_URL__ (complete it with --site-url): 1",
            "published or scheduled posts without a date imported as drafts: 1",
        ]
    );
    assert_eq!(outcome.success(), "imported 6 posts, skipped 0 posts\n");
    let stored = exported(&sandbox);
    assert_eq!(
        fields(&stored[0]),
        json!({
            "slug": "a-post", "title": "A post", "metadata": {"feature_image": "__GHOST_URL__/a.jpg"},
            "content": "<p>Text</p>", "published": true,
            "published_at": "2020-02-29T23:59:59.000000Z",
            "created_at": "2020-02-28T12:00:00.000000Z", "updated_at": "2021-01-01T00:00:00.000000Z",
        })
    );
    assert_eq!((&stored[1]["content"], &stored[1]["published"]), (&Value::Null, &json!(false)));
    assert_eq!(stored[2]["scheduled_for"], "2999-01-01T00:00:00.000000Z");
    let published: Vec<bool> = stored.iter().map(|post| post["published"].as_bool().unwrap()).collect();
    assert_eq!(published, [true, false, false, false, false, false], "posts that were not public must be drafts");
}

#[on_both]
async fn older_and_handwritten_ghost_exports_are_accepted(database: TestDatabase) {
    let sandbox = sandbox(&database);
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
    import(&sandbox, "ghost", &[], &file.to_string()).success();
    let stored = exported(&sandbox);
    assert_eq!(stored[0]["published_at"], "2020-02-29T14:00:00.000000Z");
    let contents: Vec<&Value> = stored.iter().map(|post| &post["content"]).collect();
    assert_eq!(contents, [&Value::Null, &json!("*text*"), &json!("# Title"), &Value::Null]);

    let file = ghost(&[
        post("fine", json!({})),
        post("lexical", json!({"lexical": written.to_string()})),
        post("cards", json!({"mobiledoc": "{\"cards\":[[\"image\",{}]],\"sections\":[[10,0]]}"})),
        json!({"title": 1}),
    ]);
    let outcome = import(&sandbox, "ghost", &[], &file);
    let messages: Vec<&str> = outcome.stderr.lines().collect();
    assert!(messages[0].starts_with("post 2: has a Lexical document without HTML"), "{messages:#?}");
    assert!(messages[1].starts_with("post 3: has a Mobiledoc document without HTML"), "{messages:#?}");
    assert!(messages[2].starts_with("post 4: /title: must be a string"), "{messages:#?}");
    assert_eq!(exported(&sandbox), stored);
}
