//! What triggers derive from posts is the same for an import and for single inserts.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use posts_api::transfer;
use posts_api::transfer::{Options, TransferProgress};
use serde_json::{Value, json};

use crate::support::database::{execute, query_number, try_execute};
use crate::support::{Engine, TestDatabase, on_both};
use crate::tags_and_authors::assert_labels_match;
use crate::transfer::import_export::sandbox;

fn lines(posts: &[Value]) -> String {
    posts.iter().flat_map(|post| [post.to_string(), "\n".to_owned()]).collect()
}

/// More than two batches, with and without an id, published and not, with and without labels.
fn posts() -> Vec<Value> {
    let post = |number: i64| {
        let names = ["rust", "Rust", "it's", "\"quoted\"", "日本", "\\", "É", "a, b"];
        let name = |index: i64| names[usize::try_from(index).unwrap() % names.len()];
        let contents = ["", "One  word, two-words.", " - Über\n\ncafé ς \u{1f980}", "a.b/c@d_e 1.5 <p>x</p>", "é"];
        json!({
            "id": if number % 3 == 0 { json!(100_000 - number) } else { Value::Null },
            "slug": format!("post-{}", number * 7919 % 1201),
            "title": format!("Title {}{}", number * 31 % 97, if number % 5 == 0 { " - Ä, b!" } else { "" }),
            "content": contents[usize::try_from(number).unwrap() % contents.len()],
            "published": number % 2 == 0,
            "published_at": if number % 10 == 5 { Value::Null } else { json!("2026-01-31T12:00:00.000000Z") },
            "tags": if number % 4 < 3 { json!([name(number), name(number + 2), format!("n{}", number % 50)]) }
                else { json!([]) },
            "authors": if number % 7 == 0 { json!([name(number / 7)]) } else { json!([]) },
            "created_at": "2026-01-01T00:00:00.000000Z", "updated_at": "2026-02-01T00:00:00.000000Z",
        })
    };
    (1..=1200).map(post).collect()
}

#[derive(Debug, PartialEq, Eq, QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// What the triggers derive from posts: the labels, the log, the aliases, and the words of the search.
fn derived(database: &TestDatabase) -> Vec<Vec<String>> {
    let texts = |columns: &[&str], rows: &str| -> Vec<String> {
        let columns: Vec<String> = columns.iter().map(|column| format!("CAST({column} AS TEXT)")).collect();
        let sql = format!("SELECT {} AS line FROM {rows}", columns.join(" || '/' || "));
        database.rows::<Line>(&sql).into_iter().map(|row| row.line).collect()
    };
    let label = ["kind", "label", "published", "post_id", "published_key", "updated_at", "title", "name"];
    vec![
        texts(&label, "post_labels ORDER BY kind, label, post_id"),
        texts(&["post_id", "kind", "version", "slug"], "post_changes WHERE kind > 0 ORDER BY post_id, seq"),
        texts(&["slug", "post_id", "published"], "post_aliases ORDER BY slug"),
        match database.engine {
            Engine::Postgres => texts(&["search", "coalesce(search_text, '')"], "posts ORDER BY id"),
            Engine::Sqlite => texts(&["term", "doc", "col"], "search_words ORDER BY term, doc, col, offset"),
        },
    ]
}

