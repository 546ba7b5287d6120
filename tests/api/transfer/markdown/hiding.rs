//! Front matter that hides a post, or that cannot be read as public.

use serde_json::json;

use crate::support::{TestDatabase, on_both};
use crate::transfer::import_export::sandbox;
use crate::transfer::markdown::{assert_fields, find, import, import_one, stored, write_files};

#[on_both]
async fn values_that_are_not_public_make_drafts(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let cases = [
        ("draft: tru", "\"draft\" is \"tru\", which is neither true nor false"),
        ("draft: [true]", "\"draft\" is \"[true]\", which is neither true nor false"),
        ("draft: \"\"", "\"draft\" is \"\", which is neither true nor false"),
        ("draft: {a: false}", "which is neither true nor false"),
        ("draft: false\nDraft: perhaps", "\"Draft\" is \"perhaps\", which is neither true nor false"),
        ("published: never", "\"published\" is \"never\", which is neither true, nor false, nor a date"),
        ("published: [true]", "which is neither true, nor false, nor a date"),
        ("status: trash", "\"status\" is \"trash\", which is not a public status"),
        ("status: hidden", "which is not a public status"),
        ("status: future", "which is not a public status"),
        ("status: [draft]", "which is not a public status"),
        ("status: Draft", "which is not a public status"),
        ("status: published\nStatus: private", "\"Status\" is \"private\", which is not a public status"),
        ("state: draft", "\"state\" is \"draft\", which is not a public status"),
        ("visibility: members", "\"visibility\" is \"members\", which is not public"),
        ("visibility: [public]", "which is not public"),
        ("expiryDate: 2010-13-99", "\"expiryDate\" is \"2010-13-99\", which is not a date"),
        ("expiryDate: 2010-12-31", "\"expiryDate\" is \"2010-12-31\", which has passed"),
        ("expiryDate: 2999-12-31\nunpublishDate: 2010-12-31", "\"unpublishDate\" is \"2010-12-31\", which has passed"),
        ("private: true", "\"private\" is \"true\", which hides the post"),
        ("private: perhaps", "\"private\" is \"perhaps\", which is neither true nor false"),
        ("isDraft: true", "\"isDraft\" is \"true\", which hides the post"),
        ("hidden: yes", "\"hidden\" is \"yes\", which hides the post"),
        ("unlisted: true", "which hides the post"),
        ("isPublished: false", "\"isPublished\" is \"false\", which hides the post"),
        ("publish: false", "which hides the post"),
        ("publish: never", "which is neither true nor false"),
        ("_build: {render: never}", "which hides the post"),
        ("scheduled_for: 2010-13-99\ndraft: false", "\"2010-13-99\" is not a date"),
        ("scheduled_for: 2999-01-01\nstatus: trash", "which is not a public status"),
        ("scheduled_for: null\nprivate: true", "which hides the post"),
    ];
    for (index, (front_matter, _)) in cases.iter().enumerate() {
        let text = format!("---\ndate: 2020-01-02\npublishedAt: 2020-01-02\n{front_matter}\n---\n");
        write_files(&sandbox, &[(&format!("in/post-{index}.md"), &text)]);
    }
    let outcome = import(&sandbox, &["in"]);
    let report = outcome.stderr.clone();
    outcome.success();
    let posts = stored(&sandbox);
    for (index, (front_matter, problem)) in cases.iter().enumerate() {
        let post = find(&posts, &format!("post-{index}"));
        assert_eq!((&post["published"], &post["scheduled_for"]), (&json!(false), &json!(null)), "{front_matter}");
        let start = format!("in/post-{index}.md: ");
        let is_reported = report.lines().any(|line| line.starts_with(&start) && line.contains(problem));
        assert!(is_reported, "{front_matter}: {report}");
    }
}

#[on_both]
async fn public_values_publish_without_a_note(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let cases = [
        "draft: no", "draft: n", "draft: off", "published: y", "status: Published", "status: publish",
        "status: public", "status: live", "state: published", "visibility: Public", "expiryDate: 2999-12-31",
        "expiryDate: \"\"", "private: false", "isDraft: false", "hidden: no", "unlisted: false", "isPublished: true",
        "publish: true", "password: \"\"", "password: false", "_build: {render: always, list: true}",
        "metadata: {private: true}",
    ];
    for (index, front_matter) in cases.iter().enumerate() {
        let text = format!("---\ntitle: x\ndate: 2020-01-02\n{front_matter}\n---\n");
        write_files(&sandbox, &[(&format!("in/post-{index}.md"), &text)]);
    }
    let outcome = import(&sandbox, &["in"]);
    assert!(!outcome.stderr.contains(".md: "), "{}", outcome.stderr);
    outcome.success();
    let posts = stored(&sandbox);
    for (index, front_matter) in cases.iter().enumerate() {
        assert_eq!(find(&posts, &format!("post-{index}"))["published"], true, "{front_matter}");
    }
}

#[on_both]
async fn short_spellings_of_true_make_drafts(database: TestDatabase) {
    let sandbox = sandbox(&database);
    for value in ["y", "Yes", "on", "t", "1"] {
        let text = format!("---\ntitle: x\ndate: 2020-01-02\ndraft: {value}\n---\n");
        let (post, messages) = import_one(&sandbox, &format!("draft-{value}.md"), &text);
        assert_fields(&post, &json!({"published": false, "metadata": {}}));
        assert!(!messages.iter().any(|message| message.contains(".md: ") && !message.contains("slug")), "{messages:?}");
    }
}

#[on_both]
async fn passwords_are_not_imported(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let (post, messages) =
        import_one(&sandbox, "a.md", "---\ntitle: x\ndate: 2020-01-02\nPassword: hunter2\n---\nSecret");
    assert_fields(&post, &json!({"published": false, "metadata": {}, "content": "Secret"}));
    let note = "a.md: \"Password\" protects the post; the post becomes a draft without a password";
    assert!(messages.contains(&note.to_owned()), "{messages:?}");
    assert!(!messages.concat().contains("hunter2"), "{messages:?}");
}
