//! What the service's own writes add to the log.

use serde_json::json;

use super::{brief, expected, rows};
use crate::support::{Api, Engine, on_both};

#[on_both]
async fn every_public_change_is_logged_once(api: Api) {
    let editor = api.editor();
    api.create(json!({"title": "A", "slug": "a", "published": true})).await;
    editor.patch("/api/posts/1", &json!({"title": "A!"})).await.expect(200);
    editor.patch("/api/posts/1", &json!({"slug": "b"})).await.expect(200);
    editor.post_empty("/api/posts/1/unpublish").await.expect(200);
    editor.patch("/api/posts/1", &json!({"slug": "hidden"})).await.expect(200);
    editor.post_empty("/api/posts/1/publish").await.expect(200);
    editor.patch("/api/posts/1", &json!({"slug": "secret", "published": false})).await.expect(200);
    editor.patch("/api/posts/1", &json!({"slug": "c", "published": true})).await.expect(200);
    editor.put("/api/posts/by-slug/c", &json!({"title": "C", "published": true})).await.expect(200);
    editor.delete("/api/posts/1").await.expect(204);
    assert_eq!(
        brief(&api.server.database),
        expected(&[
            (1, 1, 1, "a", None),
            (1, 2, 2, "a", None),
            (1, 2, 3, "b", Some("a")),
            (1, 3, 4, "b", None),
            (1, 1, 6, "hidden", None),
            (1, 3, 7, "hidden", None),
            (1, 1, 8, "c", None),
            (1, 2, 9, "c", None),
            (1, 4, 9, "c", None),
        ])
    );
    assert!(rows(&api.server.database).iter().all(|row| !row.bulk));
}

/// Neither the log nor, on PostgreSQL, the sequence.
#[on_both]
async fn writes_of_drafts_leave_no_trace(api: Api) {
    let editor = api.editor();
    let database = &api.server.database;
    let count = || {
        let sequence = match database.engine {
            Engine::Postgres => "(SELECT last_value FROM posts_changes)",
            Engine::Sqlite => "max(seq)",
        };
        database.query_number(&format!("SELECT count(*) * 1000 + {sequence} AS number FROM post_changes"))
    };
    let before = count();
    api.create(json!({"title": "Draft", "slug": "draft", "tags": ["x"]})).await;
    editor.patch("/api/posts/1", &json!({"title": "Changed", "slug": "other"})).await.expect(200);
    editor.put("/api/posts/by-slug/other", &json!({"title": "Replaced"})).await.expect(200);
    editor.post("/api/posts/1/publish", &json!({"at": "2999-01-01T00:00:00Z"})).await.expect(200);
    editor.post_empty("/api/posts/1/unpublish").await.expect(200);
    let batch =
        json!({"posts": [{"title": "B", "slug": "b"}, {"title": "Again", "slug": "other"}], "on_conflict": "replace"});
    editor.post("/api/posts/batch", &batch).await.expect(200);
    database.execute("UPDATE posts SET title = 'External' WHERE id = 1");
    database.import(&[json!({"title": "Imported"})]);
    editor.delete("/api/posts/1").await.expect(204);
    assert_eq!(count(), before);
}

#[on_both]
async fn unchanged_posts_are_not_logged(api: Api) {
    let editor = api.editor();
    let post = json!({"title": "A", "published": true});
    editor.put("/api/posts/by-slug/a", &post).await.expect(201);
    editor.put("/api/posts/by-slug/a", &post).await.expect(200);
    editor.post_empty("/api/posts/1/publish").await.expect(200);
    editor.patch("/api/posts/1", &json!({"title": ""})).await.expect(422);
    editor
        .patch("/api/posts/1", &json!({"title": "B"}))
        .header("if-match", "\"00000000000000000000000000000000\"")
        .await
        .expect(412);
    editor.post("/api/posts", &json!({"title": "A", "slug": "a", "published": true})).await.expect(409);
    assert_eq!(brief(&api.server.database), expected(&[(1, 1, 1, "a", None)]));
}

/// A failed batch stores neither posts nor rows.
#[on_both]
async fn a_batch_is_logged_in_its_order(api: Api) {
    let post = |slug: &str| json!({"title": slug, "slug": slug, "published": true});
    let batch = json!({"posts": [post("c"), post("a"), {"title": "Draft"}, post("b")]});
    api.editor().post("/api/posts/batch", &batch).await.expect(200);
    api.editor().post("/api/posts/batch", &json!({"posts": [post("d"), post("a")]})).await.expect(409);
    let slugs: Vec<String> = rows(&api.server.database).into_iter().map(|row| row.slug).collect();
    assert_eq!(slugs, ["c", "a", "b"]);
}

/// Only the rows of the import, whatever the writes before and after it.
#[on_both]
async fn an_import_marks_its_rows(api: Api) {
    let database = &api.server.database;
    api.create(json!({"title": "Before", "slug": "before", "published": true})).await;
    let post = |number: i64| json!({"title": "I", "slug": format!("imported-{number}"), "published": true});
    // More than a batch.
    let posts: Vec<_> = (0..600).map(post).collect();
    database.import(&posts);
    api.create(json!({"title": "After", "slug": "after", "published": true})).await;
    let rows = rows(database);
    assert_eq!(rows.len(), 602);
    for row in rows {
        assert_eq!(row.bulk, row.slug.starts_with("imported"), "{row:?}");
    }
}
