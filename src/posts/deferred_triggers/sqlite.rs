//! The triggers that are deferred on SQLite.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::db::FixedSql;

/// The migrations that create triggers.
const MIGRATIONS: [&str; 4] = [
    include_str!("../../../migrations/sqlite/2026-11-27-000004_search_posts/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-27-000006_create_post_aliases/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-27-000007_create_post_labels/up.sql"),
    include_str!("../../../migrations/sqlite/2026-11-27-000008_create_post_changes/up.sql"),
];

const DEFINITIONS: &str = "SELECT sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid";
const DEFERRED: [&str; 2] = ["CREATE TRIGGER posts_search_insert ", "CREATE TRIGGER posts_insert_labels "];
const DROP: &str = "DROP TRIGGER posts_search_insert; DROP TRIGGER posts_insert_labels";

/// `posts_search_insert` for these posts.
const WRITE_WORDS: &str = "INSERT INTO posts_search (rowid, title, content) \
    SELECT posts.id, posts.title, posts.content FROM json_each(?1) AS inserted CROSS JOIN posts \
    WHERE posts.id = inserted.value";

/// `posts_insert_labels` for these posts, except that it does not check the types of the names, which the service has
/// written.
const WRITE_LABELS: &str = "INSERT INTO post_labels \
    (kind, label, published, sortable, post_id, published_key, updated_at, title, name) \
    SELECT kind, label, published, published OR EXISTS (\
        SELECT 1 FROM post_labels AS stale WHERE stale.kind = labels.kind AND stale.published = FALSE \
        AND stale.label = labels.label AND stale.sortable = TRUE AND stale.post_id = labels.post_id\
    ), post_id, published_key, updated_at, title, name \
    FROM (\
        SELECT 't' AS kind, lower(names.value) AS label, p.published, p.id AS post_id, p.published_key, \
            p.updated_at, p.title, names.value AS name, names.key AS position \
        FROM json_each(?1) AS inserted CROSS JOIN posts AS p CROSS JOIN json_each(p.tags) AS names \
        WHERE p.id = inserted.value \
        UNION ALL SELECT 'a', lower(names.value), p.published, p.id, p.published_key, p.updated_at, p.title, \
            names.value, names.key \
        FROM json_each(?1) AS inserted CROSS JOIN posts AS p CROSS JOIN json_each(p.authors) AS names \
        WHERE p.id = inserted.value\
    ) AS labels \
    WHERE length(name) BETWEEN 1 AND 200 \
    ORDER BY kind, published, label, post_id, position \
    ON CONFLICT DO NOTHING";

/// Drops the triggers, and returns their definitions. Does nothing if a trigger of the database is not from the
/// migrations, because it may need the rows that these triggers write.
pub(super) fn drop_triggers(conn: &mut SqliteConnection) -> QueryResult<Option<Vec<String>>> {
    let mut definitions: Vec<String> = FixedSql::<Text>::new(DEFINITIONS).load(conn)?;
    let is_known = |sql: &String| MIGRATIONS.iter().any(|migration| migration.contains(sql.as_str()));
    if !definitions.iter().all(is_known) {
        return Ok(None);
    }
    definitions.retain(|sql| DEFERRED.iter().any(|start| sql.starts_with(start)));
    if definitions.len() < DEFERRED.len() {
        return Ok(None);
    }
    conn.batch_execute(DROP)?;
    Ok(Some(definitions))
}

pub(super) fn create_triggers(conn: &mut SqliteConnection, definitions: &[String]) -> QueryResult<()> {
    definitions.iter().try_for_each(|sql| conn.batch_execute(sql))
}

/// The ids must be sorted.
pub(super) fn write_labels_and_words(conn: &mut SqliteConnection, ids: &[i64]) -> QueryResult<()> {
    let ids = serde_json::Value::from(ids).to_string();
    for statement in [WRITE_WORDS, WRITE_LABELS] {
        diesel::sql_query(statement).bind::<Text, _>(&ids).execute(conn)?;
    }
    Ok(())
}