#[on_both]
async fn import_derives_what_single_inserts_derive(database: TestDatabase) {
    database.migrate();
    // A post whose old slug is that of an imported post.
    database.execute(
        "INSERT INTO posts (slug, title, published, published_at, updated_at)
         VALUES ('post-225', 'A', TRUE, '2025-01-01T00:00:00.000000Z', '2025-01-01T00:00:00.000000Z')",
    );
    database.execute("UPDATE posts SET slug = 'renamed', updated_at = '2026-03-01T00:00:00.000000Z'");
    assert_eq!(database.query_number("SELECT count(*) AS number FROM post_aliases WHERE slug = 'post-225'"), 1);
    if database.engine == Engine::Sqlite {
        database.execute("CREATE VIRTUAL TABLE search_words USING fts5vocab('posts_search', 'instance')");
    }
    let output = sandbox(&database).run_with_input(&["import", "-"], &lines(&posts())).success();
    assert!(output.starts_with("imported 1200 posts, "), "{output}");
    assert_labels_match(&database);
    assert_eq!(database.query_number("SELECT count(*) AS number FROM post_aliases"), 0);
    let imported = derived(&database);
    assert!(imported[0].len() > 2000 && imported[1].len() > 600 && imported[3].len() > 1000);

    let columns = "id, slug, title, description, tags, authors, image, image_alt, metadata, excerpt, published, \
                   published_at, scheduled_for, created_at, updated_at, version, content";
    database.execute("CREATE TABLE copies AS SELECT * FROM posts");
    let renamed = database.query_number("SELECT id AS number FROM posts WHERE slug = 'renamed'");
    database.execute(&format!("DELETE FROM posts WHERE id <> {renamed}"));
    database.execute(&format!("DELETE FROM post_changes WHERE kind > 0 AND post_id <> {renamed}"));
    let mut conn = database.connect();
    execute(&mut conn, if database.engine == Engine::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" });
    let ids = format!("SELECT CAST(id AS TEXT) AS line FROM copies WHERE id <> {renamed}");
    for Line { line: id } in database.rows(&ids) {
        let single = format!("INSERT INTO posts ({columns}) SELECT {columns} FROM copies WHERE id = {id}");
        execute(&mut conn, &single);
    }
    execute(&mut conn, "COMMIT");
    for (imported, single) in imported.iter().zip(derived(&database)) {
        assert_eq!(*imported, single);
    }
}

/// Searches scan the pending list of the index, which an import lets grow.
/// The limit of the sessions of other programs is that of PostgreSQL, 4 MB.
#[on_both]
async fn writes_of_other_programs_keep_the_pending_list_short(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    database.migrate();
    let mut conn = database.connect();
    execute(&mut conn, "SET gin_pending_list_limit = '4MB'");
    execute(
        &mut conn,
        "INSERT INTO posts (title, content) SELECT 't' || n, repeat('a' || n || ' b' || n || ' ', 20)
         FROM generate_series(1, 5000) AS n",
    );
    let pages = query_number(&mut conn, "SELECT gin_clean_pending_list('posts_search') AS number");
    // 256 kB are 32 pages.
    assert!((1..=33).contains(&pages), "{pages}");
}

#[on_both]
async fn readers_do_not_wait_for_an_import(database: TestDatabase) {
    database.migrate();
    let mut reader = database.connect();
    if database.engine == Engine::Postgres {
        execute(&mut reader, "SET lock_timeout = '1s'");
    }
    // The callback runs while a later batch is read, after the first one has been stored.
    let text = "{\"title\": \"A\", \"tags\": [\"a\"], \"published\": true}\n".repeat(1600);
    let mut reads = 0;
    let read = |progress: TransferProgress| {
        if progress.posts >= 500 && reads < 10 {
            assert_eq!(query_number(&mut reader, "SELECT count(*) AS number FROM posts"), 0);
            assert_eq!(query_number(&mut reader, "SELECT count(*) AS number FROM post_labels"), 0);
            reads += 1;
        }
    };
    let report = transfer::import(&mut database.connect(), text.as_bytes(), Options::default(), read).unwrap();
    assert_eq!((report.imported, reads), (1600, 10));
    assert_labels_match(&database);
}

/// The triggers of posts, with their definitions and states.
fn triggers(database: &TestDatabase) -> Vec<String> {
    let sql = match database.engine {
        Engine::Sqlite => "SELECT name || sql AS line FROM sqlite_schema WHERE type = 'trigger' ORDER BY 1",
        Engine::Postgres => {
            "SELECT tgname || tgenabled::text || pg_get_triggerdef(oid) AS line FROM pg_trigger
             WHERE tgrelid = 'posts'::regclass ORDER BY 1"
        }
    };
    database.rows::<Line>(sql).into_iter().map(|row| row.line).collect()
}

/// A number that differs after the triggers have been disabled.
fn schema_version(database: &TestDatabase) -> i64 {
    database.query_number(match database.engine {
        Engine::Sqlite => "SELECT schema_version AS number FROM pragma_schema_version",
        Engine::Postgres => {
            "SELECT xmin::text::bigint AS number FROM pg_trigger
             WHERE tgrelid = 'posts'::regclass AND tgname = 'posts_insert_labels'"
        }
    })
}

#[on_both]
async fn triggers_are_enabled_after_every_import(database: TestDatabase) {
    database.migrate();
    let (before, sandbox, file) = (triggers(&database), sandbox(&database), lines(&posts()));
    assert!(before.len() > 8, "{before:?}");
    let invalid = format!("{file}nonsense\n");
    for (arguments, text, is_deferred) in [
        (["import", "-"].as_slice(), invalid.as_str(), false),
        (&["import", "--dry-run", "-"], &file, false),
        (&["import", "--skip-invalid", "-"], &invalid, true),
        (&["import", "--replace", "-"], "{\"title\": \"New\", \"slug\": \"new\", \"tags\": [\"x\"]}", false),
        (&["import", "--resumable", "-"], "{\"title\": \"Other\", \"slug\": \"o\", \"tags\": [\"x\"]}", false),
    ] {
        let version = schema_version(&database);
        let succeeds = sandbox.run_with_input(arguments, text).status.success();
        assert_eq!(succeeds, !(text == invalid && arguments.len() == 2), "{arguments:?}");
        assert_eq!(triggers(&database), before, "{arguments:?}");
        assert_eq!(schema_version(&database) != version, is_deferred, "{arguments:?}");
        assert_labels_match(&database);
        let (labels, log) =
            ("SELECT count(*) AS number FROM post_labels", "SELECT max(seq) AS number FROM post_changes");
        let counts = (database.query_number(labels), database.query_number(log));
        let slug = arguments.join("");
        database.execute(&format!(
            "INSERT INTO posts (slug, title, published, published_at, tags)
             VALUES ('{slug}', 'A', TRUE, '2025-01-01T00:00:00.000000Z', '[\"a\", \"b\"]')"
        ));
        assert_eq!(database.query_number(labels), counts.0 + 2, "{arguments:?}");
        assert!(database.query_number(log) > counts.1, "{arguments:?}");
    }
}

/// A trigger that an administrator has added reads the labels of the new post.
#[on_both]
async fn other_triggers_see_the_derived_rows(database: TestDatabase) {
    database.migrate();
    database.execute("CREATE TABLE seen (labels bigint)");
    let count = "INSERT INTO seen SELECT count(*) FROM post_labels WHERE post_id = new";
    match database.engine {
        Engine::Sqlite => {
            // SQLite does not define the order of the triggers of posts.
            database.execute(&format!("CREATE TRIGGER z AFTER INSERT ON post_labels BEGIN {count}.post_id; END"));
        }
        Engine::Postgres => {
            database.execute(&format!(
                "CREATE FUNCTION z() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {count}.id; RETURN NULL; END$$"
            ));
            database.execute("CREATE TRIGGER z AFTER INSERT ON posts FOR EACH ROW EXECUTE FUNCTION z()");
        }
    }
    let version = schema_version(&database);
    database.import(&[json!({"title": "A", "tags": ["a", "b"]})]);
    assert_eq!(database.query_number("SELECT max(labels) AS number FROM seen"), 2);
    assert_eq!(schema_version(&database), version);
}

/// More posts, and more labels, than are written at once.
#[on_both]
async fn rows_of_many_posts_are_derived_in_steps(database: TestDatabase) {
    database.migrate();
    let names = |kind: &str, count: usize| (0..count).map(|name| format!("{kind}{name}")).collect::<Vec<_>>();
    let (tags, authors) = (names("tag", 50), names("author", 20));
    let posts: Vec<Value> = (1..=1500)
        .map(|id| json!({"id": id, "title": "T", "published": id % 8 == 0, "tags": tags, "authors": authors}))
        .collect();
    database.import(&posts);
    assert_labels_match(&database);
    let labels = |condition: &str| {
        database.query_number(&format!("SELECT count(*) AS number FROM post_labels WHERE NOT published {condition}"))
    };
    assert_eq!(labels(""), 1313 * 70);
    // At random, names of more than 1,000 drafts are added to the indexes.
    assert!(labels("AND sortable") >= 20 * 1000, "{}", labels("AND sortable"));
    if database.engine == Engine::Sqlite {
        database.execute("INSERT INTO posts_search (posts_search, rank) VALUES ('integrity-check', 1)");
    }
}

/// A database user that does not own the tables cannot disable triggers.
#[tokio::test]
async fn privileges_of_the_service_suffice_for_an_import() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let mut conn = database.connect();
    let role = format!("importer_{}", std::process::id());
    for statement in [
        format!("CREATE ROLE {role}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"),
        format!("GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role}"),
        format!("SET ROLE {role}"),
    ] {
        execute(&mut conn, &statement);
    }
    assert!(try_execute(&mut conn, "ALTER TABLE posts DISABLE TRIGGER posts_log_insert").is_err());
    let text = lines(&posts());
    let report = transfer::import(&mut conn, text.as_bytes(), Options::default(), |_| {}).unwrap();
    assert_eq!(report.imported, 1200);
    let logged = query_number(&mut conn, "SELECT count(*) AS number FROM post_changes WHERE kind = 1 AND bulk");
    assert_eq!(logged, 600);
    for statement in ["RESET ROLE", &format!("DROP OWNED BY {role}"), &format!("DROP ROLE {role}")] {
        execute(&mut conn, statement);
    }
    assert_labels_match(&database);
}
