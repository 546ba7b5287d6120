//! What an importer does not read cannot end or change an import.

use posts_api::transfer;
use posts_api::transfer::{Contents, Format, Options, Report};
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

use crate::support::{Engine, TestDatabase};
use crate::transfer::wordpress::wordpress;

/// Imports a file into an empty database, and returns the posts without their ids.
fn imported(database: &TestDatabase, format: Format, file: &[u8]) -> (Report, Vec<Value>) {
    database.execute("DELETE FROM posts");
    let mut conn = database.connect();
    let options = Options { format, skip_invalid: true, ..Options::default() };
    let report = transfer::import(&mut conn, file, options, |_| {}).unwrap();
    let mut lines = Vec::new();
    transfer::export(&mut conn, &mut lines, Contents::Posts, |_| {}).unwrap();
    let posts = String::from_utf8(lines).unwrap();
    let without_id = |line| {
        let mut post: Value = serde_json::from_str(line).unwrap();
        post.as_object_mut().unwrap().remove("id");
        post
    };
    (report, posts.lines().map(without_id).collect())
}

/// Checks with generated noise that a file imports as it does without noise.
fn check<T: std::fmt::Debug>(
    database: &TestDatabase,
    format: Format,
    noise: impl Strategy<Value = T>,
    plain: &[u8],
    with_noise: impl Fn(T) -> Vec<u8>,
) {
    let (report, expected) = imported(database, format, plain);
    assert_eq!((report.skipped.count(), expected.len()), (0, 2), "{:?}", report.skipped);
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&noise, |noise| {
            let file = with_noise(noise);
            let (report, posts) = imported(database, format, &file);
            prop_assert_eq!(report.skipped.first(), &[], "{}", String::from_utf8_lossy(&file));
            prop_assert_eq!(posts, expected.clone(), "{}", String::from_utf8_lossy(&file));
            Ok::<_, TestCaseError>(())
        })
        .unwrap();
}

/// JSON text of any value, including values that many parsers refuse.
fn any_json() -> impl Strategy<Value = String> {
    let deep = |depth: usize| "[{\"a\":".repeat(depth) + "0" + &"}]".repeat(depth);
    let leaf = prop_oneof![
        select(vec![
            "null", "true", "-0", "1e999", "-1e-999", "123456789012345678901234567890", "\"\"", "\"\\ud800\"",
            "\"\\udc00\\ud800\"", "\"\\\"]}\"", "\"\\\\\"", "\"posts\"", "[]", "{}", "[ \n\t]", "\"\\u0000\"",
            "\"\u{2028}é\"",
        ])
        .prop_map(str::to_owned),
        any::<f64>().prop_filter("JSON has no such number", |number| number.is_finite()).prop_map(|n| n.to_string()),
        any::<String>().prop_map(|text| json!(text).to_string()),
        Just(deep(3000)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(","))),
            (select(vec!["a", "title", "html", "posts", "\\ud800", "\\u0000"]), inner.clone(), inner)
                .prop_map(|(name, first, second)| format!("{{ \"{name}\" : {first},\"{name}\":{second} }}")),
        ]
    })
}

/// Two posts, the second of which is email-only. The noise is in members, rows, and tables that the import does not
/// read.
fn ghost_file(noise: Option<[String; 3]>) -> Vec<u8> {
    let (mut members, mut columns, mut tables) = (String::new(), String::new(), String::new());
    if let Some([a, b, c]) = noise {
        members = format!("\"x\":{a},\"\\ud800\":{b},\"meta\":{c},\"x\":{b},");
        columns = format!("\"uuid\":{a},\"plaintext\":{b},\"comment_id\":{c},\"newsletter_id\":{a},\"uuid\":{c},");
        tables = format!("\"tags\":{a},\"users\":[{b},{c}],\"benefits\":{c},");
    }
    let post = |slug: &str, more: &str| {
        format!(
            "{{{columns}\"id\":\"{slug}\",\"title\":\"T\",\"slug\":\"{slug}\",\"html\":\"<p>x</p>\",\
             \"status\":\"published\",\"visibility\":\"public\",\"created_at\":\"2020-01-02T03:04:05.000Z\",\
             \"published_at\":\"2020-01-02T03:04:05.000Z\"{more}}}"
        )
    };
    let posts = [post("a", ""), post("b", ",\"lexical\":7,\"mobiledoc\":[[]],\"markdown\":{}")].join(",");
    format!(
        "{{{members}\"db\":[{{{members}\"data\":{{{members}{tables}\"posts\":[{posts}],\
         \"posts_meta\":[{{{columns}\"post_id\":\"b\",\"email_only\":1}}],\
         \"settings\":[{{{members}\"key\":\"title\",\"value\":[1e999]}}]}}}}]}}"
    )
    .into_bytes()
}

