//! The trigger that is deferred on SQLite.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::db::FixedSql;

const DEFINITION: &str = "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = 'posts_insert_labels'";

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

/// Drops the trigger, and returns its definition.
pub(super) fn drop_trigger(conn: &mut SqliteConnection) -> QueryResult<Vec<String>> {
    let definition = FixedSql::<Text>::new(DEFINITION).load(conn)?;
    conn.batch_execute("DROP TRIGGER IF EXISTS posts_insert_labels")?;
    Ok(definition)
}

pub(super) fn create_trigger(conn: &mut SqliteConnection, definition: &[String]) -> QueryResult<()> {
    definition.iter().try_for_each(|sql| conn.batch_execute(sql))
}

pub(super) fn write_labels(conn: &mut SqliteConnection, ids: &[i64]) -> QueryResult<()> {
    let ids = serde_json::Value::from(ids).to_string();
    diesel::sql_query(WRITE_LABELS).bind::<Text, _>(ids).execute(conn).map(drop)
}
