//! Request bodies: limits, field errors, media types, and framing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Api, on_both, raw};

const JSON: &str = "application/json";

fn as_strs(errors: &[(String, String)]) -> Vec<(&str, &str)> {
    errors.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str())).collect()
}

#[on_both]
async fn every_field_error_has_its_pointer_and_code(api: Api) {
    let existing = api.create(json!({"title": "Existing"})).await;
    let path = format!("/api/posts/{}", existing["id"]);
    for (field, value, code) in [
        ("title", json!(""), "empty"),
        ("title", json!(" \t\u{2003}\n"), "empty"),
        ("title", json!("é".repeat(201)), "too_long"),
        ("title", json!(1), "type"),
        ("title", json!([]), "type"),
        ("title", json!("a\0b"), "nul"),
        ("title", Value::Null, "null"),
        ("slug", json!(""), "format"),
        ("slug", json!("Upper"), "format"),
        ("slug", json!("a--b"), "format"),
        ("slug", json!("-a"), "format"),
        ("slug", json!("a-"), "format"),
        ("slug", json!("a_b"), "format"),
        ("slug", json!("é"), "format"),
        ("slug", json!("a b"), "format"),
        ("slug", json!("a\0"), "nul"),
        ("slug", json!("a".repeat(201)), "too_long"),
        ("slug", json!(true), "type"),
        ("content", json!("x".repeat(512 * 1024 + 1)), "too_long"),
        ("content", json!("é".repeat(256 * 1024) + "x"), "too_long"),
        ("content", json!("\0"), "nul"),
        ("content", json!({}), "type"),
        ("published", json!("true"), "type"),
        ("published", json!(1), "type"),
        ("published", Value::Null, "null"),
        ("id", json!(7), "unknown"),
        ("version", json!(7), "unknown"),
        ("published_at", json!("2026-01-31T12:00:00Z"), "unknown"),
        ("Title", json!("x"), "unknown"),
        ("a/b~c", json!("x"), "unknown"),
    ] {
        let pointer = format!("/{}", field.replace('~', "~0").replace("a/", "a~1"));
        let mut post = json!({"title": "New"});
        post[field] = value.clone();
        let errors = api.editor().post("/api/posts", &post).await.field_errors();
        assert_eq!(as_strs(&errors), [(pointer.as_str(), code)], "create {field}");
        let errors = api.editor().patch(&path, &json!({field: value})).await.field_errors();
        assert_eq!(as_strs(&errors), [(pointer.as_str(), code)], "patch {field}");
    }
    assert_eq!(api.reader().get("/api/posts?published=any").await.json(200)["items"], json!([existing]));
}

#[on_both]
async fn values_at_the_limits_are_stored(api: Api) {
    for post in [
        json!({"title": "é".repeat(200)}),
        json!({"title": "slug", "slug": "a".repeat(200)}),
        json!({"title": "content", "content": "x".repeat(512 * 1024)}),
        json!({"title": "content", "content": "é".repeat(256 * 1024)}),
        json!({"title": "one", "slug": "1"}),
        json!({"title": "controls", "content": "\u{1}\u{7f}\u{feff}\u{fffe}\u{10ffff}\r\n\u{202e}"}),
    ] {
        let stored = api.create(post.clone()).await;
        for (field, value) in post.as_object().unwrap() {
            assert_eq!(&stored[field], value, "{field}");
        }
        assert_eq!(api.reader().get(&format!("/api/posts/{}", stored["id"])).await.json(200), stored);
    }
}

#[on_both]
async fn all_field_errors_are_reported_at_once(api: Api) {
    let body = json!({"slug": "NO", "content": 1, "published": "no", "author": "me"});
    let errors = api.editor().post("/api/posts", &body).await.field_errors();
    assert_eq!(
        as_strs(&errors),
        [
            ("/author", "unknown"),
            ("/content", "type"),
            ("/published", "type"),
            ("/slug", "format"),
            ("/title", "required"),
        ]
    );
}

#[on_both]
async fn many_unknown_fields_get_a_short_response(api: Api) {
    let fields: serde_json::Map<String, Value> =
        (0..5000).map(|number| (format!("{number}{}", "x".repeat(150)), Value::Null)).collect();
    let reply = api.editor().post("/api/posts", &Value::Object(fields)).await;
    assert!(reply.body.len() < 10_000, "{} bytes", reply.body.len());
    reply.problem(422, "validation_failed");
}