#[tokio::test]
async fn ghost_values_that_are_not_read_change_nothing() {
    let Some(database) = TestDatabase::create(Engine::Sqlite) else { return };
    database.migrate();
    let noise = [any_json(), any_json(), any_json()];
    check(&database, Format::Ghost, noise, &ghost_file(None), |noise| ghost_file(Some(noise)));
}

/// Markup in the elements of an item that the import does not read. None of it is an end tag of an element around it.
fn any_markup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        select(vec![
            "<br>", "</p>", "<p class='>'>", "&nbsp;", "& ", "&#0;", "&lol9;", "<![CDATA[</item><item>&x;]]>",
            "<!-- </item> -->", "<?php echo '</item>' ?>", "<wp:status>private</wp:status>", "<title>x</title>",
            "<content:encoded>", "]]>", "\u{1}", "\r\n\t", "<wp:meta_key><![CDATA[_edit]]></wp:meta_key>", "<a/>",
        ])
        .prop_map(str::to_owned),
        "[^<>&\\x00]{0,20}",
        Just("<b>".repeat(2000)),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn wordpress_file(noise: &str) -> Vec<u8> {
    let item = |name: &str| {
        format!(
            "<item><wp:postmeta>{noise}</wp:postmeta><title>T</title><description>{noise}</description>\
             <x:title xmlns:x=\"http://example.org/\">{noise}</x:title><guid isPermaLink=\"false\">{noise}</guid>\
             <content:encoded><![CDATA[<p>x</p>]]></content:encoded><wp:post_name>{name}</wp:post_name>\
             <wp:post_date_gmt>2020-01-02 03:04:05</wp:post_date_gmt>{noise_comment}<wp:status>publish</wp:status>\
             <wp:post_type>post</wp:post_type><wp:comment>{noise}</wp:comment></item>",
            noise_comment = "<!-- <wp:status>draft</wp:status> -->",
        )
    };
    wordpress(&format!("<image>{noise}</image>{}<wp:term>{noise}</wp:term>{}", item("a"), item("b"))).into_bytes()
}

#[tokio::test]
async fn wordpress_markup_that_is_not_read_changes_nothing() {
    let Some(database) = TestDatabase::create(Engine::Sqlite) else { return };
    database.migrate();
    check(&database, Format::WordPress, any_markup(), &wordpress_file(""), |noise| wordpress_file(&noise));
}

/// The white space, the member order, and the lines that NDJSON leaves free.
#[tokio::test]
async fn ndjson_layout_changes_nothing() {
    let Some(database) = TestDatabase::create(Engine::Sqlite) else { return };
    database.migrate();
    let blank = select(vec!["", " ", "\t\r", "  \t "]);
    let empty_line = select(vec!["", "\n", "\r\n", " \n\t\n", "\u{feff}\n"]);
    let order = Just(vec![
        "\"title\":\"T\"", "\"published\":true", "\"\\u0063reated_at\":\"2020-01-02T03:04:05Z\"", "\"content\":null",
        "\"published_at\":\"2020-01-02T03:04:05Z\"", "\"updated_at\":\"2020-01-02T03:04:05Z\"",
    ])
    .prop_shuffle();
    let line = |members: &[&str], slug: &str, blank: &str| {
        let separator = format!("{blank},{blank}");
        format!("{blank}{{{blank}\"slug\":{blank}\"{slug}\"{separator}{}{blank}}}{blank}", members.join(&separator))
    };
    let plain = |members: &[&str]| [line(members, "a", ""), "\n".to_owned(), line(members, "b", "")].concat();
    let members = [
        "\"title\":\"T\"", "\"published\":true", "\"created_at\":\"2020-01-02T03:04:05Z\"",
        "\"published_at\":\"2020-01-02T03:04:05Z\"", "\"updated_at\":\"2020-01-02T03:04:05Z\"",
    ];
    check(
        &database,
        Format::Ndjson,
        (blank, empty_line.clone(), empty_line, order),
        plain(&members).as_bytes(),
        |(blank, before, between, members)| {
            let (first, second) = (line(&members, "a", blank), line(&members, "b", blank));
            format!("{before}{first}\n{between}{second}").into_bytes()
        },
    );
}
