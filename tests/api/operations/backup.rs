//! `backup`, and the way back from it.

use std::cell::Cell;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::Client;
use serde_json::{Value, json};
use url::Url;

use crate::faults::full_disk::SmallDisk;
use crate::support::database::execute;
use crate::support::program::Sandbox;
use crate::support::{Api, Engine, Fixture, TestDatabase, wait_for};

const KEY: &str = "the-admin-key-of-the-tests";

/// A place with a `posts.db` that has this many posts.
fn place_with(posts: usize) -> (Sandbox, TestDatabase) {
    let place = Sandbox::new([("DATABASE_URL", "sqlite://posts.db")]);
    let database = TestDatabase::at(&place.path("posts.db"));
    database.migrate();
    database.import(&(1..=posts).map(|id| json!({"id": id, "title": format!("Post {id}")})).collect::<Vec<_>>());
    (place, database)
}

fn count(path: &Path) -> i64 {
    TestDatabase::at(path).query_number("SELECT count(*) AS number FROM posts")
}

/// Two posts are replaced together, again and again: a copy of one moment has the same title for both.
#[tokio::test]
async fn a_backup_is_whole_and_of_one_moment_while_others_write() {
    const BACKUPS: usize = 5;
    let api = Api::on(Engine::Sqlite).unwrap();
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
    let place = Sandbox::new([("DATABASE_URL", api.server.database.url.as_str())]);
    let backups = async {
        for number in 0..BACKUPS {
            let (before, name) = (writes.get(), format!("{number}.db"));
            let mut running = place.start(&name, &["backup", &name]);
            assert!(running.wait_for_exit().await.success(), "{}", running.stderr());
            let copy = TestDatabase::at(&place.path(&name));
            let title = |slug| {
                copy.query_number(&format!("SELECT CAST(title AS INTEGER) AS number FROM posts WHERE slug = '{slug}'"))
            };
            assert_eq!(title("first"), title("second"));
            assert!(title("first") >= before.into(), "what was acknowledged before is in it");
            let damage = "SELECT count(*) AS number FROM pragma_integrity_check WHERE integrity_check <> 'ok'";
            assert_eq!(copy.query_number(damage), 0);
        }
        is_over.set(true);
    };
    tokio::join!(writing, backups);
    assert!(writes.get() > 1, "nobody wrote meanwhile");
}

