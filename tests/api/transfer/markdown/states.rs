//! States, dates, and titles.

use serde_json::{Value, json};

use crate::support::{TestDatabase, on_both};
use crate::transfer::import_export::sandbox;
use crate::transfer::markdown::{assert_fields, find, import, import_one, stored, write_files};

#[on_both]
async fn switches_and_dates_decide_the_state(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let past = "2020-01-02T00:00:00.000000Z";
    let future = "2999-01-02T00:00:00.000000Z";
    let published = |at: &str| json!({"published": true, "published_at": at, "scheduled_for": null, "created_at": at});
    let draft = |at: &str| json!({"published": false, "published_at": null, "scheduled_for": null, "created_at": at});
    let scheduled = json!({"published": false, "published_at": null, "scheduled_for": future});
    let cases: Vec<(&str, &str, Value)> = vec![
        ("dated", "date: 2020-01-02", published(past)),
        ("not-draft", "date: 2020-01-02\ndraft: false", published(past)),
        ("draft", "date: 2020-01-02\ndraft: true", draft(past)),
        ("draft-in-words", "date: 2020-01-02\ndraft: \"yes\"", draft(past)),
        ("unpublished", "date: 2020-01-02\npublished: false", draft(past)),
        ("both", "date: 2020-01-02\npublished: true\ndraft: true", draft(past)),
        ("status", "date: 2020-01-02\nstatus: Draft", draft(past)),
        ("_drafts/in-folder", "date: 2020-01-02\ndraft: false", draft(past)),
        ("published-time", "published: 2020-01-02", published(past)),
        ("published-key", "Published_At: 2020-01-02", published(past)),
        ("2020-01-02-in-name", "title: x", published(past)),
        ("2020-03-04-other", "date: 2020-01-02", published(past)),
        ("future", "date: 2999-01-02", scheduled.clone()),
        ("future-draft", "date: 2999-01-02\ndraft: true", draft(future)),
        ("2999-01-02-future-name", "title: x", scheduled.clone()),
        ("delayed", "date: 2020-01-02\npublishDate: 2999-01-02", scheduled),
        ("expired", "date: 2020-01-02\nexpiryDate: 2021-01-01", draft(past)),
        (
            "invalid",
            "date: 30.1.2020",
            json!({"published": false, "scheduled_for": null, "metadata": {"date": "30.1.2020"}}),
        ),
        ("invalid-published", "date: 30.1.2999\ndraft: false", json!({"published": false, "scheduled_for": null})),
        ("undated", "title: x", json!({"published": false, "published_at": null, "scheduled_for": null})),
    ];
    for (name, front_matter, _) in &cases {
        write_files(&sandbox, &[(&format!("in/{name}.md"), &format!("---\n{front_matter}\n---\n"))]);
    }
    import(&sandbox, &["in"]).success();
    let posts = stored(&sandbox);
    for (name, front_matter, expected) in cases {
        let name = name.rsplit('/').next().unwrap();
        let slug = name.strip_prefix("2020-01-02-").or(name.strip_prefix("2020-03-04-")).unwrap_or(name);
        let slug = slug.strip_prefix("2999-01-02-").unwrap_or(slug);
        let stored = find(&posts, slug);
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&stored[field], value, "{field} of {name}: {front_matter}");
        }
    }
}

#[on_both]
async fn explicit_publication_without_date_is_now(database: TestDatabase) {
    let sandbox = sandbox(&database);
    for (name, front_matter) in [("a.md", "published: true"), ("b.md", "draft: false")] {
        let (post, messages) = import_one(&sandbox, name, &format!("---\n{front_matter}\n---\nText"));
        assert_eq!(post["published"], true, "{front_matter}");
        assert_eq!(post["published_at"], post["updated_at"], "{front_matter}");
        assert!(
            messages.contains(&"published posts without a date published at the time of the import: 1".to_owned()),
            "{messages:?}"
        );
    }
}

