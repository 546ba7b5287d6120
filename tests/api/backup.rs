//! `backup`, and the way back from it.

use std::cell::Cell;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reqwest::Client;
use serde_json::{Value, json};

use crate::storage::SmallDisk;
use crate::support::database::execute;
use crate::support::program::{Workplace, until};
use crate::support::{Api, Given, Kind, TestDatabase};

const KEY: &str = "the-admin-key-of-the-tests";

/// A place with a `posts.db` that has this many posts.
fn place_with(posts: usize) -> (Workplace, TestDatabase) {
    let place = Workplace::new([("DATABASE_URL", "sqlite://posts.db")]);
    let database = TestDatabase::at(&place.path("posts.db"));
    database.migrate();
    database.import(&(1..=posts).map(|id| json!({"id": id, "title": format!("Post {id}")})).collect::<Vec<_>>());
    (place, database)
}

fn count(path: &Path) -> i64 {
    TestDatabase::at(path).number("SELECT count(*) AS number FROM posts")
}

/// Two posts are replaced together, again and again: a copy of one moment has the same title for both.
#[tokio::test]
async fn a_backup_is_whole_and_of_one_moment_while_others_write() {
    const BACKUPS: usize = 5;
    let api = Api::on(Kind::Sqlite).unwrap();
    let (writes, is_over) = (Cell::new(0), Cell::new(false));
    let write = async |number: u32| {
        let post = |slug| json!({"slug": slug, "title": format!("{number:09}"), "content": "x".repeat(50_000)});
        let batch = json!({"on_conflict": "replace", "posts": [post("first"), post("second")]});
        api.editor().post("/api/posts/batch", &batch).await.expect(200);
        writes.set(number);
    };
    write(1).await;
    let writing = async {
        while !is_over.get() {
            write(writes.get() + 1).await;
        }
    };
    let place = Workplace::new([("DATABASE_URL", api.server.database.url.as_str())]);
    let backups = async {
        for number in 0..BACKUPS {
            let (before, name) = (writes.get(), format!("{number}.db"));
            let mut running = place.start(&name, &["backup", &name]);
            assert!(running.ended().await.success(), "{}", running.stderr());
            let copy = TestDatabase::at(&place.path(&name));
            let title = |slug| {
                copy.number(&format!("SELECT CAST(title AS INTEGER) AS number FROM posts WHERE slug = '{slug}'"))
            };
            assert_eq!(title("first"), title("second"));
            assert!(title("first") >= before.into(), "what was acknowledged before is in it");
            let damage = "SELECT count(*) AS number FROM pragma_integrity_check WHERE integrity_check <> 'ok'";
            assert_eq!(copy.number(damage), 0);
        }
        is_over.set(true);
    };
    tokio::join!(writing, backups);
    assert!(writes.get() > 1, "nobody wrote meanwhile");
}

