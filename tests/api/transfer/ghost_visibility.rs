//! Posts that Ghost does not show to everyone must not become public by an import.

use serde_json::{Value, json};

use crate::support::{TestDatabase, on_both};
use crate::transfer::ghost::{ghost, ghost_post};
use crate::transfer::import_export::{exported, sandbox};
use crate::transfer::other_formats::import;

/// The slugs of the posts that are public or scheduled.
fn public_slugs(posts: &[Value]) -> Vec<&str> {
    let public = posts.iter().filter(|post| post["published"] == true || post["scheduled_for"] != Value::Null);
    public.map(|post| post["slug"].as_str().unwrap()).collect()
}

#[on_both]
async fn only_posts_for_everyone_become_public(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let mut posts = vec![
        ghost_post(&json!({"slug": "public"})),
        ghost_post(&json!({"slug": "later", "status": "scheduled", "published_at": "2999-01-01T00:00:00.000Z"})),
        ghost_post(&json!({"slug": "tagged", "tags": [{"name": "#internal", "visibility": "internal"}]})),
    ];
    for status in ["published", "scheduled"] {
        for (index, visibility) in [
            json!("members"),
            json!("paid"),
            json!("tiers"),
            json!("filter"),
            json!("label:vip"),
            json!("Public"),
            json!(""),
            json!(null),
            json!(1),
            json!(["public"]),
            json!({"public": true}),
        ]
        .into_iter()
        .enumerate()
        {
            let slug = format!("{status}-visibility-{index}");
            posts.push(ghost_post(&json!({"slug": slug, "status": status, "visibility": visibility})));
        }
        for (index, email_only) in [json!(1), json!(true), json!("1"), json!("weekly")].into_iter().enumerate() {
            let slug = format!("{status}-email-{index}");
            posts.push(ghost_post(&json!({"slug": slug, "status": status, "email_only": email_only})));
        }
    }
    for (index, status) in
        [json!("sent"), json!("draft"), json!("Published"), json!("archived"), json!(null), json!(true)]
            .into_iter()
            .enumerate()
    {
        posts.push(ghost_post(&json!({"slug": format!("status-{index}"), "status": status})));
    }
    let outcome = import(&sandbox, "ghost", &[], &ghost(&posts));
    let messages: Vec<&str> = outcome.stderr.lines().collect();
    for expected in [
        "email-only posts imported as drafts: 9", "members-only posts imported as drafts: 6",
        "posts with an unknown status imported as drafts: 4",
        "posts with an unknown visibility imported as drafts: 16", "post 7: the visibility \"filter\" is unknown",
        "post 8: the visibility \"label:vip\" is unknown",
    ] {
        assert!(messages.contains(&expected), "{expected}: {messages:#?}");
    }
    outcome.success();
    let stored = exported(&sandbox);
    assert_eq!(stored.len(), posts.len());
    assert_eq!(public_slugs(&stored), ["public", "later", "tagged"]);
}

#[on_both]
async fn other_tables_decide_wherever_they_are(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let post = |id: Value, slug: &str| ghost_post(&json!({"id": id, "slug": slug}));
    let posts = json!([post(json!("a"), "by-text"), post(json!(7), "by-number"), post(json!("b"), "public")]);
    let meta = json!([{"post_id": "a", "email_only": true}, {"post_id": "7", "email_only": 1}, {"post_id": "b"}, 5]);
    // serde_json would sort the members.
    for data in
        [format!("{{\"posts\":{posts},\"posts_meta\":{meta}}}"), format!("{{\"posts_meta\":{meta},\"posts\":{posts}}}")]
    {
        import(&sandbox, "ghost", &[], &format!("{{\"data\":{data}}}")).success();
        assert_eq!(public_slugs(&exported(&sandbox)), ["public"]);
        database.execute("DELETE FROM posts");
    }

    let private =
        format!("{{\"data\":{{\"posts\":{posts},\"settings\":[{{\"key\":\"is_private\",\"value\":\"true\"}}]}}}}");
    let outcome = import(&sandbox, "ghost", &[], &private);
    let message = "posts of a private site imported as drafts: 3";
    assert!(outcome.stderr.lines().any(|line| line == message), "{}", outcome.stderr);
    outcome.success();
    assert_eq!(public_slugs(&exported(&sandbox)), [""; 0]);
}

#[on_both]
async fn members_only_blocks_are_never_public(database: TestDatabase) {
    const BEGIN: &str = "<!--kg-gated-block:begin nonMember:false memberSegment:\"status:free\" -->";
    const END: &str = "<!--kg-gated-block:end-->";
    let sandbox = sandbox(&database);
    let card =
        json!({"cards": [["markdown", {"markdown": format!("open {BEGIN}secret{END}")}]], "sections": [[10, 0]]});
    let file = ghost(&[
        ghost_post(&json!({"slug": "block", "html": format!("<p>open</p>\n{BEGIN}<p>secret</p>{END}\n<p>end</p>")})),
        ghost_post(&json!({"slug": "unclosed", "html": format!("<p>open</p>{BEGIN}<p>secret</p>")})),
        ghost_post(&json!({"slug": "stray", "html": format!("<p>secret</p>{END}")})),
        ghost_post(&json!({"slug": "old", "html": null, "lexical": null, "mobiledoc": card.to_string()})),
        ghost_post(&json!({"slug": "draft", "status": "draft", "html": format!("{BEGIN}secret{END}")})),
        // Ghost shows a public post in full, also below its paywall.
        ghost_post(&json!({"slug": "paywall", "html": "<p>open</p><!--members-only--><p>more</p>"})),
        ghost_post(
            &json!({"slug": "paid", "visibility": "paid", "html": "<p>open</p><!--members-only--><p>secret</p>"}),
        ),
    ]);
    let outcome = import(&sandbox, "ghost", &[], &file);
    let notes: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("post ")).collect();
    assert_eq!(
        notes,
        [
            "post 1: members-only blocks removed: 1",
            "post 2: the post has malformed members-only blocks; it becomes a draft",
            "post 3: the post has malformed members-only blocks; it becomes a draft",
            "post 4: members-only blocks removed: 1",
            "post 5: the draft has members-only blocks; remove them before you publish it",
        ]
    );
    outcome.success();
    let stored = exported(&sandbox);
    assert_eq!(public_slugs(&stored), ["block", "old", "paywall"]);
    assert_eq!(stored[0]["content"], "<p>open</p>\n\n<p>end</p>");
    assert_eq!(stored[3]["content"], "open ");
    assert!(stored[1]["content"].as_str().unwrap().contains("secret"), "a draft keeps its content");
    assert_eq!(stored[5]["content"], "<p>open</p><!--members-only--><p>more</p>");
}
