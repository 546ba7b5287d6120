//! Every precondition on every method, as RFC 9110, section 13.2.2, orders their evaluation.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::database::{execute, try_execute};
use crate::support::{Api, Call, Engine, Fixture, on_both, wait_until};

/// `TAG` stands for the current tag, without quotes. The last value is whether an existing resource meets the headers.
const CASES: [(&[(&str, &str)], bool); 24] = [
    (&[], true),
    (&[("if-match", "*")], true),
    (&[("if-match", "\"TAG\"")], true),
    (&[("if-match", "\"x\", \"TAG\"")], true),
    (&[("if-match", "\"TAG-gzip\"")], true),
    (&[("if-match", "W/\"TAG\"")], false),
    (&[("if-match", "\"x\"")], false),
    (&[("if-match", "")], false),
    (&[("if-none-match", "*")], false),
    (&[("if-none-match", "\"TAG\"")], false),
    (&[("if-none-match", "W/\"TAG\"")], false),
    (&[("if-none-match", "\"x\", W/\"TAG\"")], false),
    (&[("if-none-match", "\"TAG-gzip\"")], false),
    (&[("if-none-match", "\"x\"")], true),
    (&[("if-none-match", "")], true),
    (&[("if-match", "*"), ("if-none-match", "\"x\"")], true),
    (&[("if-match", "\"TAG\""), ("if-none-match", "\"x\"")], true),
    (&[("if-match", "\"TAG\""), ("if-none-match", "\"TAG\"")], false),
    (&[("if-match", "\"TAG\""), ("if-none-match", "*")], false),
    (&[("if-match", "*"), ("if-none-match", "*")], false),
    (&[("if-match", "\"x\""), ("if-none-match", "\"x\"")], false),
    (&[("if-match", "\"x\""), ("if-none-match", "\"TAG\"")], false),
    // Posts have no `Last-Modified`, so both are ignored.
    (&[("if-unmodified-since", "Mon, 01 Jan 1990 00:00:00 GMT")], true),
    (&[("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"), ("if-none-match", "\"x\"")], true),
];

fn with_headers(call: Call, headers: &[(&str, &str)], tag: &str) -> Call {
    headers.iter().fold(call, |call, (name, value)| call.header(name, &value.replace("TAG", tag)))
}

/// The changes of a post.
fn changes(editor: &Api, path: &str, slug: &str) -> Vec<Call> {
    vec![
        editor.patch(path, &json!({"title": "New"})),
        editor.patch(path, &json!({})),
        editor.put(&format!("/api/posts/by-slug/{slug}"), &json!({"title": "New"})),
        editor.post_empty(&format!("{path}/publish")),
        editor.post(&format!("{path}/publish"), &json!({"at": "2999-01-01T00:00:00Z"})),
        editor.post_empty(&format!("{path}/unpublish")),
        editor.delete(path),
    ]
}

#[on_both]
async fn changes_of_a_post_evaluate_every_precondition(api: Api) {
    let editor = api.editor();
    for (headers, is_met) in CASES {
        for index in 0..changes(&editor, "", "").len() {
            let post = api.create(json!({"title": "Old"})).await;
            let (path, slug) = (format!("/api/posts/{}", post["id"]), post["slug"].as_str().unwrap());
            let tag = editor.get(&path).await.header("etag").unwrap().trim_matches('"').to_owned();
            let call = changes(&editor, &path, slug).swap_remove(index);
            let reply = with_headers(call, headers, &tag).await;
            let context = format!("{} with {headers:?}", reply.line);
            assert_eq!(reply.status < 300, is_met, "{context}: {}", reply.status);
            if !is_met {
                reply.problem(412, "precondition_failed");
                assert_eq!(editor.get(&path).await.json(200), post, "{context}");
            }
        }
    }
}

#[on_both]
async fn changes_of_a_missing_post_return_404(api: Api) {
    let editor = api.editor();
    for (headers, _) in CASES {
        for call in changes(&editor, "/api/posts/999", "missing") {
            let reply = with_headers(call, headers, "0123456789abcdef0123456789abcdef").await;
            if reply.line.starts_with("PUT") {
                let requires_a_post = headers.iter().any(|(name, _)| *name == "if-match");
                assert_eq!(reply.status, if requires_a_post { 412 } else { 201 }, "{headers:?}");
                if reply.status == 201 {
                    let id = reply.json(201)["id"].clone();
                    editor.delete(&format!("/api/posts/{id}")).await.expect(204);
                }
            } else {
                reply.problem(404, "not_found");
            }
        }
    }
}

