//! After 10,000 random writes by the service and by SQL, at the same time, the labels are what `posts` says.

use std::collections::BTreeSet;
use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Text};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::database::{execute, try_execute};
use crate::support::{Api, Engine, TestDatabase, on_both};

#[derive(QueryableByName)]
struct PostRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Bool)]
    published: bool,
    #[diesel(sql_type = Text)]
    tags: String,
    #[diesel(sql_type = Text)]
    authors: String,
}

const POSTS: &str = "SELECT id, published, tags, authors FROM posts";

#[derive(QueryableByName)]
struct LabelRow {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    label: String,
    #[diesel(sql_type = Bool)]
    published: bool,
    #[diesel(sql_type = BigInt)]
    post_id: i64,
    #[diesel(sql_type = Text)]
    name: String,
}

/// A row of `post_labels` without the columns that it copies from `posts`.
type Label = (i64, bool, &'static str, String, String);

/// The labels that the posts have, according to `posts`.
fn expected(posts: &[PostRow]) -> BTreeSet<Label> {
    let mut labels = BTreeSet::new();
    for post in posts {
        for (kind, json) in [("t", &post.tags), ("a", &post.authors)] {
            let mut seen = BTreeSet::new();
            let names: Vec<String> = serde_json::from_str(json).unwrap();
            for name in names.into_iter().filter(|name| (1..=200).contains(&name.chars().count())) {
                let label = name.to_ascii_lowercase();
                if seen.insert(label.clone()) {
                    labels.insert((post.id, post.published, kind, label, name));
                }
            }
        }
    }
    labels
}

/// Asserts that `post_labels` has exactly the rows that `posts` says.
#[track_caller]
pub(crate) fn assert_labels_match(database: &TestDatabase) {
    let posts: Vec<PostRow> = database.rows(POSTS);
    let rows: Vec<LabelRow> = database.rows("SELECT kind, label, published, post_id, name FROM post_labels");
    let stored: BTreeSet<Label> = rows
        .into_iter()
        .map(|row| (row.post_id, row.published, if row.kind == "t" { "t" } else { "a" }, row.label, row.name))
        .collect();
    let expected = expected(&posts);
    let (missing, extra): (Vec<_>, Vec<_>) =
        (expected.difference(&stored).collect(), stored.difference(&expected).collect());
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:?}\nextra: {extra:?}");
    let wrong = "SELECT count(*) AS number FROM post_labels LEFT JOIN posts ON posts.id = post_labels.post_id
        WHERE posts.id IS NULL OR post_labels.title <> posts.title OR post_labels.updated_at <> posts.updated_at
        OR post_labels.published_key <> posts.published_key OR (posts.published AND NOT post_labels.sortable)";
    assert_eq!(database.query_number(wrong), 0, "labels with other values than their posts");
}

/// Pseudo-random numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// Names without duplicates. Many differ between posts by ASCII case only.
    fn names(&mut self) -> Vec<&'static str> {
        const NAMES: &[&str] = &[
            "rust", "Rust", "RUST", "web dev", "Web Dev", "É", "é", "日本", "c", "C", "c++", "C#", "it's", "\"", "🦀",
        ];
        let mut names: Vec<&str> = Vec::new();
        for _ in 0..self.below(5) {
            let name = self.pick(NAMES);
            if !names.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                names.push(name);
            }
        }
        names
    }

    /// The JSON of names as an SQL literal, sometimes with white space and duplicates.
    fn sql_names(&mut self) -> String {
        let mut names = self.names();
        if self.below(8) == 0 {
            names.extend(["dup", "DUP", ""]);
        }
        let json = if self.below(4) == 0 {
            serde_json::to_string_pretty(&names).unwrap()
        } else {
            serde_json::to_string(&names).unwrap()
        };
        format!("'{}'", json.replace('\'', "''"))
    }

    fn time(&mut self) -> String {
        format!("2026-01-{:02}T00:00:00.000000Z", 1 + self.below(28))
    }

    /// Writes go to few posts, so that they meet each other.
    fn slug(&mut self) -> String {
        format!("post-{}", self.below(200))
    }
}

/// A statement of another program.
fn statement(random: &mut Random) -> String {
    let (slug, time, tags, authors) = (random.slug(), random.time(), random.sql_names(), random.sql_names());
    let (published, remainder) = (random.pick(&["TRUE", "FALSE"]), random.below(40));
    match random.below(12) {
        0..3 => format!(
            "INSERT INTO posts (slug, title, published, published_at, tags, authors)
             VALUES ('{slug}', '{slug}', {published}, '{time}', {tags}, {authors})
             ON CONFLICT (slug) DO UPDATE SET tags = excluded.tags, published = excluded.published"
        ),
        3 => format!("INSERT INTO posts (slug, title) VALUES ('{slug}', 'Without') ON CONFLICT (slug) DO NOTHING"),
        4..6 => format!("UPDATE posts SET tags = {tags} WHERE slug = '{slug}'"),
        6 => format!("UPDATE posts SET authors = {authors}, title = 'Renamed' WHERE slug = '{slug}'"),
        7 => format!("UPDATE posts SET published = {published} WHERE slug = '{slug}'"),
        8 => format!("UPDATE posts SET published_at = '{time}', updated_at = '{time}' WHERE slug = '{slug}'"),
        9 => format!("UPDATE posts SET id = id + 1000000 WHERE slug = '{slug}'"),
        // Several rows at once.
        10 => format!(
            "UPDATE posts SET tags = authors, authors = tags, published = NOT published WHERE id % 40 = {remainder}"
        ),
        _ => format!("DELETE FROM posts WHERE slug = '{slug}' OR id % 200 = {remainder}"),
    }
}

