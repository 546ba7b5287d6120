//! Values of which a part cannot be read.

use serde_json::json;

use crate::support::{TestDatabase, on_both};
use crate::transfer::import_export::sandbox;
use crate::transfer::markdown::{assert_fields, import_one};

#[on_both]
async fn unusual_items_do_not_empty_lists(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let text = "---\ntitle: x\ntags: [a, {name: b}, null, {label: c}, [d, {label: f}]]\ncategories: [{name: e}, ~]\n\
        authors: [{name: Ann}, Bob, {nick: z}, null]\nauthor: ~\naliases: [old, {path: /x}, ~, /y, 2020]\n---\n";
    let (post, messages) = import_one(&sandbox, "a.md", text);
    assert_fields(
        &post,
        &json!({
            "tags": ["a", "b", "d", "e"], "authors": ["Ann", "Bob"], "aliases": ["old", "2020"],
            "metadata": {
                "aliases": [{"path": "/x"}, "/y"],
                "authors": [{"name": "Ann"}, "Bob", {"nick": "z"}, null],
                "tags": ["a", {"name": "b"}, null, {"label": "c"}, ["d", {"label": "f"}]],
            },
        }),
    );
    for field in ["tags", "authors"] {
        let note = format!("a.md: /{field}: \"{field}\" has items without a name; the whole value becomes metadata");
        assert!(messages.contains(&note), "{messages:#?}");
    }
    assert_eq!(messages.iter().filter(|message| message.contains("without a name")).count(), 2, "{messages:#?}");
}

#[on_both]
async fn only_stored_metadata_is_counted(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let text = format!("---\ntitle: x\nsmall: 1\nlarge: {}\n---\n", "x".repeat(20_000));
    let (post, messages) = import_one(&sandbox, "a.md", &text);
    assert_fields(&post, &json!({"metadata": {"small": 1}}));
    assert!(messages.contains(&"\"small\" stored in metadata: 1".to_owned()), "{messages:#?}");
    assert!(!messages.iter().any(|message| message.contains("\"large\" stored")), "{messages:#?}");
    assert!(messages.iter().any(|message| message.contains("\"large\" (20010 bytes)")), "{messages:#?}");
}

#[on_both]
async fn every_invalid_date_is_reported(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let text = "---\ntitle: x\ndate: 2020-13-45\npublishDate: 2020-01-01\nupdated: soon\nlastmod: 2021-01-01\n---\n";
    let (post, messages) = import_one(&sandbox, "a.md", text);
    assert_fields(
        &post,
        &json!({
            "published": true, "published_at": "2020-01-01T00:00:00.000000Z",
            "updated_at": "2021-01-01T00:00:00.000000Z", "metadata": {"date": "2020-13-45", "updated": "soon"},
        }),
    );
    for date in ["2020-13-45", "soon"] {
        let note = format!("a.md: \"{date}\" is not a date; it becomes metadata");
        assert_eq!(messages.iter().filter(|message| **message == note).count(), 1, "{messages:#?}");
    }

    for (name, front_matter) in [
        ("b.md", "date: [2999-01-01]\ndraft: false"),
        ("c.md", "date: 2999-13-01\nscheduled_for: null\ndraft: false"),
        ("2020-13-40-x.md", "draft: n\ndate: 2020-13-40"),
    ] {
        let (post, messages) = import_one(&sandbox, name, &format!("---\ntitle: x\n{front_matter}\n---\n"));
        assert_fields(&post, &json!({"slug": name.trim_end_matches(".md"), "published": false, "published_at": null}));
        assert!(messages.iter().any(|message| message.contains("is not a date")), "{messages:#?}");
    }
}

#[on_both]
async fn modification_is_not_before_the_creation(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let (old, new) = ("2020-01-02T00:00:00.000000Z", "2021-01-02T00:00:00.000000Z");
    for (name, front_matter, created_at, updated_at) in [
        ("a.md", "date: 2021-01-02\nlastmod: 2020-01-02", new, new),
        ("b.md", "date: 2020-01-02\ncreated: 2021-01-02", new, new),
        ("c.md", "date: 2020-01-02\ncreated_at: 2021-01-02\nupdated: 2020-01-02\ndraft: true", new, old),
        ("d.md", "updated: 2020-01-02", old, old),
        ("e.md", "date: 2020-01-02\nupdated: 2021-01-02", old, new),
    ] {
        let (post, _) = import_one(&sandbox, name, &format!("---\ntitle: x\n{front_matter}\n---\n"));
        assert_fields(&post, &json!({"created_at": created_at, "updated_at": updated_at}));
    }
}

#[on_both]
async fn image_over_its_limit_is_reported(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let image = format!("/{}", "x".repeat(2000));
    let text = format!("---\ntitle: x\ncover: {image}\nimageAlt: Alt\n---\n");
    let (post, messages) = import_one(&sandbox, "a.md", &text);
    assert_fields(&post, &json!({"image": null, "image_alt": "Alt", "metadata": {"cover": image}}));
    let note = "a.md: /image: must be at most 2000 characters; the value in the file becomes the metadata \"cover\"";
    assert!(messages.contains(&note.to_owned()), "{messages:#?}");
    assert!(!messages.iter().any(|message| message.contains("neither URLs")), "{messages:#?}");
}
