//! An export as Markdown and an import restore every field but the id and the version.

use std::fs;

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::support::program::Sandbox;
use crate::support::{TestDatabase, on_both};
use crate::transfer::import_export::sandbox;
use crate::transfer::markdown::{import, lines, stored};

/// Texts that YAML, Markdown, and line ends make difficult.
fn text() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(vec![
        "yes", "no", "null", "~", "1.0", "1_000", "0x1F", "2020-01-01", "12:30:00", "---", "...", "+++", "- a", "a: b",
        " #c", "\"", "'", "\\", "{", "}", "[", "]", "&a", "*a", "!!str", "|", ">", "%", "@", "`", ",", "?", ":", " ",
        "é", "🦀", "\u{85}", "\u{2028}", "\u{feff}", "\u{a0}", "\u{200b}", "\u{fffe}", "word", "Two words", "=", "<<",
        "e\u{301}",
    ]);
    proptest::collection::vec(prop_oneof![pieces.prop_map(str::to_owned), any::<char>().prop_map(String::from)], 1..6)
        .prop_map(|pieces| pieces.concat())
}

/// A name of a tag or author, as it is stored.
fn label() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.split(|c: char| c.is_whitespace() || c.is_control()).collect::<Vec<_>>().join(" "))
}

fn one_line() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.replace(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'), ""))
}

/// A name of a member, as metadata can have it.
fn name() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.replace(char::is_control, "x"))
}

fn metadata() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        text().prop_map(|text| Value::from(text.replace('\0', ""))),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        proptest::sample::select(vec![json!(1.0), json!(-0.0), json!(1e300), json!(0.1), json!(null), json!("")]),
    ];
    let value = scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    proptest::collection::vec((name(), value), 0..5).prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn content() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        Just(Some(String::new())),
        proptest::sample::select(vec![
            "\n", "\r\n", "\r", " ", "---\n", "---\na: b\n---\n", "\u{feff}text", "text\n", "text\n\n", "\n\ntext  ",
            "a\r\nb\r\n", "{\"a\": 1}", "+++", "\ttab", "```\n---\n```", "...\n",
        ])
        .prop_map(|text| Some(text.to_owned())),
        text().prop_map(|text| Some(text.replace('\0', ""))),
    ]
}

/// Fields that a post can have besides those of the given one.
fn fields() -> impl Strategy<Value = Map<String, Value>> {
    let time = || {
        proptest::sample::select(vec![
            "2020-02-29T23:59:59.123456Z", "2020-01-01T00:00:00.000000Z", "2020-01-01T00:00:00.000001Z",
            "1970-01-01T00:00:00.000000Z", "0000-01-01T00:00:00.000000Z", "1999-11-30T00:00:00.000000Z",
            "9999-12-31T23:59:59.999999Z",
        ])
    };
    let state = prop_oneof![
        time().prop_map(|at| json!({"published": true, "published_at": at, "scheduled_for": null})),
        Just(json!({"published": false, "published_at": null, "scheduled_for": null})),
        time().prop_map(|at| json!({"published": false, "published_at": at, "scheduled_for": null})),
        time().prop_map(|at| json!({"published": false, "published_at": null, "scheduled_for": at})),
        (time(), time())
            .prop_map(|(at, later)| json!({"published": false, "published_at": at, "scheduled_for": later})),
    ];
    let description = proptest::option::of(one_line().prop_map(|text| text.trim().to_owned()))
        .prop_map(|text| text.filter(|text| !text.is_empty()));
    let labels = || proptest::collection::vec(label(), 0..4);
    let image = proptest::sample::select(vec![json!(null), json!("/a.png"), json!("https://example.org/é?a=b#c")]);
    let alt = proptest::option::of(prop_oneof![Just(String::new()), one_line()]);
    ((state, time(), time(), content()), (description, labels(), labels(), image, alt, metadata())).prop_map(
        |((state, created, updated, content), (description, tags, authors, image, alt, metadata))| {
            let Value::Object(mut fields) = state else { unreachable!() };
            let distinct = |names: Vec<String>| {
                let mut seen = std::collections::HashSet::new();
                let names = names.into_iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
                names.filter(|name| seen.insert(name.to_lowercase())).collect::<Vec<_>>()
            };
            fields.extend([
                ("created_at".to_owned(), json!(created)),
                ("updated_at".to_owned(), json!(updated)),
                ("content".to_owned(), json!(content)),
                ("description".to_owned(), json!(description)),
                ("tags".to_owned(), json!(distinct(tags))),
                ("authors".to_owned(), json!(distinct(authors))),
                ("image".to_owned(), image),
                ("image_alt".to_owned(), json!(alt)),
                ("metadata".to_owned(), metadata),
            ]);
            fields
        },
    )
}