#[on_both]
async fn time_zone_applies_to_dates_without_one(database: TestDatabase) {
    let sandbox = sandbox(&database);
    write_files(
        &sandbox,
        &[
            ("a.md", "---\ndate: 2022-07-08 10:00:00\nupdated: 2022-07-08T10:00:00Z\n---\n"),
            ("b.md", "+++\ndate = 2022-01-08\n+++\n"),
        ],
    );
    let outcome = import(&sandbox, &["--time-zone", "Europe/Berlin", "a.md", "b.md"]);
    assert!(!outcome.stderr.contains("time zone"), "{}", outcome.stderr);
    outcome.success();
    let posts = stored(&sandbox);
    assert_fields(
        find(&posts, "a"),
        &json!({"published_at": "2022-07-08T08:00:00.000000Z", "updated_at": "2022-07-08T10:00:00.000000Z"}),
    );
    assert_fields(find(&posts, "b"), &json!({"published_at": "2022-01-07T23:00:00.000000Z"}));

    let unknown = import(&sandbox, &["--time-zone", "Mars/Olympus", "a.md"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(unknown.stderr.contains("unknown time zone"), "{}", unknown.stderr);
    let line = sandbox.run_with_input(&["import", "--time-zone", "UTC", "-"], "").error_line();
    assert!(line.contains("--time-zone is an option of --format markdown"), "{line}");
}

#[on_both]
async fn values_over_their_limits_become_metadata(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let title = "t".repeat(201);
    let description = "d".repeat(501);
    let tags: Vec<String> = (0..60).map(|number| format!("tag{number}")).collect();
    let text = format!("---\ntitle: {title}\ndescription: {description}\nsummary: Fits\ntags: {tags:?}\n---\n");
    let (post, messages) = import_one(&sandbox, "long.md", &text);
    assert_fields(
        &post,
        &json!({
            "title": "t".repeat(200), "description": "Fits", "tags": &tags[..50],
            "metadata": {"title": title, "description": description, "tags": tags},
        }),
    );
    let notes: Vec<&String> = messages.iter().filter(|message| message.starts_with("long.md: /")).collect();
    assert_eq!(notes.len(), 3, "{messages:#?}");
}

#[on_both]
async fn every_key_without_a_meaning_becomes_metadata(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let text = "---\ntitle: 1.10\nTITLE: other\nlayout: post\nid: 007\nbig: 18446744073709551616\nversion: 1.5\n\
        flag: yes\nlist: [1, null, {a: 2020-01-01}]\nnothing: ~\n? 2024\n: year\n\
        metadata:\n  layout: mine\n  draft: true\ndescription: 42\nauthor: [Ann, {name: Bob, url: /b}]\n---\n";
    let (post, _) = import_one(&sandbox, "keys.md", text);
    assert_fields(
        &post,
        &json!({
            "title": "1.10", "description": "42", "authors": ["Ann", "Bob"],
            "metadata": {
                "layout": "mine", "draft": true, "author": ["Ann", {"name": "Bob", "url": "/b"}], "TITLE": "other",
                "layout_2": "post", "id": "007", "big": "18446744073709551616", "version": 1.5, "flag": "yes",
                "list": [1, null, {"a": "2020-01-01"}], "2024": "year",
            },
        }),
    );
}

#[on_both]
async fn file_without_front_matter_is_a_draft(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let (post, messages) = import_one(&sandbox, "My Notes.md", "\u{feff}Text\n\n# The heading\n");
    assert_fields(
        &post,
        &json!({
            "slug": "my-notes", "title": "The heading", "content": "Text\n\n# The heading", "published": false,
            "metadata": {},
        }),
    );
    assert_eq!(
        messages,
        [
            "My Notes.md: the slug \"My Notes\" is invalid; it becomes my-notes",
            "My Notes.md: the post has no title; it becomes \"The heading\"",
            "posts without a date imported as drafts: 1",
        ]
    );
    let (post, _) = import_one(&sandbox, "only_name.md", "");
    assert_fields(&post, &json!({"slug": "only-name", "title": "only name", "content": null}));
}
