//! An older release runs while the log is created, and afterwards: its writes are in the log.

use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use posts_api::db::Backend;
use serde_json::json;

use super::{Follower, brief, expected};
use crate::support::api::ADMIN_KEY;
use crate::support::program::Sandbox;
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

/// The release without the log knows nothing of it: this one with `--no-migrate` writes posts in the same way.
#[on_both]
async fn writes_of_the_older_release_are_logged(database: TestDatabase) {
    database.migrate();
    revert_log(&database);
    let sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str()), ("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY)]);
    let mut old = sandbox.start("old", &["serve", "--no-migrate"]);
    let base = old.base_url().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let create = async |slug: &str| {
        let post = json!({"title": "A", "slug": slug, "published": true});
        let request = client.post(format!("{base}/api/posts")).bearer_auth(ADMIN_KEY).json(&post);
        assert_eq!(request.send().await.unwrap().status(), 201, "{}", old.stderr());
    };
    // Every connection has prepared its statements.
    for number in 0..20 {
        create(&format!("before-{number}")).await;
    }
    let new = sandbox.run(&["migrate"]).success();
    assert!(new.contains("post_changes"), "{new}");
    create("after").await;
    let publish = client.post(format!("{base}/api/posts/1/unpublish")).bearer_auth(ADMIN_KEY);
    assert_eq!(publish.send().await.unwrap().status(), 200);
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
