//! Imports into a PostgreSQL database that an administrator has configured.

use serde_json::json;

use crate::support::{Engine, TestDatabase, on_both};
use crate::transfer::import_export::sandbox;

#[on_both]
async fn imports_succeed_with_other_settings(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    database.migrate();
    // A table with pending trigger events cannot be altered.
    database.execute(
        "ALTER TABLE posts ADD CONSTRAINT same_id FOREIGN KEY (id) REFERENCES posts DEFERRABLE INITIALLY DEFERRED",
    );
    let import = |slug: &str| {
        let post = json!({"title": "A", "slug": slug, "published": true}).to_string();
        let output = sandbox(&database).run_with_input(&["import", "-"], &post);
        assert!(output.status.success(), "{}", output.stderr);
    };
    import("first");
    // The log ignores rows that such sessions write without a trigger.
    database.execute(
        "DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET session_replication_role = replica', current_database());
         END $$",
    );
    import("second");
    let logged = "SELECT count(DISTINCT post_id) AS number FROM post_changes WHERE slug IN ('first', 'second')";
    assert_eq!(database.query_number(logged), 2);
}