/// Executes statements in transactions of 20, and returns how many were committed. A transaction fails if it is in a
/// deadlock with the service. This session soon looks for one: by default, PostgreSQL does so after a second.
fn write_by_sql(database: &TestDatabase, random: &mut Random, count: usize) -> usize {
    let mut conn = database.connect();
    if database.engine == Engine::Postgres {
        execute(&mut conn, "SET deadlock_timeout = '20ms'");
    }
    let mut committed = 0;
    for _ in 0..count / 20 {
        let statements: Vec<String> = (0..20).map(|_| statement(random)).collect();
        let begin = if database.engine == Engine::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        let all = std::iter::once(begin).chain(statements.iter().map(String::as_str)).chain(["COMMIT"]);
        match all.into_iter().try_for_each(|statement| try_execute(&mut conn, statement)) {
            Ok(()) => committed += statements.len(),
            // Fails if the database has already rolled back.
            Err(_) => drop(try_execute(&mut conn, "ROLLBACK")),
        }
    }
    committed
}

/// The number of posts in a batch.
const BATCH: i64 = 40;

/// A request that writes, and the number of posts that it writes.
async fn write_by_request(api: &Api, kind: usize, post: Value, slug: &str, id: i64) -> usize {
    let path = format!("/api/posts/{id}");
    let reply = match kind {
        0 => api.post("/api/posts", &post).await,
        1 | 2 => api.put(&format!("/api/posts/by-slug/{slug}"), &post).await,
        3 => api.patch(&path, &json!({"tags": post["tags"], "published": post["published"]})).await,
        4 => api.patch(&path, &json!({"authors": post["authors"], "title": "Patched"})).await,
        5 => api.post_empty(&format!("{path}/publish")).await,
        6 => api.post_empty(&format!("{path}/unpublish")).await,
        7 => api.delete(&path).await,
        _ => {
            let slugs = (0..BATCH).map(|n| format!("post-{}", (id + n * 3) % 200));
            let posts: Vec<Value> = slugs
                .map(|slug| {
                    let mut post = post.clone();
                    post["slug"] = json!(slug);
                    post
                })
                .collect();
            api.post("/api/posts/batch", &json!({"posts": posts, "on_conflict": "replace"})).await
        }
    };
    // The post may be missing, and the other program may hold a lock for too long.
    assert!([200, 201, 204, 404, 503].contains(&reply.status), "{}: {}", reply.line, reply.text());
    match reply.status {
        200 if kind > 7 => usize::try_from(BATCH).unwrap(),
        200..300 => 1,
        _ => 0,
    }
}

async fn write_by_requests(api: &Api, random: &mut Random, count: usize) -> usize {
    let posts: Vec<PostRow> = api.server.database.rows(POSTS);
    let mut requests = Vec::new();
    for _ in 0..count {
        let published = random.below(2) == 0;
        let post = json!({
            "title": "Post", "tags": random.names(), "authors": random.names(), "published": published,
        });
        let (kind, slug, id) =
            (random.below(12), random.slug(), posts.get(random.below(posts.len().max(1))).map_or(1, |post| post.id));
        requests.push((kind, post, slug, id));
    }
    let mut written = 0;
    for chunk in requests.chunks(8) {
        let chunk = chunk.iter().map(|(kind, post, slug, id)| write_by_request(api, *kind, post.clone(), slug, *id));
        written += join_all(chunk).await.into_iter().sum::<usize>();
    }
    written
}

#[on_both]
async fn labels_match_after_10_000_concurrent_writes(api: Api) {
    let editor = api.editor();
    let (mut by_requests, by_sql) = (Random(1), Arc::new(std::sync::Mutex::new(Random(2))));
    let (mut requested, mut executed) = (0, 0);
    // On a busy machine, one side may write far less than the other in the same time.
    while requested + executed < 10_000 || requested.min(executed) < 1_000 {
        let (database, random) = (Arc::clone(&api.server.database), Arc::clone(&by_sql));
        let sql = tokio::task::spawn_blocking(move || write_by_sql(&database, &mut random.lock().unwrap(), 800));
        requested += write_by_requests(&editor, &mut by_requests, 64).await;
        executed += sql.await.unwrap();
        assert_labels_match(&api.server.database);
    }
}
