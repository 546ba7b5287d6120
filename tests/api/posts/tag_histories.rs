//! An `ETag` never identifies other bytes, whatever happened to the database in between: a request with a tag of the
//! past gets the new content, and changes nothing.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::{Api, Engine, TestDatabase, on_both};

/// The reads whose tags a client may have stored.
const READS: [&str; 5] = [
    "/api/posts/1", "/api/posts/by-slug/page", "/api/posts", "/api/posts?view=summary",
    "/api/posts?count=exact&sort=title",
];

/// A post with the values that earlier releases derived tags from: the id, the version, and the time of the change.
fn row(content: &str) -> Value {
    json!({
        "id": 1, "slug": "page", "title": "Page", "content": content, "published": true, "version": 2,
        "published_at": "2026-01-31T12:00:00Z", "created_at": "2026-01-31T12:00:00Z",
        "updated_at": "2026-02-01T12:00:00Z",
    })
}

/// A server without a cache, so that changes behind its back are visible at once.
fn start(database: &Arc<TestDatabase>) -> Api {
    Api::start(database, |config| config.cache_bytes = 0)
}

async fn tags(api: &Api) -> Vec<String> {
    let mut tags = Vec::new();
    for path in READS {
        tags.push(api.get(path).await.expect(200).header("etag").unwrap().to_owned());
    }
    tags
}

/// No read of `api` returns 304 to a tag of the past, and no change accepts one.
async fn assert_all_are_stale(api: &Api, past: &[String]) {
    let current = tags(api).await;
    for (path, tag) in READS.iter().zip(past) {
        assert!(!current.contains(tag), "{path} has the tag {tag} again");
        api.get(path).header("if-none-match", tag).await.expect(200);
        api.head(path).header("if-none-match", tag).await.expect(200);
    }
    let editor = api.editor();
    let before = api.get(READS[0]).await.json(200);
    for call in [
        editor.patch("/api/posts/1", &json!({"title": "Overwritten"})),
        editor.put("/api/posts/by-slug/page", &json!({"title": "Overwritten"})),
        editor.post_empty("/api/posts/1/publish"),
        editor.post("/api/posts/1/publish", &json!({"at": "2999-01-01T00:00:00Z"})),
        editor.post_empty("/api/posts/1/unpublish"),
        editor.delete("/api/posts/1"),
    ] {
        call.header("if-match", &past[0]).await.problem(412, "precondition_failed");
    }
    assert_eq!(api.get(READS[0]).await.json(200), before);
}

#[on_both]
async fn a_new_database_with_the_same_ids_has_other_tags(database: TestDatabase) {
    let Some(other) = TestDatabase::create(database.engine) else { return };
    let (database, other) = (Arc::new(database), Arc::new(other));
    let (old, new) = (start(&database), start(&other));
    database.import(&[row("old")]);
    other.import(&[row("new")]);
    assert_all_are_stale(&new, &tags(&old).await).await;
}

#[on_both]
async fn a_post_imported_again_under_its_id_has_another_tag(database: TestDatabase) {
    let database = Arc::new(database);
    let api = start(&database);
    database.import(&[row("old")]);
    let past = tags(&api).await;
    api.editor().delete("/api/posts/1").await.expect(204);
    database.import(&[row("new")]);
    assert_all_are_stale(&api, &past).await;
}

/// A restore brings back an older row, from which the next change makes the same version again. The same happens after
/// a failover that loses commits, and in two databases that were restored from one backup.
#[on_both]
async fn a_restored_post_that_diverges_has_other_tags(database: TestDatabase) {
    let database = Arc::new(database);
    let api = start(&database);
    database.import(&[row("backup")]);
    let backup = tags(&api).await;
    api.editor().patch("/api/posts/1", &json!({"content": "lost"})).await.expect(200);
    // The clock went back, so that both changes have the same time.
    let set_time =
        "UPDATE posts SET updated_at = (SELECT created_at FROM posts WHERE id = 1), version = 4 WHERE id = 1";
    database.execute(set_time);
    let lost = tags(&api).await;

    api.editor().delete("/api/posts/1").await.expect(204);
    database.import(&[row("backup")]);
    assert_eq!(tags(&api).await, backup, "a restored post has its tag again");
    api.editor().patch("/api/posts/1", &json!({"content": "kept"})).await.expect(200);
    database.execute(set_time);
    let kept = api.get(READS[0]).await.json(200);
    assert_eq!((&kept["version"], &kept["updated_at"]), (&json!(4), &json!("2026-01-31T12:00:00.000000Z")));
    assert_all_are_stale(&api, &lost).await;
    assert_all_are_stale(&api, &backup).await;
}

/// Triggers normally change the version and the time of an external change.
#[on_both]
async fn a_change_that_bypasses_the_triggers_has_another_tag(database: TestDatabase) {
    let database = Arc::new(database);
    let api = start(&database);
    database.import(&[row("old")]);
    let before = tags(&api).await;
    for trigger in ["posts_set_version", "posts_clear_excerpt"] {
        match database.engine {
            Engine::Sqlite => database.execute(&format!("DROP TRIGGER IF EXISTS {trigger}")),
            Engine::Postgres => database.execute(&format!("ALTER TABLE posts DISABLE TRIGGER {trigger}")),
        }
    }
    database.execute("UPDATE posts SET content = 'new', excerpt = 'new' WHERE id = 1");
    let changed = api.get(READS[0]).await.json(200);
    assert_eq!((&changed["version"], &changed["updated_at"]), (&json!(2), &json!("2026-02-01T12:00:00.000000Z")));
    assert_all_are_stale(&api, &before).await;
}