/// Posts of every slug that a file name could be confused with, with random fields.
fn random_posts(count: usize) -> Vec<Value> {
    let mut runner = TestRunner::deterministic();
    let special = ["index", "readme", "2020-01-02-dated", "con", "draft", "a"];
    (0..count)
        .map(|number| {
            let mut fields = fields().new_tree(&mut runner).unwrap().current();
            let title = text().new_tree(&mut runner).unwrap().current().replace('\0', "");
            let title = if title.trim().is_empty() { "Title".to_owned() } else { title };
            let slug = special.get(number).map_or_else(|| format!("post-{number}"), ToString::to_string);
            fields.extend([("title".to_owned(), json!(title.trim())), ("slug".to_owned(), json!(slug))]);
            if number % 3 == 0 {
                fields.insert("aliases".to_owned(), json!([format!("old-{number}"), format!("older-{number}")]));
            }
            Value::Object(fields)
        })
        .collect()
}

fn import_lines(sandbox: &Sandbox, posts: &[Value]) {
    let text: String = posts.iter().flat_map(|post| [post.to_string(), "\n".to_owned()]).collect();
    sandbox.run_with_input(&["import", "-"], &text).success();
}

/// Exports the posts as Markdown, imports them into another database, and compares. Then imports them once more, and
/// expects no change.
fn assert_round_trip(source: &Sandbox, target: &Sandbox) {
    let expected = stored(source);
    let folder = target.path("posts");
    let count = expected.len();
    let outcome = source.run(&["export", "--format", "markdown", folder.to_str().unwrap()]);
    assert_eq!(outcome.success(), format!("exported {count} posts to {}\n", folder.display()));
    assert_eq!(import(target, &["posts"]).success(), format!("imported {count} posts, skipped 0 files\n"));
    let by_slug = |mut posts: Vec<Value>| {
        posts.sort_by_key(|post| post["slug"].to_string());
        posts
    };
    let imported = by_slug(stored(target));
    for (expected, imported) in by_slug(expected).iter().zip(&imported) {
        let file = folder.join(format!("{}.md", expected["slug"].as_str().unwrap()));
        // As text, so that the order of members counts too.
        assert_eq!(imported.to_string(), expected.to_string(), "{:?}", fs::read_to_string(file).unwrap());
    }
    assert_eq!(imported.len(), count);

    let before = target.run(&["export"]).success();
    let again = import(target, &["--replace", "posts"]).success();
    assert_eq!(again, format!("imported 0 posts, replaced 0, {count} unchanged, skipped 0 files\n"));
    assert!(target.run(&["export"]).success() == before, "the second import has changed posts");
}

#[on_both]
async fn random_fields_survive(database: TestDatabase) {
    let Some(other) = TestDatabase::create(database.engine.other()) else { return };
    let (source, target) = (sandbox(&database), sandbox(&other));
    let count = Config::default().cases.min(300) as usize;
    import_lines(&source, &random_posts(count));
    assert_round_trip(&source, &target);
}

#[on_both]
async fn rust_blog_with_random_fields_survives(database: TestDatabase) {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/rust-blog-posts.ndjson");
    let Ok(text) = fs::read_to_string(FILE) else {
        crate::support::report_skipped(
            "the round trip of 750 real posts: ../shared/data/rust-blog-posts.ndjson is absent",
        );
        return;
    };
    let Some(other) = TestDatabase::create(database.engine.other()) else { return };
    let (source, target) = (sandbox(&database), sandbox(&other));
    let mut posts = lines(&text);
    for (post, fields) in posts.iter_mut().zip(random_posts(750)) {
        let Value::Object(mut fields) = fields else { unreachable!() };
        let content = fields["content"].as_str().unwrap_or_default();
        fields.insert("content".to_owned(), json!(format!("{}{content}", post["content"].as_str().unwrap())));
        fields.retain(|name, _| name != "slug" && name != "title");
        post.as_object_mut().unwrap().extend(fields);
    }
    import_lines(&source, &posts);
    assert_round_trip(&source, &target);
}
