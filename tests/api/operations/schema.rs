//! The schema: src/schema.rs matches both databases, and triggers track every write to posts by external writers.

use std::fmt::Write;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text};
use posts_api::db::Backend;

use crate::support::{Engine, TestDatabase, on_both};

const SCHEMA: &str = include_str!("../../../src/schema.rs");
const CONFIGURATION: &str = include_str!("../../../diesel.toml");

#[derive(Debug, PartialEq, Eq, QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    is_nullable: bool,
}

/// The tables of src/schema.rs, and the columns of each one.
fn declared() -> Vec<(&'static str, Vec<Column>)> {
    let mut tables = Vec::new();
    for line in SCHEMA.lines().map(str::trim) {
        if let Some((table, _)) = line.strip_suffix(") {").and_then(|line| line.split_once(" (")) {
            tables.push((table, Vec::new()));
        } else if let Some((name, kind)) = line.strip_suffix(',').and_then(|line| line.split_once(" -> ")) {
            let nullable = kind.strip_prefix("Nullable<").and_then(|kind| kind.strip_suffix('>'));
            let (name, kind) = (name.to_owned(), nullable.unwrap_or(kind).to_owned());
            tables.last_mut().unwrap().1.push(Column { name, kind, is_nullable: nullable.is_some() });
        }
    }
    tables
}

/// The value of `import_types` in diesel.toml.
fn imports() -> impl Iterator<Item = &'static str> {
    let line = CONFIGURATION.lines().find_map(|line| line.strip_prefix("import_types = [")).unwrap();
    line.trim_end_matches(']').split(", ").map(|path| path.trim_matches('"'))
}

/// What `diesel print-schema` writes for the tables of a PostgreSQL database, with the options of diesel.toml.
fn print_schema(database: &TestDatabase) -> String {
    let mut schema = "// @generated automatically by Diesel CLI.\n".to_owned();
    let tables = [
        ("api_keys", "id"),
        ("idempotency_keys", "id"),
        ("post_aliases", "slug"),
        ("post_changes", "seq"),
        ("posts", "id"),
        ("webhook_attempts", "id"),
        ("webhooks", "id"),
    ];
    for (table, key) in tables {
        schema.push_str("\ndiesel::table! {\n");
        for path in imports() {
            writeln!(schema, "    use {path};").unwrap();
        }
        schema.push('\n');
        let columns: Vec<Column> = database.rows(&format!(
            "SELECT column_name::text AS name, initcap(udt_name) AS kind, is_nullable = 'YES' AS is_nullable
             FROM information_schema.columns WHERE table_name = '{table}'
             AND column_name NOT IN ('search', 'search_text') ORDER BY ordinal_position"
        ));
        writeln!(schema, "    {table} ({key}) {{").unwrap();
        for Column { name, kind, is_nullable } in columns {
            let kind = if is_nullable { format!("Nullable<{kind}>") } else { kind };
            writeln!(schema, "        {name} -> {kind},").unwrap();
        }
        schema.push_str("    }\n}\n");
    }
    schema.push_str("\ndiesel::joinable!(webhook_attempts -> webhooks (webhook_id));\n");
    // As rustfmt wraps it.
    let tables = tables.map(|(table, _)| table).join(", ");
    write!(schema, "\ndiesel::allow_tables_to_appear_in_same_query!(\n    {tables},\n);\n").unwrap();
    schema
}

/// If this fails after a migration, diesel.toml has the command that regenerates the file.
#[test]
fn schema_rs_is_what_print_schema_writes_on_postgres() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    assert_eq!(print_schema(&database), SCHEMA);
}

#[test]
fn schema_rs_matches_the_columns_on_sqlite() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let tables = declared();
    assert_eq!(tables.len(), 7);
    for (table, mut expected) in tables {
        // On SQLite, a column that a later migration adds precedes the content; on PostgreSQL it is the last one.
        expected.sort_by(|a, b| a.name.cmp(&b.name));
        for column in &mut expected {
            column.kind = match column.kind.as_str() {
                "Int2" | "Int4" | "Int8" | "Bool" => "INTEGER",
                "Text" | "Timestamptz" => "TEXT",
                "Bytea" => "BLOB",
                kind => panic!("no type of SQLite for {kind}"),
            }
            .to_owned();
        }
        // table_xinfo lists generated columns too. A primary key is never null, but not declared NOT NULL.
        let columns: Vec<Column> = database.rows(&format!(
            r#"SELECT name, type AS kind, NOT ("notnull" OR pk) AS is_nullable
               FROM pragma_table_xinfo('{table}') ORDER BY name"#
        ));
        assert_eq!(columns, expected, "{table}");
    }
}

