//! The triggers that are deferred on PostgreSQL.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Text};

use crate::db::FixedSql;

/// Whether the session may disable the triggers, and all triggers for inserts are those of the migrations: another one
/// may need the rows that these triggers write. In a session that replays a log, as replicas do, the log of changes skips
/// rows that no trigger writes.
const CAN_DISABLE: &str = "SELECT (\
        SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE oid IN ('posts'::regclass, \
        'post_labels'::regclass, 'post_changes'::regclass, 'post_aliases'::regclass)\
    ) AND (\
        SELECT count(*) = 6 AND bool_and(tgenabled = 'A' AND tgname IN ('posts_fill_slug', 'posts_insert_labels', \
        'posts_log_insert', 'posts_remove_alias', 'posts_set_published_at', 'posts_set_search')) \
        FROM pg_trigger WHERE tgrelid = 'posts'::regclass AND NOT tgisinternal AND tgtype & 4 <> 0\
    ) AND current_setting('session_replication_role') <> 'replica'";

/// The planner has no statistics of a new table, and would read all posts rather than look up those of a batch. To
/// compile the statements would take longer than to run them.
const DISABLE: &str = "ALTER TABLE posts DISABLE TRIGGER posts_insert_labels, \
    DISABLE TRIGGER posts_log_insert, DISABLE TRIGGER posts_remove_alias; \
    SET LOCAL enable_seqscan = off; SET LOCAL jit = off";
/// PostgreSQL does not alter a table with pending trigger events, such as those of a deferred constraint.
const ENABLE: &str = "SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_insert_labels, \
    ENABLE ALWAYS TRIGGER posts_log_insert, ENABLE ALWAYS TRIGGER posts_remove_alias";

/// `posts_remove_alias` for these posts.
const REMOVE_ALIASES: &str = "DELETE FROM post_aliases USING posts \
    WHERE posts.id = ANY($1) AND posts.published AND post_aliases.slug = posts.slug";

/// `posts_log_insert` for these posts.
const WRITE_LOG: &str = "INSERT INTO post_changes (post_id, kind, version, slug) \
    SELECT posts.id, 1, posts.version, posts.slug \
    FROM unnest($1) WITH ORDINALITY AS inserted (id, position) JOIN posts ON posts.id = inserted.id \
    WHERE posts.published ORDER BY inserted.position";

/// `posts_insert_labels` for these posts. Returns names of drafts, one in 64 rows, for `posts_sort_drafts`.
const WRITE_LABELS: &str = "WITH written AS (\
        INSERT INTO post_labels (kind, label, published, sortable, post_id, published_key, updated_at, title, name) \
        SELECT labels.kind, labels.label, posts.published, posts.published, posts.id, posts.published_key, \
            posts.updated_at, posts.title, labels.name \
        FROM unnest($1) AS inserted (id) JOIN posts ON posts.id = inserted.id \
            CROSS JOIN LATERAL posts_labels(posts.tags, posts.authors) AS labels \
        WHERE posts.tags <> '[]' OR posts.authors <> '[]' \
        ORDER BY labels.kind COLLATE \"C\", posts.published, labels.label COLLATE \"C\", posts.id \
        ON CONFLICT DO NOTHING RETURNING kind, label, sortable\
    ) SELECT kind, label FROM written WHERE NOT sortable GROUP BY kind, label HAVING count(*) > random() * 64";
const SORT_DRAFTS: &str = "SELECT posts_sort_drafts(kind, label) FROM unnest($1, $2) AS drafts (kind, label)";

#[derive(QueryableByName)]
struct DraftLabel {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    label: String,
}

/// Disables the triggers. Returns false if the session may not, or if they are in another state.
pub(super) fn disable_triggers(conn: &mut PgConnection) -> QueryResult<bool> {
    let can_disable: bool = FixedSql::<Bool>::new(CAN_DISABLE).get_result(conn)?;
    if can_disable {
        conn.batch_execute(DISABLE)?;
    }
    Ok(can_disable)
}

pub(super) fn enable_triggers(conn: &mut PgConnection) -> QueryResult<()> {
    conn.batch_execute(ENABLE)
}

pub(super) fn remove_aliases_and_write_log(conn: &mut PgConnection, ids: &[i64]) -> QueryResult<()> {
    for statement in [REMOVE_ALIASES, WRITE_LOG] {
        diesel::sql_query(statement).bind::<Array<BigInt>, _>(ids).execute(conn)?;
    }
    Ok(())
}

pub(super) fn write_labels(conn: &mut PgConnection, ids: &[i64]) -> QueryResult<()> {
    let drafts: Vec<DraftLabel> = diesel::sql_query(WRITE_LABELS).bind::<Array<BigInt>, _>(ids).load(conn)?;
    if drafts.is_empty() {
        return Ok(());
    }
    let (kinds, labels): (Vec<String>, Vec<String>) =
        drafts.into_iter().map(|DraftLabel { kind, label }| (kind, label)).unzip();
    diesel::sql_query(SORT_DRAFTS).bind::<Array<Text>, _>(kinds).bind::<Array<Text>, _>(labels).execute(conn).map(drop)
}