#[on_both]
async fn non_object_body_is_a_type_error(api: Api) {
    // One route requires a body. On the other it is optional, and `null` counts as none.
    for path in ["/api/posts", "/api/posts/1/publish"] {
        for body in ["[]", "null", "1", "\"title\"", "[{\"title\": \"x\"}]"] {
            if (path, body) == ("/api/posts/1/publish", "null") {
                continue;
            }
            let errors = api.editor().call(Method::POST, path).body(JSON, body).await.field_errors();
            assert_eq!(as_strs(&errors), [("", "type")], "{path} {body}");
        }
    }
}

#[on_both]
async fn malformed_json_returns_400(api: Api) {
    let deep = "[".repeat(100_000);
    for body in [
        "", " ", "{", "{\"title\": \"x\"", "{\"title\": \"x\"} x", "{title: 1}", "{'title': 'x'}", "title=x",
        "{\"title\": \"\\ud800\"}", "{\"title\": \"x\",}", "{\"title\": NaN}", "\u{feff}{\"title\": \"x\"}", &deep,
        "{\"title\": \"a\nb\"}", "{\"title\": 1e999}",
    ] {
        let body = body.to_owned();
        let reply = api.editor().call(Method::POST, "/api/posts").body(JSON, body.clone()).await;
        let problem = reply.problem(400, "malformed_json");
        assert!(problem["detail"].as_str().unwrap().contains("line 1") || body.contains('\n'), "{problem}");
    }
    let not_utf8 = b"{\"title\": \"\xff\"}".to_vec();
    api.editor().call(Method::POST, "/api/posts").body(JSON, not_utf8).await.problem(400, "malformed_json");
}

#[on_both]
async fn other_content_types_return_415(api: Api) {
    let post = api.create(json!({"title": "Stays"})).await;
    let path = format!("/api/posts/{}", post["id"]);
    let body = "{\"title\": \"x\"}";
    for (method, path) in [(Method::POST, "/api/posts"), (Method::PATCH, path.as_str()), (Method::POST, "/api/keys")] {
        for content_type in [
            "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx",
            "",
        ] {
            let call = api.admin().call(method.clone(), path).body(content_type, body);
            call.await.problem(415, "unsupported_media_type");
        }
    }
}

#[on_both]
async fn json_content_type_may_have_parameters_and_any_case(api: Api) {
    let body = "{\"title\": \"x\"}";
    for content_type in ["application/json; charset=utf-8", "Application/JSON"] {
        api.editor().call(Method::POST, "/api/posts").body(content_type, body).await.expect(201);
    }
}

#[on_both]
async fn any_content_encoding_returns_415(api: Api) {
    let post = api.create(json!({"title": "Stays"})).await;
    let path = format!("/api/posts/{}", post["id"]);
    for encoding in ["gzip", "br", "deflate", "zstd", "identity", "unknown", ""] {
        for call in [
            api.admin().post("/api/posts", &json!({"title": "x"})),
            api.admin().patch(&path, &json!({"title": "x"})),
            api.admin().post("/api/keys", &json!({"name": "x", "role": "reader"})),
        ] {
            call.header("content-encoding", encoding).await.problem(415, "unsupported_content_encoding");
        }
    }
}

#[on_both]
async fn body_over_1_mib_returns_413_for_every_framing(api: Api) {
    let key = crate::support::api::ADMIN_KEY;
    let fits = format!("{{\"title\": \"x\"{}}}", " ".repeat(1024 * 1024 - 14));
    assert_eq!(fits.len(), 1024 * 1024);
    api.editor().call(Method::POST, "/api/posts").body(JSON, fits.clone()).await.expect(201);
    let too_large = format!("{fits} ");
    let head = format!(
        "POST /api/posts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: {JSON}\r\n\
         Connection: close\r\n"
    );
    let with_length = format!("{head}Content-Length: {}\r\n\r\n{too_large}", too_large.len());
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{too_large}\r\n0\r\n\r\n", too_large.len());
    // The server responds to the declared length without waiting for the body.
    let unsent = format!("{head}Content-Length: 99999999999\r\n\r\n{{");
    for request in [with_length, chunked, unsent] {
        raw::reply(api.server.address, request.as_bytes()).problem(413, "body_too_large");
    }
    assert_eq!(api.reader().get("/api/posts?published=any").await.json(200)["items"].as_array().unwrap().len(), 1);
}

#[on_both]
async fn chunked_body_within_the_limit_is_accepted(api: Api) {
    let request = format!(
        "POST /api/posts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: {JSON}\r\n\
         Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{{\"title\"\r\n5\r\n: \"x\"\r\n1\r\n}}\r\n\
         0\r\n\r\n",
        crate::support::api::ADMIN_KEY
    );
    raw::reply(api.server.address, request.as_bytes()).expect(201);
}