#[on_both]
async fn malformed_preconditions_change_nothing(api: Api) {
    let editor = api.editor();
    let post = api.create(json!({"title": "Old"})).await;
    let (path, slug) = (format!("/api/posts/{}", post["id"]), post["slug"].as_str().unwrap());
    for name in ["if-match", "if-none-match"] {
        for value in ["x", "*, \"x\"", "\"x\" \"y\"", "W/x", "\"x"] {
            for call in changes(&editor, &path, slug) {
                call.header(name, value).await.problem(400, "invalid_header");
            }
        }
    }
    assert_eq!(editor.get(&path).await.json(200), post);
}

/// A collection always exists, and its tags are not compared.
#[on_both]
async fn creates_apply_preconditions_to_the_collection(api: Api) {
    let (editor, admin) = (api.editor(), api.admin());
    let total = async || editor.get("/api/posts?published=any&count=exact").await.json(200)["total"].clone();
    let keys = async || admin.get("/api/keys").await.json(200)["items"].as_array().unwrap().len();
    for (headers, is_met) in [
        (&[("if-none-match", "*")][..], false),
        (&[("if-match", "\"x\"")], false),
        (&[("if-match", "*"), ("if-none-match", "*")], false),
        (&[("if-match", "*")], true),
        (&[("if-none-match", "\"x\"")], true),
    ] {
        let (posts_before, keys_before) = (total().await, keys().await);
        for call in [
            editor.post("/api/posts", &json!({"title": "New"})),
            editor.post("/api/posts/batch", &json!({"posts": [{"title": "New"}]})),
            admin.post("/api/keys", &json!({"name": "k", "role": "reader"})),
        ] {
            let reply = with_headers(call, headers, "").await;
            assert_eq!(reply.status, if is_met { reply.status.min(201) } else { 412 }, "{} {headers:?}", reply.line);
        }
        assert_eq!(total().await == posts_before, !is_met, "{headers:?}");
        assert_eq!(keys().await == keys_before, !is_met, "{headers:?}");
    }
}

/// A key has no tag, so only `*` matches it.
#[on_both]
async fn revoking_a_key_evaluates_preconditions(api: Api) {
    let admin = api.admin();
    for (name, value, is_met) in [
        ("if-none-match", "*", false),
        ("if-match", "\"x\"", false),
        ("if-match", "*", true),
        ("if-none-match", "\"x\"", true),
        ("if-unmodified-since", "Mon, 01 Jan 1990 00:00:00 GMT", true),
    ] {
        let key = admin.post("/api/keys", &json!({"name": "k", "role": "reader"})).await.json(201);
        let path = format!("/api/keys/{}", key["id"]);
        admin.delete(&path).header(name, value).await.expect(if is_met { 204 } else { 412 });
        let items = admin.get("/api/keys").await.json(200)["items"].clone();
        assert_eq!(items.as_array().unwrap().iter().any(|item| item["id"] == key["id"]), !is_met, "{name}: {value}");
        admin.delete("/api/keys/999999").header(name, value).await.problem(404, "not_found");
    }
    admin.delete("/api/keys/999999").header("if-match", "x").await.problem(400, "invalid_header");
}

#[on_both]
async fn reads_evaluate_if_match_before_if_none_match(api: Api) {
    api.create(json!({"title": "Read", "content": "text", "published": true})).await;
    for path in ["/api/posts/1", "/api/posts/by-slug/read", "/api/posts", "/api/posts?view=summary&count=exact"] {
        for client in [api.clone(), api.reader()] {
            let tag = client.get(path).await.header("etag").unwrap().trim_matches('"').to_owned();
            for (headers, is_met) in CASES {
                let value = |name: &str| headers.iter().find(|header| header.0 == name).map(|header| header.1);
                // `If-Match` alone decides between 412 and the rest; `If-None-Match` between 304 and 200.
                let is_rejected = |list: &str| list != "*" && (!list.contains("TAG") || list.starts_with("W/"));
                let rejects = value("if-match").is_some_and(is_rejected);
                let status = if rejects {
                    412
                } else if is_met {
                    200
                } else {
                    304
                };
                for method in [Method::GET, Method::HEAD] {
                    let reply = with_headers(client.call(method, path), headers, &tag).await;
                    assert_eq!(reply.status, status, "{} with {headers:?}", reply.line);
                }
            }
            client.get(path).header("if-match", "x").await.problem(400, "invalid_header");
        }
    }
    for path in ["/api/posts/999", "/api/posts/by-slug/missing"] {
        for value in ["*", "\"x\""] {
            api.get(path).header("if-match", value).await.problem(404, "not_found");
        }
    }
}

