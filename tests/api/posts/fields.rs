//! Descriptions, tags, authors, images, and metadata of posts.

use serde_json::{Value, json};

use crate::support::database::execute;
use crate::support::{Api, Engine, Fixture, on_both, wait_for, wait_until};

/// All fields that this module tests, with values that are stored as they are.
fn all_fields() -> Value {
    json!({
        "description": "One line",
        "tags": ["Rust", "C++", "日本語"],
        "authors": ["Ada Lovelace", "Zoë"],
        "image": "https://example.com/a.png?b=1#c",
        "image_alt": "",
        "metadata": {"z": {"b": [1, null, 2.5, {"c": "\u{1f980}"}]}, "a": true, "n": 18_446_744_073_709_551_615_u64},
    })
}

fn with(fields: &Value, others: Value) -> Value {
    let mut body = fields.clone();
    body.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    body
}

/// The values of the fields that `fields` has.
fn pick(post: &Value, fields: &Value) -> Value {
    fields
        .as_object()
        .unwrap()
        .keys()
        .map(|name| (name.clone(), post[name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The pointers and codes of the errors of a 422.
async fn errors(api: &Api, body: Value) -> Vec<(String, String)> {
    let problem = api.editor().post("/api/posts", &body).await.json(422);
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    problem["errors"].as_array().unwrap().iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect()
}

#[on_both]
async fn new_posts_have_defaults(api: Api) {
    let post = api.create(json!({"title": "a"})).await;
    let defaults = json!({
        "description": null, "tags": [], "authors": [], "image": null, "image_alt": null, "metadata": {},
    });
    assert_eq!(pick(&post, &defaults), defaults);
    let nulls: Value = defaults
        .as_object()
        .unwrap()
        .keys()
        .map(|name| (name.clone(), Value::Null))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let post = api.create(with(&nulls, json!({"title": "b"}))).await;
    assert_eq!(pick(&post, &defaults), defaults);
}

#[on_both]
async fn every_write_stores_and_every_read_returns_them(api: Api) {
    let fields = all_fields();
    let body = with(&fields, json!({"title": "a", "slug": "a", "published": true}));
    let created = api.create(body.clone()).await;
    assert_eq!(pick(&created, &fields), fields);
    assert_eq!(api.get("/api/posts/by-slug/a").await.json(200), created);
    assert_eq!(pick(&api.get("/api/posts").await.json(200)["items"][0], &fields), fields);
    assert_eq!(pick(&api.get("/api/posts?view=summary").await.json(200)["items"][0], &fields), fields);
    let mut put = body.clone();
    put.as_object_mut().unwrap().remove("slug");
    let put = api.editor().put("/api/posts/by-slug/b", &put).await.json(201);
    assert_eq!(pick(&put, &fields), fields);
    let batch = json!({"posts": [with(&body, json!({"slug": "c"}))]});
    let batch = api.editor().post("/api/posts/batch", &batch).await.json(200);
    assert_eq!(pick(&batch["items"][0]["post"], &fields), fields);
    let bare = api.create(json!({"title": "d"})).await;
    let patched = api.editor().patch(&format!("/api/posts/{}", bare["id"]), &fields).await.json(200);
    assert_eq!(pick(&patched, &fields), fields);
    let replaced = api.editor().put("/api/posts/by-slug/b", &json!({"title": "b"})).await.json(200);
    assert_eq!(
        pick(&replaced, &fields),
        pick(&api.create(json!({"title": "e"})).await, &fields),
        "PUT resets the fields"
    );
}

#[on_both]
async fn members_of_metadata_stay_in_their_order(api: Api) {
    let body = r#"{"title": "a", "published": true, "metadata": {"z": 1.0, "a": {"y": -0.0, "b": 1e3}}}"#;
    api.editor().post_empty("/api/posts").body("application/json", body).await.expect(201);
    let page = api.get("/api/posts").await.expect(200);
    let text = page.text();
    assert!(text.contains(r#""metadata":{"z":1.0,"a":{"y":-0.0,"b":1000.0}}"#), "{text}");
}

#[on_both]
async fn null_clears_a_field(api: Api) {
    let post = api.create(with(&all_fields(), json!({"title": "a"}))).await;
    let path = format!("/api/posts/{}", post["id"]);
    for (field, cleared) in [
        ("description", Value::Null),
        ("tags", json!([])),
        ("authors", json!([])),
        ("image", Value::Null),
        ("image_alt", Value::Null),
        ("metadata", json!({})),
    ] {
        let patched = api.editor().patch(&path, &json!({field: null})).await.json(200);
        assert_eq!(patched[field], cleared);
    }
    assert_eq!(api.reader().get(&path).await.json(200)["version"], 7);
}

#[on_both]
async fn names_are_normalized(api: Api) {
    let body = json!({
        "title": "a", "description": " trimmed \n", "image": "\t/a.png ", "image_alt": " kept ",
        "tags": [" web\t\n dev ", "e\u{301}"], "authors": ["\u{a0}Ada\u{2003}Lovelace"],
        "metadata": {"a": null, "b": {"c": null}, "d": [null, {"e": null}]},
    });
    let post = api.create(body).await;
    assert_eq!(post["description"], "trimmed");
    assert_eq!((&post["image"], &post["image_alt"]), (&json!("/a.png"), &json!(" kept ")));
    assert_eq!(post["tags"], json!(["web dev", "é"]));
    assert_eq!(post["authors"], json!(["Ada Lovelace"]));
    assert_eq!(post["metadata"], json!({"b": {}, "d": [null, {}]}));
}

#[on_both]
async fn every_limit_is_a_422_with_a_pointer(api: Api) {
    let deep = json!({"a": {"b": {"c": {"d": {"e": {}}}}}});
    for (fields, pointer, code) in [
        (json!({"description": ""}), "/description", "empty"),
        (json!({"description": "a\nb"}), "/description", "format"),
        (json!({"description": "é".repeat(501)}), "/description", "too_long"),
        (json!({"description": 1}), "/description", "type"),
        (json!({"tags": "a"}), "/tags", "type"),
        (json!({"tags": vec!["a"; 51]}), "/tags", "too_many"),
        (json!({"tags": ["a", "b", "c", 4]}), "/tags/3", "type"),
        (json!({"tags": ["a", null]}), "/tags/1", "type"),
        (json!({"tags": ["a", " "]}), "/tags/1", "empty"),
        (json!({"tags": ["a", "A"]}), "/tags/1", "duplicate"),
        (json!({"tags": ["é", "b", "e\u{301}"]}), "/tags/2", "duplicate"),
        (json!({"tags": ["a\u{7}"]}), "/tags/0", "format"),
        (json!({"tags": ["a\0"]}), "/tags/0", "nul"),
        (json!({"tags": ["x".repeat(101)]}), "/tags/0", "too_long"),
        (json!({"authors": (0..21).map(|n| n.to_string()).collect::<Vec<_>>()}), "/authors", "too_many"),
        (json!({"authors": ["x".repeat(201)]}), "/authors/0", "too_long"),
        (json!({"image": "javascript:alert(1)"}), "/image", "format"),
        (json!({"image": "data:image/png;base64,AA=="}), "/image", "format"),
        (json!({"image": "//example.com/a.png"}), "/image", "format"),
        (json!({"image": format!("/{}", "x".repeat(2000))}), "/image", "too_long"),
        (json!({"image_alt": "x".repeat(501)}), "/image_alt", "too_long"),
        (json!({"image_alt": "a\u{0}"}), "/image_alt", "nul"),
        (json!({"metadata": []}), "/metadata", "type"),
        (json!({"metadata": {"a": {"b": "\0"}}}), "/metadata/a/b", "nul"),
        (json!({"metadata": deep}), "/metadata/a/b/c/d/e", "too_deep"),
        (json!({"metadata": {"a": vec![0; 200]}}), "/metadata", "too_many"),
        (json!({"metadata": {"a": "x".repeat(16_384)}}), "/metadata", "too_long"),
        (json!({"metadata": {"": 1}}), "/metadata", "empty"),
        (json!({"metadata": {"a": {"x".repeat(101): 1}}}), "/metadata/a", "too_long"),
        (json!({"subtitle": "a"}), "/subtitle", "unknown"),
    ] {
        let found = errors(&api, with(&fields, json!({"title": "a"}))).await;
        assert_eq!(found, [(pointer.to_owned(), code.to_owned())], "{fields}");
    }
    assert_eq!(api.reader().get("/api/posts?published=any").await.json(200)["items"], json!([]));
}

#[on_both]
async fn largest_values_are_accepted_also_in_a_full_batch(api: Api) {
    let post = |index: usize| {
        let tags: Vec<String> = (0..50).map(|tag| format!("{}{tag:02}", "x".repeat(98))).collect();
        let authors: Vec<String> = (0..20).map(|author| format!("{}{author:02}", "y".repeat(198))).collect();
        let values = vec!["z".repeat(75); 199];
        let mut metadata = json!({"a": values});
        let padding = 16_384 - metadata.to_string().len();
        metadata["a"][0] = json!("z".repeat(75 + padding));
        json!({
            "title": format!("{index}"), "tags": tags, "authors": authors, "description": "d".repeat(500),
            "image": format!("/{}", "i".repeat(1999)), "image_alt": "a".repeat(500), "metadata": metadata,
        })
    };
    assert_eq!(post(0)["metadata"].to_string().len(), 16_384);
    let batch = json!({"posts": (0..500).map(post).collect::<Vec<_>>()});
    // A request may take 10 seconds. On a busy machine, an unoptimized build may need longer.
    let request =
        async || Some(api.editor().post("/api/posts/batch", &batch).await).filter(|reply| reply.status != 503);
    let reply = wait_for("the batch to be stored in time", request).await.json(200);
    assert_eq!(reply["items"].as_array().unwrap().len(), 500);
    assert_eq!(pick(&reply["items"][499]["post"], &post(499)), post(499));
    let page = api.reader().get("/api/posts?published=any&view=summary&limit=100").await.json(200);
    assert!(!page["items"].as_array().unwrap().is_empty());
}

#[on_both]
async fn metadata_is_patched_recursively(api: Api) {
    let post = api.create(json!({"title": "a", "metadata": {"a": {"b": 1, "c": [1]}, "d": 2}})).await;
    let path = format!("/api/posts/{}", post["id"]);
    let change = async |metadata: Value| api.editor().patch(&path, &json!({"metadata": metadata})).await;
    let patched = change(json!({"a": {"b": null, "c": [null], "e": {"f": null}}, "g": "h"})).await.json(200);
    assert_eq!(patched["metadata"], json!({"a": {"c": [null], "e": {}}, "d": 2, "g": "h"}));
    assert_eq!(patched["version"], 2);
    let problem = change(json!({"big": "x".repeat(16_384)})).await.json(422);
    assert_eq!(problem["errors"][0]["pointer"], "/metadata");
    let problem = change(json!({"a": {"\u{1}": 1}})).await.json(422);
    assert_eq!(problem["errors"][0]["pointer"], "/metadata/a");
    assert_eq!(api.reader().get(&path).await.json(200), patched, "an invalid patch changes nothing");
    assert_eq!(
        api.editor().patch("/api/posts/999", &json!({"metadata": {"a": 1}})).await.json(404)["code"],
        "not_found"
    );
}

#[on_both]
async fn preconditions_decide_before_the_limits_of_metadata(api: Api) {
    let post = api.create(json!({"title": "a", "metadata": {"a": vec![0; 199]}})).await;
    let path = format!("/api/posts/{}", post["id"]);
    let body = json!({"metadata": {"b": 1}});
    let reply = api.editor().patch(&path, &body).header("If-Match", "\"00000000000000000000000000000000\"").await;
    assert_eq!(reply.json(412)["code"], "precondition_failed");
    assert_eq!(api.editor().patch(&path, &body).await.json(422)["errors"][0]["code"], "too_many");
}

#[on_both]
async fn concurrent_patches_of_metadata_lose_nothing(api: Api) {
    let post = api.create(json!({"title": "a"})).await;
    let path = format!("/api/posts/{}", post["id"]);
    let add = async |number: usize| {
        api.editor().patch(&path, &json!({"metadata": {format!("m{number}"): number}})).await.expect(200);
    };
    futures_util::future::join_all((0..24).map(add)).await;
    let post = api.reader().get(&path).await.json(200);
    let expected: serde_json::Map<String, Value> =
        (0..24).map(|number| (format!("m{number}"), json!(number))).collect();
    assert_eq!(post["metadata"], Value::Object(expected));
    assert_eq!(post["version"], 25);
}

/// On PostgreSQL, another writer can create the post after the service has looked for its metadata. Here, the lock
/// delays the `UPDATE` until then.
#[tokio::test]
async fn metadata_of_a_post_created_meanwhile_is_merged() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let database = &api.server.database;
    for metadata in ["{}", "{\"a\":1}"] {
        database.execute("TRUNCATE posts");
        let mut other = database.connect();
        execute(&mut other, "BEGIN");
        execute(&mut other, "LOCK TABLE posts IN SHARE MODE");
        let patch = api.admin().patch("/api/posts/1", &json!({"metadata": {"b": 2}})).into_future();
        let create = async {
            let waiting = "SELECT count(*) AS number FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            wait_until("the UPDATE to wait", async || database.query_number(waiting) > 0).await;
            execute(&mut other, &format!("INSERT INTO posts (id, title, metadata) VALUES (1, 'A', '{metadata}')"));
            execute(&mut other, "COMMIT");
        };
        let (reply, ()) = tokio::join!(patch, create);
        let mut expected: Value = serde_json::from_str(metadata).unwrap();
        expected["b"] = json!(2);
        assert_eq!(reply.json(200)["metadata"], expected);
    }
}

#[on_both]
async fn excerpt_is_the_description_or_the_beginning_of_the_content(api: Api) {
    let post = api.create(json!({"title": "a", "content": "Text", "description": "Said", "published": true})).await;
    let path = format!("/api/posts/{}", post["id"]);
    let excerpt = async || api.get("/api/posts?view=summary").await.json(200)["items"][0]["excerpt"].clone();
    assert_eq!(excerpt().await, "Said");
    api.editor().patch(&path, &json!({"description": null})).await.expect(200);
    assert_eq!(excerpt().await, "Text");
    api.editor().patch(&path, &json!({"description": "d".repeat(500)})).await.expect(200);
    assert_eq!(excerpt().await, "d".repeat(500));
}
