//! What triggers derive from posts is the same for an import and for single inserts.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use posts_api::transfer;
use posts_api::transfer::{Options, TransferProgress};
use serde_json::{Value, json};

use crate::support::database::{execute, query_number};
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
            "tags": if number % 4 < 3 { json!([name(number), name(number + 1), format!("n{}", number % 50)]) }
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
        texts(&["post_id", "kind", "version", "slug"], "post_changes WHERE kind > 0 ORDER BY post_id"),
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
    for id in (1..=1201).chain(98_800..100_000) {
        let single = format!("INSERT INTO posts ({columns}) SELECT {columns} FROM copies WHERE id = {id}");
        execute(&mut conn, &format!("{single} AND id <> {renamed}"));
    }
    execute(&mut conn, "COMMIT");
    for (imported, single) in imported.iter().zip(derived(&database)) {
        assert_eq!(*imported, single);
    }
}

/// Searches scan the pending list of the index, which an import lets grow.
#[on_both]
async fn import_leaves_a_short_pending_list(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let posts: Vec<Value> =
        (0..900).map(|id| json!({"title": format!("t{id}"), "content": format!("a{id} b{id} ").repeat(20)})).collect();
    for options in [["import", "-"].as_slice(), &["import", "--resumable", "-"]] {
        let posts: Vec<Value> = posts
            .iter()
            .map(|post| {
                json!({"slug": format!("{}-{}", post["title"].as_str().unwrap(), options.len()),
                "title": post["title"], "content": post["content"]})
            })
            .collect();
        database.migrate();
        sandbox(&database).run_with_input(options, &lines(&posts)).success();
        let mut conn = database.connect();
        // The function returns the number of pages that it has moved into the index.
        assert_eq!(query_number(&mut conn, "SELECT gin_clean_pending_list('posts_search') AS number"), 0);
    }
}

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