/// The commands of a restore drill in `docs/guides/backup-restore.md`.
fn drill(name: &str) -> Vec<String> {
    let document = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guides/backup-restore.md"));
    let block =
        document.split(&format!("<!-- drill: {name} -->\n```sh\n")).nth(1).unwrap().split("```").next().unwrap();
    block
        .lines()
        .map(|line| line.split("  #").next().unwrap().trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

fn line_of(lines: &[String], beginning: &str) -> usize {
    lines.iter().position(|line| line.starts_with(beginning)).unwrap()
}

/// A running service, and what it has acknowledged, in order.
#[derive(Clone)]
struct Site {
    client: Client,
    base: String,
    acknowledged: Arc<Mutex<Vec<Value>>>,
}

impl Site {
    fn new(base: String) -> Self {
        Self { client: Client::builder().no_proxy().build().unwrap(), base, acknowledged: Arc::default() }
    }

    async fn write(&self, title: &str) -> Value {
        let post = json!({"title": title, "content": "x".repeat(10_000), "published": true});
        let request = self.client.post(format!("{}/api/posts", self.base)).bearer_auth(KEY).json(&post);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let post: Value = answer.json().await.unwrap();
        self.acknowledged.lock().unwrap().push(post.clone());
        post
    }

    fn acknowledged(&self) -> Vec<Value> {
        self.acknowledged.lock().unwrap().clone()
    }

    async fn get(&self, path: &str, key: &str) -> (u16, Value) {
        let answer = self.client.get(format!("{}{path}", self.base)).bearer_auth(key).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

/// How a database is lost.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Overwritten,
    Deleted,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drill_brings_back_what_was_acknowledged_before_the_backup() {
    for loss in [Loss::Overwritten, Loss::Deleted] {
        restore_after(loss).await;
    }
}

async fn restore_after(loss: Loss) {
    let place = Sandbox::new([("PORT", "0"), ("ADMIN_API_KEY", KEY), ("RATE_LIMIT", "off")]);
    let mut server = place.start("before", &[]);
    let site = Site::new(server.base_url().await);
    for number in 0..50 {
        site.write(&format!("Early {number}")).await;
    }
    let deleted = format!("{}/api/posts/50", site.base);
    assert_eq!(site.client.delete(deleted).bearer_auth(KEY).send().await.unwrap().status(), 204);
    site.acknowledged.lock().unwrap().pop();
    let key = place.run(&["keys", "create", "--role", "reader", "--name", "reader"]).success().trim().to_owned();

    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let (site, is_over) = (site.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                for number in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    site.write(&format!("Meanwhile {writer} {number}")).await;
                }
            })
        })
        .collect();
    wait_for("both to write", async || (site.acknowledged().len() > 100).then_some(())).await;
    let before = site.acknowledged();
    let lines = drill("sqlite");
    let (stop, start) = (line_of(&lines, "systemctl stop"), line_of(&lines, "systemctl start"));
    for line in &lines[..stop] {
        place.shell(line).success();
    }
    let written = site.acknowledged().len();
    wait_for("to be written after it", async || (site.acknowledged().len() > written).then_some(())).await;
    is_over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let all = site.acknowledged();
    // A crash, so that the log of the lost database is left.
    server.kill();
    assert!(place.files().contains(&"posts.db-wal".to_owned()));
    match loss {
        Loss::Overwritten => std::fs::write(place.path("posts.db"), "broken".repeat(10_000)).unwrap(),
        Loss::Deleted => std::fs::remove_file(place.path("posts.db")).unwrap(),
    }
    for line in &lines[stop + 1..start] {
        place.shell(line).success();
    }

    let mut server = place.start("after", &[]);
    let site = Site::new(server.base_url().await);
    for post in &before {
        let path = format!("/api/posts/{}", post["id"]);
        assert_eq!(site.get(&path, &key).await, (200, post.clone()), "{loss:?}");
    }
    let (_, list) = site.get("/api/posts?sort=id&count=exact&limit=1", &key).await;
    let restored = list["total"].as_u64().unwrap();
    assert!(before.len() as u64 <= restored && restored < all.len() as u64, "{loss:?}: {restored} of {}", all.len());
    assert_eq!(site.get("/api/posts/50", &key).await.0, 404);
    let (_, found) = site.get("/api/posts?q=early&count=exact&limit=1", &key).await;
    assert_eq!(found["total"], 49);
    // No id is given twice that was given before the backup, not even that of a post that was deleted.
    let highest = before.iter().map(|post| post["id"].as_u64().unwrap()).max().unwrap();
    assert!(site.write("Afterwards").await["id"].as_u64().unwrap() > highest);
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
    let line = place.run(&["backup", "copy.db"]).error_line();
    assert!(line.contains("copy.db already exists") && line.contains("--overwrite"), "{line}");
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
        ("posts.db", "being backed up"),
        ("./posts.db", "being backed up"),
        ("directory/../posts.db", "being backed up"),
        ("link.db", "being backed up"),
        ("posts.db-wal", "being backed up"),
        ("posts.db-shm", "being backed up"),
        ("directory", "directory"),
        ("nowhere/copy.db", "nowhere"),
        ("..", "directory"),
    ] {
        let line = place.run(&["backup", "--overwrite", target]).error_line();
        assert!(line.contains(says), "{target}: {line}");
    }
    assert_eq!(count(&place.path("posts.db")), 3);
}