/// The lines of the README's drill, between its markers.
fn drill() -> Vec<String> {
    let readme = include_str!("../../README.md");
    let block = readme.split("<!-- drill -->\n```sh\n").nth(1).unwrap().split("```").next().unwrap();
    block
        .lines()
        .map(|line| line.split("  #").next().unwrap().trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

struct Site {
    client: Client,
    base: String,
}

impl Site {
    fn new(base: String) -> Self {
        Self { client: Client::builder().no_proxy().build().unwrap(), base }
    }

    async fn write(&self, title: &str) -> Value {
        let post = json!({"title": title, "content": format!("{title} is the text"), "published": true});
        let request = self.client.post(format!("{}/api/posts", self.base)).bearer_auth(KEY).json(&post);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json().await.unwrap()
    }

    /// What is answered at these paths, with its tag.
    async fn answers(&self, key: &str) -> Vec<(u16, Option<String>, String)> {
        let mut answers = Vec::new();
        for path in ["/api/posts?sort=title", "/api/posts/1", "/api/posts/by-slug/third", "/api/posts?q=text"] {
            let answer = self.client.get(format!("{}{path}", self.base)).bearer_auth(key).send().await.unwrap();
            let tag = answer.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
            answers.push((answer.status().as_u16(), tag, answer.text().await.unwrap()));
        }
        answers
    }
}

#[tokio::test]
async fn the_drill_of_the_readme_brings_back_what_the_backup_has() {
    let place = Workplace::new([("PORT", "0"), ("ADMIN_API_KEY", KEY)]);
    let mut server = place.start("before", &[]);
    let site = Site::new(server.base().await);
    for title in ["First", "Second", "Third", "Fourth"] {
        site.write(title).await;
    }
    let deleted = format!("{}/api/posts/4", site.base);
    assert_eq!(site.client.delete(deleted).bearer_auth(KEY).send().await.unwrap().status(), 204);
    let made = place.run(&["keys", "create", "--role", "reader", "--name", "reader"]).success();
    let key = made.trim();
    let before = site.answers(key).await;

    let lines = drill();
    let stop = lines.iter().position(|line| line.starts_with("systemctl stop")).unwrap();
    let start = lines.iter().position(|line| line.starts_with("systemctl start")).unwrap();
    for line in &lines[..stop] {
        place.shell(line).success();
    }
    // What comes after the backup is lost, and with it what is found by it.
    site.write("Fifth text").await;
    // A crash, so that the log of the broken database is left.
    server.kill();
    assert!(place.files().contains(&"posts.db-wal".to_owned()));
    std::fs::write(place.path("posts.db"), "broken".repeat(10_000)).unwrap();
    for line in &lines[stop + 1..start] {
        place.shell(line).success();
    }
    let mut server = place.start("after", &[]);
    let site = Site::new(server.base().await);
    assert_eq!(site.answers(key).await, before);
    // No id is given twice, not even that of a post that was deleted.
    assert_eq!(site.write("Sixth").await["id"], 5);
}

#[test]
fn only_its_owner_may_read_a_backup_and_nothing_is_left_beside_it() {
    let (place, _database) = place_with(10);
    let before = place.files();
    let said = place.run(&["backup", "copy.db"]).success();
    let file = std::fs::metadata(place.path("copy.db")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    assert!(said.starts_with("backed up to /") && said.contains(&format!("copy.db: {} bytes", file.len())), "{said}");
    let mut after = place.files();
    after.retain(|name| name != "copy.db");
    assert_eq!(after, before);
    assert_eq!(count(&place.path("copy.db")), 10);
}

#[test]
fn a_file_that_is_there_is_replaced_only_where_that_is_said() {
    let (place, database) = place_with(3);
    place.write("copy.db", "precious");
    let line = place.run(&["backup", "copy.db"]).refusal();
    assert!(line.contains("copy.db is there already") && line.contains("--overwrite"), "{line}");
    assert_eq!(std::fs::read(place.path("copy.db")).unwrap(), b"precious");
    place.run(&["backup", "--overwrite", "copy.db"]).success();
    assert_eq!(count(&place.path("copy.db")), 3);
    execute(&mut database.connect(), "DELETE FROM posts WHERE id = 1");
    place.run(&["backup", "--overwrite", "copy.db"]).success();
    assert_eq!(count(&place.path("copy.db")), 2);
}

#[test]
fn the_database_is_never_taken_for_the_place_of_its_own_backup() {
    let (place, database) = place_with(3);
    // Open, so that its log is there.
    let _conn = database.connect();
    std::os::unix::fs::symlink("posts.db", place.path("link.db")).unwrap();
    std::fs::create_dir(place.path("directory")).unwrap();
    for (target, says) in [
        ("posts.db", "is to be copied"),
        ("./posts.db", "is to be copied"),
        ("directory/../posts.db", "is to be copied"),
        ("link.db", "is to be copied"),
        ("posts.db-wal", "is to be copied"),
        ("posts.db-shm", "is to be copied"),
        ("directory", "directory"),
        ("nowhere/copy.db", "nowhere"),
        ("..", "directory"),
    ] {
        let line = place.run(&["backup", "--overwrite", target]).refusal();
        assert!(line.contains(says), "{target}: {line}");
    }
    assert_eq!(count(&place.path("posts.db")), 3);
}

#[test]
fn a_database_that_is_not_there_is_told_and_not_made() {
    let place = Workplace::new([("DATABASE_URL", "sqlite://posts.db")]);
    let line = place.run(&["backup", "copy.db"]).refusal();
    assert!(line.contains("there is no database at posts.db"), "{line}");
    assert_eq!(place.files(), Vec::<String>::new());
}

#[test]
fn a_damaged_database_gives_no_backup() {
    let (place, database) = place_with(2000);
    execute(&mut database.connect(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = std::fs::read(place.path("posts.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 100_000].fill(0xee);
    std::fs::write(place.path("posts.db"), bytes).unwrap();
    let before = place.files();
    let line = place.run(&["backup", "copy.db"]).refusal();
    assert!(line.contains("malformed") || line.contains("damaged"), "{line}");
    assert_eq!(place.files(), before);
}

#[test]
fn where_there_is_no_room_nothing_is_left_of_a_backup() {
    let Some(disk) = SmallDisk::mount(1) else { return };
    let (place, _database) = place_with(5000);
    let directory = disk.database().parent().unwrap().to_owned();
    let line = place.run(&["backup", directory.join("copy.db").to_str().unwrap()]).refusal();
    assert!(line.contains("full"), "{line}");
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
}

#[tokio::test]
async fn a_backup_that_is_interrupted_leaves_nothing_behind() {
    let (place, database) = place_with(1);
    for signal in ["TERM", "INT"] {
        // Whoever opens the database waits for this one, so that the backup has begun and does not end.
        let mut held = database.connect();
        execute(&mut held, "PRAGMA locking_mode = EXCLUSIVE");
        execute(&mut held, "UPDATE posts SET title = title");
        let mut backup = place.start(signal, &["backup", "copy.db"]);
        let is_partial = |name: &String| name.starts_with("copy.db.") && name.ends_with(".partial");
        until("the backup to begin", async || place.files().iter().any(is_partial).then_some(())).await;
        backup.signal(signal);
        assert_eq!(backup.ended().await.code(), Some(130), "{}", backup.stderr());
        assert!(!place.files().iter().any(|name| name.starts_with("copy.db")), "{:?}", place.files());
    }
}

#[test]
fn on_postgresql_it_says_what_to_use() {
    let Some(database) = TestDatabase::create(Kind::Postgres) else { return };
    let place = Workplace::new([("DATABASE_URL", database.url.as_str())]);
    let line = place.run(&["backup", "copy.db"]).refusal();
    assert!(line.contains("pg_dump"), "{line}");
    assert_eq!(place.files(), Vec::<String>::new());
}
