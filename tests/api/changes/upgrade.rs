//! An older release runs while the log is created, and afterwards: its writes are in the log.

use std::sync::Arc;

use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use posts_api::db::Backend;
use serde_json::json;

use super::{Follower, brief, expected};
use crate::support::{Api, Engine, TestDatabase, on_both};

/// Reverts the migration that creates the log.
fn revert_log(database: &TestDatabase) {
    let name = if database.engine == Engine::Sqlite { "sqlite" } else { "postgres" };
    let files = FileBasedMigrations::from_path(format!("{}/migrations/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let has_log = || match database.engine {
        Engine::Sqlite => database.query_number("SELECT count(*) AS number FROM pragma_table_list('post_changes')"),
        Engine::Postgres => {
            database.query_number("SELECT count(*) AS number FROM pg_tables WHERE tablename = 'post_changes'")
        }
    };
    while has_log() > 0 {
        match &mut database.connect().backend {
            Backend::Sqlite(conn) => conn.revert_last_migration(files.clone()).map(drop),
            Backend::Postgres(conn) => conn.revert_last_migration(files.clone()).map(drop),
        }
        .unwrap();
    }
}

/// This release stands in for the older one: it writes posts in the same way, and the log is the work of triggers.
#[on_both]
async fn writes_of_the_older_release_are_logged(database: TestDatabase) {
    let database = Arc::new(database);
    database.migrate();
    revert_log(&database);
    let old = Api::start_unmigrated(&database, |_| {});
    let create = async |slug: String| {
        old.create(json!({"title": "A", "slug": slug, "published": true})).await;
    };
    // Every connection has prepared its statements.
    for number in 0..20 {
        create(format!("before-{number}")).await;
    }
    database.migrate();
    create("after".to_owned()).await;
    old.editor().post_empty("/api/posts/1/unpublish").await.expect(200);
    assert_eq!(brief(&database), expected(&[(21, 1, 1, "after", None), (1, 3, 2, "before-0", None)]));
}

/// The first walk contains the posts from before the log.
#[on_both]
async fn posts_from_before_the_log_are_walked(api: Api) {
    for title in ["A", "B"] {
        api.create(json!({"title": title, "published": true})).await;
    }
    let database = &api.server.database;
    revert_log(database);
    database.migrate();
    let mut follower = Follower::default();
    follower.catch_up(&api).await;
    assert_eq!(follower.posts.len(), 2);
    api.editor().delete("/api/posts/1").await.expect(204);
    follower.catch_up(&api).await;
    assert_eq!(follower.posts.keys().collect::<Vec<_>>(), [&2]);
}