#[test]
fn a_database_that_is_not_there_is_told_and_not_made() {
    let place = Sandbox::new([("DATABASE_URL", "sqlite://posts.db")]);
    let line = place.run(&["backup", "copy.db"]).error_line();
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
    let line = place.run(&["backup", "copy.db"]).error_line();
    assert!(line.contains("malformed") || line.contains("damaged"), "{line}");
    assert_eq!(place.files(), before);
}

/// SQLite copies it without a word; it is noticed where the copy is read back.
#[test]
fn a_copy_that_does_not_keep_its_own_rules_is_no_backup() {
    let (place, database) = place_with(3);
    let mut conn = database.connect();
    execute(&mut conn, "PRAGMA ignore_check_constraints = ON");
    execute(&mut conn, "UPDATE posts SET published = 2 WHERE id = 2");
    drop(conn);
    let before = place.files();
    let line = place.run(&["backup", "copy.db"]).error_line();
    assert!(line.contains("the copy is damaged"), "{line}");
    assert_eq!(place.files(), before);
}

#[test]
fn where_there_is_no_room_nothing_is_left_of_a_backup() {
    let Some(disk) = SmallDisk::mount(1) else { return };
    let (place, _database) = place_with(5000);
    let directory = disk.database().parent().unwrap().to_owned();
    let line = place.run(&["backup", directory.join("copy.db").to_str().unwrap()]).error_line();
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
        wait_for("the backup to begin", async || place.files().iter().any(is_partial).then_some(())).await;
        backup.signal(signal);
        assert_eq!(backup.wait_for_exit().await.code(), Some(130), "{}", backup.stderr());
        assert!(!place.files().iter().any(|name| name.starts_with("copy.db")), "{:?}", place.files());
    }
}

/// The `pg_dump` that it prints makes a copy, and the drill brings that back.
#[test]
fn on_postgresql_the_drill_brings_back_what_the_command_that_it_prints_has_saved() {
    let databases = [(); 2].map(|()| TestDatabase::create(Engine::Postgres));
    let [Some(database), Some(other)] = databases else { return };
    database.migrate();
    database.import(&[json!({"title": "Kept", "content": "Café"}), json!({"title": "Gone"})]);
    database.execute("DELETE FROM posts WHERE id = 2");
    let place = |url: &str, schema: &str| {
        let mut url = Url::parse(url).unwrap();
        url.set_query((!schema.is_empty()).then(|| format!("schema={schema}")).as_deref());
        Sandbox::new([("DATABASE_URL", url.as_str()), ("PGPASSWORD", url.password().unwrap_or_default())])
    };
    let printed = |place: &Sandbox, file: &str| {
        let line = place.run(&["backup", file]).error_line();
        line[line.find("pg_dump ").expect("it names pg_dump")..].to_owned()
    };
    let before = place(&database.url, "").run(&["export", "--keys"]).success();
    let (from, to) = (place(&database.url, ""), place(&other.url, ""));
    let command = printed(&from, "it's.dump");
    assert!(!command.contains("connect_timeout"), "{command}");
    from.shell(&command).success();
    std::fs::copy(from.path("it's.dump"), to.path("posts.dump")).unwrap();
    let restore = drill("postgresql");
    let (first, last) = (1 + line_of(&restore, "systemctl stop"), line_of(&restore, "systemctl start"));
    // Into an empty database, and over one in which much has happened since.
    for _ in 0..2 {
        for line in &restore[first..last] {
            to.shell(line).success();
        }
        assert_eq!(to.run(&["export", "--keys"]).success(), before);
        other.import(&[json!({"title": "Since"})]);
        other.execute("DELETE FROM posts WHERE title = 'Kept'");
    }
    // The schema that Prisma's URLs name is the only one that is saved.
    let own = place(&database.url, "a%20schema");
    own.run(&["migrate"]).success();
    own.shell(&printed(&own, "own.dump")).success();
    let contents = own.shell("pg_restore --list own.dump").success();
    assert!(contents.contains(" a schema posts ") && !contents.contains(" public posts "), "{contents}");
}
