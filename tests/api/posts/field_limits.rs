//! Unusual and invalid values of the fields, on every route and in imports.

use posts_api::transfer;
use serde_json::{Value, json};

use crate::support::{Api, Reply, on_both};

const JSON: &str = "application/json";

/// Sends the fields to each route that stores a post. The result has the pointer that the fields have in the body.
async fn send_to_every_route(api: &Api, fields: &str) -> Vec<(Reply, &'static str)> {
    let editor = api.editor();
    let post = api.create(json!({"title": "Target"})).await;
    let (path, slug) = (format!("/api/posts/{}", post["id"]), post["slug"].as_str().unwrap());
    let with_title = format!("{{\"title\": \"a\", {fields}}}");
    let batch = format!("{{\"posts\": [{{\"title\": \"b\"}}, {with_title}]}}");
    let update = editor.call(reqwest::Method::PATCH, &path);
    let put = editor.call(reqwest::Method::PUT, &format!("/api/posts/by-slug/{slug}"));
    vec![
        (update.body(JSON, format!("{{{fields}}}")).await, ""),
        (put.body(JSON, with_title.clone()).await, ""),
        (editor.post_empty("/api/posts").body(JSON, with_title).await, ""),
        (editor.post_empty("/api/posts/batch").body(JSON, batch).await, "/posts/1"),
    ]
}

/// The message about the only line of an import.
fn import_error(api: &Api, line: &str) -> String {
    let mut conn = api.server.database.connect();
    match transfer::import(&mut conn, line.as_bytes(), transfer::Options::default(), |_| {}) {
        Err(transfer::Error::Invalid { diagnostics, .. }) => diagnostics.first()[0].message.clone(),
        imported => panic!("{imported:?}"),
    }
}

#[on_both]
async fn every_route_and_the_import_apply_the_limits(api: Api) {
    let many = |count: usize| json!((0..count).map(|number| number.to_string()).collect::<Vec<_>>());
    for (field, value, pointer, code) in [
        ("description", json!(" "), "/description", "empty"),
        ("description", json!("a\tb"), "/description", "format"),
        ("tags", many(51), "/tags", "too_many"),
        ("tags", json!(["a", "b", "x".repeat(101)]), "/tags/2", "too_long"),
        ("tags", json!(["a", "b", "A"]), "/tags/2", "duplicate"),
        ("tags", json!(["a\u{1b}[31m"]), "/tags/0", "format"),
        ("authors", many(21), "/authors", "too_many"),
        ("authors", json!([["a"]]), "/authors/0", "type"),
        ("image", json!(""), "/image", "format"),
        ("image", json!("JaVaScRiPt:alert(1)"), "/image", "format"),
        ("image_alt", json!("a\nb"), "/image_alt", "format"),
        ("metadata", json!("{}"), "/metadata", "type"),
        ("metadata", json!({"a/b~c": {"d~e": "\0"}}), "/metadata/a~1b~0c/d~0e", "nul"),
        ("metadata", json!({"a": [0, {"b": [[[]]]}]}), "/metadata/a/1/b/0/0", "too_deep"),
        ("metadata", json!({"a": vec![0; 200]}), "/metadata", "too_many"),
        ("metadata", json!({"a": "\u{1}".repeat(2731)}), "/metadata", "too_long"),
        ("metadata", json!({"a": {"\u{7f}": 1}}), "/metadata/a", "format"),
        ("a/b~c", json!(1), "/a~1b~0c", "unknown"),
    ] {
        let fields = format!("{}: {value}", json!(field));
        for (reply, prefix) in send_to_every_route(&api, &fields).await {
            let line = reply.line.clone();
            assert_eq!(reply.field_errors(), [(format!("{prefix}{pointer}"), code.to_owned())], "{line}: {fields}");
        }
        let message = import_error(&api, &format!("{{\"title\": \"a\", {fields}}}"));
        assert!(message.contains(&format!("{pointer}: ")), "{message}");
    }
}

#[on_both]
async fn malformed_json_in_a_field_is_a_400(api: Api) {
    let nested = |open: &str, count: usize| format!("\"metadata\": {}", open.repeat(count));
    let closed = format!("\"metadata\": {}1{}", "{\"a\":[".repeat(100), "]}".repeat(100));
    let values = format!("\"metadata\": {{\"a\": [{}]}}", vec!["0"; 20_000].join(","));
    for fields in [
        "\"tags\": [\"\\ud800\"]",
        "\"authors\": [\"a\\udc00\"]",
        "\"description\": \"\\ud83d\"",
        "\"image\": \"/\\ud83d\\ud83d\"",
        "\"image_alt\": \"\\udfff\"",
        "\"metadata\": {\"a\": \"\\ud800\"}",
        "\"metadata\": {\"\\ud800\": 1}",
        "\"metadata\": {\"a\": 1e400}",
        "\"metadata\": {\"a\": -1e400}",
        "\"metadata\": {\"a\": NaN}",
        "\"metadata\": {\"a\": 01}",
        "\"metadata\": {\"a\": 1, \"a\": 2}",
        "\"metadata\": {\"a\": {\"b\": 1, \"\\u0062\": 2}}",
        "\"tags\": [], \"tags\": [\"a\"]",
        &closed,
        &nested("[", 1_000_000),
        &nested("{\"a\":", 200_000),
    ] {
        for (reply, _) in send_to_every_route(&api, fields).await {
            reply.problem(400, "malformed_json");
        }
    }
    // A batch may contain more values, but no more in each post than the limit of the metadata.
    for (reply, prefix) in send_to_every_route(&api, &values).await {
        match prefix {
            "" => drop(reply.problem(400, "malformed_json")),
            prefix => assert_eq!(reply.field_errors(), [(format!("{prefix}/metadata"), "too_many".to_owned())]),
        }
    }
    let batch = format!("{{\"posts\": [{}]}}", vec!["0"; 150_000].join(","));
    api.editor().post_empty("/api/posts/batch").body(JSON, batch).await.problem(400, "malformed_json");
}