/// Another release may derive other excerpts from the same contents.
#[on_both]
async fn another_excerpt_changes_the_tag_of_the_list(database: TestDatabase) {
    let database = Arc::new(database);
    let api = start(&database);
    database.import(&[row("text")]);
    let before = tags(&api).await;
    // A higher version than the trigger would set, and the version of before.
    database.execute("UPDATE posts SET excerpt = 'other', updated_at = updated_at, version = 2 WHERE id = 1");
    let after = tags(&api).await;
    assert_ne!(after[3], before[3]);
    api.get(READS[3]).header("if-none-match", &before[3]).await.expect(200);
}

fn time() -> impl Strategy<Value = String> {
    let known = [
        "0000-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "1582-10-04T00:00:00.5Z",
        "9999-12-31T23:59:59.999999Z", "2026-03-29T02:30:00.000001+02:00",
    ];
    proptest::sample::select(known.map(str::to_owned).to_vec())
}

fn post() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just(None),
        Just(Some(String::new())),
        "[^\0]{0,40}".prop_map(Some),
        "[0-9:,-]{1,9}".prop_map(Some)
    ];
    // The scheduler would publish a post that is due.
    let scheduled = proptest::option::of(Just("9999-12-31T23:59:59.999999Z"));
    let times = (time(), time(), time(), scheduled);
    let line = || proptest::option::of("[^\\p{Cc}\\p{Z}]{1,20}");
    let labels = || proptest::collection::vec("[^\\p{Cc}\\p{Z}]{1,9}", 0..3);
    let metadata = proptest::collection::vec(("[^\\p{Cc}]{1,9}", "[^\0]{0,20}"), 0..3);
    let fields = (text, any::<bool>(), times, 1_i64..(1 << 53), line(), line(), labels(), labels(), metadata);
    fields.prop_map(|(content, published, times, version, description, alt, mut tags, mut authors, metadata)| {
        let (first, created, updated, scheduled) = times;
        for labels in [&mut tags, &mut authors] {
            *labels = labels.iter().enumerate().map(|(index, label)| format!("{label}{index}")).collect();
        }
        let image = alt.as_ref().map(|alt| format!("/{}", alt.replace(['/', '\\'], "")));
        let metadata: serde_json::Map<String, Value> =
            metadata.into_iter().map(|(name, text)| (name, json!([text, version]))).collect();
        json!({
            "description": description, "image": image, "image_alt": alt, "tags": tags, "authors": authors,
            "metadata": metadata,
            "title": content.clone().unwrap_or_default().trim().chars().take(9).chain(['t']).collect::<String>(),
            "content": content, "published": published, "published_at": if published { Some(first) } else { None },
            "created_at": created, "updated_at": updated, "version": version,
            "scheduled_for": scheduled.filter(|_| !published),
        })
    })
}

/// PostgreSQL computes the tag in SQL, so both computations must agree for every value of every column.
#[on_both]
async fn the_current_tag_of_any_post_is_accepted(database: TestDatabase) {
    let database = Arc::new(database);
    let api = start(&database);
    let mut posts = Vec::new();
    let mut runner = TestRunner::deterministic();
    for index in 0..150 {
        let mut given = post().new_tree(&mut runner).unwrap().current();
        given["slug"] = json!(format!("post-{index}"));
        posts.push(given);
    }
    database.import(&posts);
    let editor = api.editor();
    for id in 1..=posts.len() {
        let path = format!("/api/posts/{id}");
        let read = editor.get(&path).await.expect(200);
        let tag = read.header("etag").unwrap().to_owned();
        let unchanged = editor.patch(&path, &json!({})).header("if-match", &tag).await.expect(200);
        assert_eq!((unchanged.header("etag"), &unchanged.body), (Some(tag.as_str()), &read.body));
        editor.patch(&path, &json!({"title": "x"})).header("if-none-match", &tag).await.expect(412);
        editor.patch(&path, &json!({"title": "x"})).header("if-match", &tag).await.expect(200);
        editor.patch(&path, &json!({"title": "y"})).header("if-match", &tag).await.expect(412);
    }
}

/// The largest version that an import accepts stays, and the tag changes without it.
#[on_both]
async fn a_post_at_the_largest_version_can_be_changed(database: TestDatabase) {
    const LARGEST: i64 = (1 << 53) - 1;
    let database = Arc::new(database);
    let api = start(&database);
    let mut largest = row("first");
    largest["version"] = json!(LARGEST);
    database.import(&[largest]);
    let editor = api.editor();
    let first = tags(&api).await;
    let patched = editor.patch(READS[0], &json!({"content": "second"})).header("if-match", &first[0]).await.json(200);
    assert_eq!(patched["version"], LARGEST);
    assert_all_are_stale(&api, &first).await;
    database.execute("UPDATE posts SET content = 'external' WHERE id = 1");
    editor.put(READS[1], &json!({"title": "Put", "published": true})).await.expect(200);
    editor.post_empty("/api/posts/1/unpublish").await.expect(200);
    let batch = json!({"posts": [{"title": "B", "slug": "page", "published": true}], "on_conflict": "replace"});
    assert_eq!(editor.post("/api/posts/batch", &batch).await.json(200)["items"][0]["result"], "replaced");
    assert_eq!(api.get(READS[0]).await.json(200)["version"], LARGEST);
    database.execute("UPDATE posts SET title = 'External', version = 1 WHERE id = 1");
    assert_eq!(api.get(READS[0]).await.json(200)["version"], LARGEST, "the version never decreases");
}