/// SQLite reads a row from its start: what precedes the content is read without it.
#[test]
fn content_is_the_last_column_on_sqlite() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let after = "SELECT count(*) AS number FROM pragma_table_xinfo('posts')
        WHERE cid > (SELECT cid FROM pragma_table_xinfo('posts') WHERE name = 'content')";
    assert_eq!(database.query_number(after), 0);
}

fn try_execute(database: &TestDatabase, sql: &str) -> QueryResult<usize> {
    match &mut database.connect().backend {
        Backend::Postgres(conn) => sql_query(sql).execute(conn),
        Backend::Sqlite(conn) => sql_query(sql).execute(conn),
    }
}

#[on_both]
async fn a_new_column_needs_no_change_to_a_trigger(database: TestDatabase) {
    database.migrate();
    database.execute("INSERT INTO posts (slug, title) VALUES ('a', 'A'), ('b', 'B')");
    database.execute("ALTER TABLE posts ADD COLUMN later_column TEXT");
    database.execute("UPDATE posts SET later_column = 'Set by an external writer' WHERE slug = 'a'");
    let raised = "SELECT version AS number FROM posts WHERE slug = 'a' AND updated_at > created_at";
    assert_eq!(database.query_number(raised), 2);
    assert_eq!(database.query_number("SELECT version AS number FROM posts WHERE slug = 'b'"), 1);
}

/// PostgreSQL compares whole rows. SQLite cannot.
#[on_both]
async fn only_postgres_ignores_an_update_without_change(database: TestDatabase) {
    database.migrate();
    database.execute("INSERT INTO posts (slug, title, content, published) VALUES ('a', 'A', 'Content', TRUE)");
    database.execute("UPDATE posts SET title = title, content = content, published_at = published_at");
    let version = if database.engine == Engine::Postgres { 1 } else { 2 };
    assert_eq!(database.query_number("SELECT version AS number FROM posts"), version);
    if database.engine == Engine::Postgres {
        // The trigger posts_set_search restores the value, so nothing has changed.
        database.execute("UPDATE posts SET search = ''");
        assert_eq!(database.query_number("SELECT version AS number FROM posts WHERE search <> ''"), 1);
    }
}

#[on_both]
async fn version_and_updated_at_of_an_external_writer_are_stored(database: TestDatabase) {
    database.migrate();
    database.execute("INSERT INTO posts (slug, title) VALUES ('a', 'A')");
    database.execute("UPDATE posts SET title = 'B', updated_at = '2099-01-01T00:00:00.000000Z'");
    let matching = |version: i64| {
        let condition = format!("updated_at = '2099-01-01T00:00:00.000000Z' AND version = {version}");
        database.query_number(&format!("SELECT count(*) AS number FROM posts WHERE {condition}"))
    };
    assert_eq!(matching(2), 1);
    database.execute("UPDATE posts SET title = 'C', version = 7");
    assert_eq!(matching(7), 1);
}

/// The service treats a draft at version 1 as a post that was never public, and versions only increase.
#[on_both]
async fn a_version_below_one_is_impossible(database: TestDatabase) {
    database.migrate();
    for version in [0, -1] {
        let insert = format!("INSERT INTO posts (slug, title, version) VALUES ('a', 'A', {version})");
        let error = try_execute(&database, &insert).unwrap_err();
        assert!(error.to_string().to_lowercase().contains("check constraint"), "{error}");
    }
    database.execute("INSERT INTO posts (slug, title) VALUES ('a', 'A')");
    // SQLite checks constraints before the trigger raises the version, PostgreSQL afterwards.
    let updated = try_execute(&database, "UPDATE posts SET version = 0");
    assert_eq!(updated.is_ok(), database.engine == Engine::Postgres, "{updated:?}");
    let version = if database.engine == Engine::Postgres { 2 } else { 1 };
    assert_eq!(database.query_number("SELECT version AS number FROM posts"), version);
}