/// Values are stored and returned as JSON text, without passing through another representation.
#[on_both]
async fn numbers_keep_their_value(api: Api) {
    for (sent, stored) in [
        ("0", "0"),
        ("-0", "-0.0"),
        ("-0.0", "-0.0"),
        ("1.0", "1.0"),
        ("1e2", "100.0"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
        // Beyond 64-bit integers, numbers are doubles.
        ("18446744073709551616", "1.8446744073709552e+19"),
        ("0.1", "0.1"),
        ("5e-324", "5e-324"),
        ("1e-400", "0.0"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
    ] {
        for (reply, _) in send_to_every_route(&api, &format!("\"metadata\": {{\"n\": {sent}}}")).await {
            assert!(reply.status < 300, "{sent}: {}", reply.text());
            let text = reply.text();
            assert!(text.contains(&format!("\"metadata\":{{\"n\":{stored}}}")), "{sent}: {text}");
        }
    }
}

#[on_both]
async fn metadata_names_have_no_special_meaning(api: Api) {
    let names = ["__proto__", "constructor", "toString", "a.b", "$ref", "a/b", "~", " ", "'", "日本", "🦀"];
    let metadata: Value =
        names.iter().map(|name| ((*name).to_owned(), json!({"x": 1}))).collect::<serde_json::Map<_, _>>().into();
    let post = api.create(json!({"title": "a", "metadata": metadata})).await;
    assert_eq!(post["metadata"], metadata);
    let path = format!("/api/posts/{}", post["id"]);
    for name in names {
        let patched = api.editor().patch(&path, &json!({"metadata": {name: {"x": null, "y": [name]}}})).await.json(200);
        assert_eq!(patched["metadata"][name], json!({"y": [name]}));
        let removed = api.editor().patch(&path, &json!({"metadata": {name: null}})).await.json(200);
        assert!(!removed["metadata"].as_object().unwrap().contains_key(name));
    }
    assert_eq!(api.reader().get(&path).await.json(200)["metadata"], json!({}));
}

#[on_both]
async fn labels_are_normalized_to_form_c_and_no_further(api: Api) {
    // U+0958 is excluded from composition, and has two characters in form C.
    let tag = |text: &str| text.to_owned();
    for (sent, stored) in [
        (tag("e\u{301}"), tag("é")),
        (tag("\u{1100}\u{1161}\u{11a8}"), tag("각")),
        (tag("\u{958}"), tag("\u{915}\u{93c}")),
        ("\u{958}".repeat(50), "\u{915}\u{93c}".repeat(50)),
        (tag("\u{301}"), tag("\u{301}")),
        (tag("q\u{323}\u{307}"), tag("q\u{323}\u{307}")),
        (tag("q\u{307}\u{323}"), tag("q\u{323}\u{307}")),
        (tag("\u{200f}שלום\u{200e}"), tag("\u{200f}שלום\u{200e}")),
        (tag("👩\u{200d}💻"), tag("👩\u{200d}💻")),
        (tag("ﬁ"), tag("ﬁ")),
        (tag("\u{85}a\u{2028}\u{3000}b\u{2029}"), tag("a b")),
    ] {
        let post = api.create(json!({"title": "a", "tags": [sent], "authors": [sent]})).await;
        assert_eq!((&post["tags"], &post["authors"]), (&json!([stored]), &json!([stored])), "{sent:?}");
    }
    for (tags, pointer, code) in [
        (json!(["\u{958}".repeat(51)]), "/tags/0", "too_long"),
        (json!(["\u{958}", "\u{915}\u{93c}"]), "/tags/1", "duplicate"),
        (json!(["q\u{323}\u{307}", "a", "q\u{307}\u{323}"]), "/tags/2", "duplicate"),
        (json!(["a  b", "A\tB"]), "/tags/1", "duplicate"),
        (json!(["\u{2028}"]), "/tags/0", "empty"),
    ] {
        let reply = api.editor().post("/api/posts", &json!({"title": "a", "tags": tags})).await;
        assert_eq!(reply.field_errors(), [(pointer.to_owned(), code.to_owned())], "{tags}");
    }
    let distinct = json!(["ﬁ", "fi", "É", "é", "ß", "ss", "a", "\u{200f}a", "a b", "ab"]);
    assert_eq!(api.create(json!({"title": "a", "tags": distinct})).await["tags"], distinct);
}