/// An external writer without the constraints of the schema can set any version. Neither the cache nor the conditions
/// depend on it.
#[on_both]
async fn any_external_version_leaves_no_draft_in_the_cache(api: Api) {
    const VERSIONS: [i64; 7] = [0, -1, i64::MIN, 1, 2, (1 << 53) - 1, i64::MAX];
    let editor = api.editor();
    for (index, (version, is_batch)) in
        VERSIONS.into_iter().flat_map(|version| [(version, false), (version, true)]).enumerate()
    {
        let post = api.create(json!({"title": format!("V {index}"), "published": true})).await;
        let path = format!("/api/posts/{}", post["id"]);
        let slug_path = format!("/api/posts/by-slug/{}", post["slug"].as_str().unwrap());
        set_version(&api, &post["id"], version);
        wait_until("the version is visible", async || api.get(&path).await.json(200)["version"] == version).await;
        api.get("/api/posts").await.expect(200);
        let tag = api.get(&path).await.header("etag").unwrap().to_owned();
        if is_batch {
            let batch = json!({"posts": [{"title": "Draft", "slug": post["slug"]}], "on_conflict": "replace"});
            let reply = editor.post("/api/posts/batch", &batch).await.json(200);
            assert_eq!(reply["items"][0]["result"], "replaced");
        } else {
            editor.put(&slug_path, &json!({"title": "Draft"})).await.expect(200);
        }
        api.get(&path).await.problem(404, "not_found");
        assert_eq!(api.get("/api/posts").await.json(200)["items"], json!([]), "version {version}");
        editor.patch(&path, &json!({"title": "x"})).header("if-match", &tag).await.expect(412);
    }
}

/// Sets the version as a writer that has removed the constraint and the trigger.
fn set_version(api: &Api, id: &Value, version: i64) {
    let database = &api.server.database;
    match database.engine {
        Engine::Sqlite => {
            let mut conn = database.connect();
            execute(&mut conn, "PRAGMA ignore_check_constraints = ON");
            execute(&mut conn, "DROP TRIGGER IF EXISTS posts_set_version");
            execute(&mut conn, &format!("UPDATE posts SET version = {version} WHERE id = {id}"));
        }
        Engine::Postgres => {
            database.execute("ALTER TABLE posts DROP CONSTRAINT IF EXISTS posts_version_check");
            database.execute("ALTER TABLE posts DISABLE TRIGGER posts_set_version");
            database.execute(&format!("UPDATE posts SET version = {version} WHERE id = {id}"));
        }
    }
}

#[on_both]
async fn the_schema_rejects_versions_outside_the_range(api: Api) {
    let post = api.create(json!({"title": "Bounded"})).await;
    let database = &api.server.database;
    for version in ["9007199254740992", "9223372036854775807", "NULL", "0", "-1"] {
        let sql = format!("UPDATE posts SET version = {version} WHERE id = {}", post["id"]);
        let updated = try_execute(&mut database.connect(), &sql);
        // A trigger of PostgreSQL raises a version that is too low before the constraint is checked.
        let is_raised = database.engine == Engine::Postgres && (version == "0" || version == "-1");
        assert_eq!(updated.is_ok(), is_raised, "{version}");
        let sql = format!("INSERT INTO posts (slug, title, version) VALUES ('v', 'v', {version})");
        assert!(try_execute(&mut database.connect(), &sql).is_err(), "{version}");
    }
    // On PostgreSQL, two changes have raised the version, and on SQLite none was stored.
    let stored = api.reader().get(&format!("/api/posts/{}", post["id"])).await.json(200);
    assert_eq!(stored["version"], if database.engine == Engine::Postgres { 3 } else { 1 });
}

/// On PostgreSQL, another writer can create the post between the statement that does not find it and the one that looks
/// for the reason. Here, a trigger does so. The post meets the preconditions, so the response must not be 412.
#[tokio::test]
async fn a_post_created_meanwhile_is_changed() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let database = &api.server.database;
    database.execute(
        "CREATE FUNCTION create_post() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             INSERT INTO posts (id, slug, title) VALUES (1, 'a', 'A') ON CONFLICT DO NOTHING;
             RETURN NULL;
         END $$",
    );
    database.execute(
        "CREATE TRIGGER create_post AFTER UPDATE OR DELETE ON posts FOR EACH STATEMENT EXECUTE FUNCTION create_post()",
    );
    let (editor, path) = (api.editor(), "/api/posts/1");
    let changes = || {
        [
            (editor.patch(path, &json!({"title": "New"})), 200),
            (editor.patch(path, &json!({"metadata": {"a": 1}})), 200),
            (editor.post_empty("/api/posts/1/publish"), 200),
            (editor.post_empty("/api/posts/1/unpublish"), 200),
            (editor.delete(path), 204),
        ]
    };
    for headers in [&[][..], &[("if-match", "*")], &[("if-none-match", "\"x\"")]] {
        for (call, status) in changes() {
            database.execute("TRUNCATE posts");
            with_headers(call, headers, "").await.expect(status);
        }
    }
}
