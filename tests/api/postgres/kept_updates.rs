//! Changes of one post keep their statements prepared, and PostgreSQL keeps the plans of these.

use diesel::prelude::*;
use posts_api::db::{Connection, Timestamp};
use posts_api::posts::input::{PutPost, UpdatePost};
use posts_api::posts::publish::{PostState, set_state};
use posts_api::posts::{patch, put};
use posts_api::resource::versioned::{Change, Preconditions, TagSet};

use super::kept_plans::{EXECUTIONS, filled, prepared};

type Write = Box<dyn Fn(&mut Connection) -> QueryResult<()>>;

/// One statement of each kind of change.
fn changes(round: usize) -> Vec<(&'static str, Write)> {
    let now = Timestamp::now();
    let replaced = move |preconditions: Preconditions, title: String| -> Write {
        let post = PutPost {
            title,
            description: None,
            tags: Vec::new(),
            authors: Vec::new(),
            image: None,
            image_alt: None,
            metadata: serde_json::Map::new(),
            content: None,
            published: true,
        };
        Box::new(move |conn| put::apply(conn, "put".into(), post.clone(), &preconditions, now).map(drop))
    };
    let patched = move |preconditions: Preconditions, patch: UpdatePost| -> Write {
        Box::new(move |conn| patch::apply(conn, 1, &preconditions, &patch, now).map(drop))
    };
    let state = move |state: PostState| -> Write {
        Box::new(move |conn| set_state(conn, 2, &Preconditions::default(), state, now).map(drop))
    };
    let any = Preconditions::default;
    let tagged =
        || Preconditions { if_match: Some(TagSet::Tags(vec!["0123456789abcdef".repeat(2)])), if_none_match: None };
    let title = Some(format!("Title {round}"));
    let content = Some(Some(format!("Content {round}")));
    vec![
        ("patch of the title", patched(any(), UpdatePost { title: title.clone(), ..UpdatePost::default() })),
        ("patch with If-Match", patched(tagged(), UpdatePost { title: title.clone(), ..UpdatePost::default() })),
        ("patch of two fields", patched(any(), UpdatePost { title, content, ..UpdatePost::default() })),
        ("patch that publishes", patched(any(), UpdatePost { published: Some(true), ..UpdatePost::default() })),
        ("put", replaced(any(), format!("Put {round}"))),
        ("put with If-Match", replaced(tagged(), format!("Put {round}"))),
        ("publish", state(PostState::Published { at: None })),
        ("unpublish", state(PostState::Draft)),
    ]
}

#[test]
fn changes_keep_their_plans() {
    let Some(database) = filled() else { return };
    let kinds = changes(0).len();
    for kind in 0..kinds {
        let mut conn = database.connect();
        let mut name = "";
        for round in 0..EXECUTIONS {
            let (what, change) = changes(round).swap_remove(kind);
            change(&mut conn).unwrap();
            name = what;
        }
        let prepared = prepared(&mut conn);
        let is_change = |sql: &str| sql.starts_with("UPDATE") || sql.starts_with("INSERT");
        let changes: Vec<_> = prepared.iter().filter(|prepared| is_change(&prepared.statement)).collect();
        assert_eq!(changes.len(), 1, "{name}: {prepared:#?}");
        for statement in prepared {
            assert!(statement.generic_plans > 0, "{name}: {statement:#?}");
        }
    }
}

/// A patch can set any of 1,023 sets of fields.
#[test]
fn few_forms_of_patches_are_prepared() {
    let Some(database) = filled() else { return };
    let mut conn = database.connect();
    for fields in 1..128 {
        let text = |bit: u32| (fields & (1 << bit) != 0).then(|| format!("text-{fields}"));
        let patch = UpdatePost {
            title: text(0),
            slug: text(1),
            description: text(2).map(Some),
            image: text(3).map(Some),
            image_alt: text(4).map(Some),
            content: text(5).map(Some),
            published: text(6).map(|_| true),
            ..UpdatePost::default()
        };
        let change = patch::apply(&mut conn, 1, &Preconditions::default(), &patch, Timestamp::now()).unwrap();
        assert!(matches!(change, Change::Done(_)), "{fields}: {change:?}");
    }
    let updates = prepared(&mut conn).into_iter().filter(|prepared| prepared.statement.starts_with("UPDATE"));
    assert_eq!(updates.count(), 64);
}
