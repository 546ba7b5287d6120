//! `backup` of a SQLite database.

use std::cell::Cell;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::faults::full_disk::SmallDisk;
use crate::support::database::execute;
use crate::support::program::Sandbox;
use crate::support::{Api, Engine, Fixture, TestDatabase, wait_until};

/// A sandbox whose `posts.db` has this many posts.
fn sandbox_with(posts: usize) -> (Sandbox, TestDatabase) {
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db")]);
    let database = TestDatabase::at(&sandbox.path("posts.db"));
    database.migrate();
    database.import(&(1..=posts).map(|id| json!({"id": id, "title": format!("Post {id}")})).collect::<Vec<_>>());
    (sandbox, database)
}

fn count(path: &Path) -> i64 {
    TestDatabase::at(path).query_number("SELECT count(*) AS number FROM posts")
}

/// Replaces two posts in one transaction, again and again. Both have the same title in a consistent snapshot.
#[tokio::test]
async fn backup_is_a_consistent_snapshot_during_writes() {
    const BACKUPS: usize = 5;
    let api = Api::on(Engine::Sqlite).unwrap();
    let (writes, is_done) = (Cell::new(0), Cell::new(false));
    let write = async |number: u32| {
        let post = |slug| json!({"slug": slug, "title": format!("{number:09}"), "content": "x".repeat(50_000)});
        let batch = json!({"on_conflict": "replace", "posts": [post("first"), post("second")]});
        api.editor().post("/api/posts/batch", &batch).await.expect(200);
        writes.set(number);
    };
    write(1).await;
    let writing = async {
        while !is_done.get() {
            write(writes.get() + 1).await;
        }
    };
    let sandbox = Sandbox::new([("DATABASE_URL", api.server.database.url.as_str())]);
    let backups = async {
        for number in 0..BACKUPS {
            let (before, name) = (writes.get(), format!("{number}.db"));
            let mut running = sandbox.start(&name, &["backup", &name]);
            assert!(running.wait_for_exit().await.success(), "{}", running.stderr());
            let copy = TestDatabase::at(&sandbox.path(&name));
            let title = |slug| {
                copy.query_number(&format!("SELECT CAST(title AS INTEGER) AS number FROM posts WHERE slug = '{slug}'"))
            };
            assert_eq!(title("first"), title("second"));
            assert!(title("first") >= before.into(), "an acknowledged write is missing");
            let damage = "SELECT count(*) AS number FROM pragma_integrity_check WHERE integrity_check <> 'ok'";
            assert_eq!(copy.query_number(damage), 0);
        }
        is_done.set(true);
    };
    tokio::join!(writing, backups);
    assert!(writes.get() > 1, "no write happened during the backups");
}

#[test]
fn backup_is_private_and_the_only_new_file() {
    let (sandbox, _database) = sandbox_with(10);
    let before = sandbox.files();
    let output = sandbox.run(&["backup", "copy.db"]).success();
    let file = std::fs::metadata(sandbox.path("copy.db")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    let size = format!("copy.db: {} bytes", file.len());
    assert!(output.starts_with("backed up to /") && output.contains(&size), "{output}");
    let mut after = sandbox.files();
    after.retain(|name| name != "copy.db");
    assert_eq!(after, before);
    assert_eq!(count(&sandbox.path("copy.db")), 10);
}

#[test]
fn existing_file_is_replaced_only_with_the_flag() {
    let (sandbox, database) = sandbox_with(3);
    sandbox.write("copy.db", "precious");
    let line = sandbox.run(&["backup", "copy.db"]).error_line();
    assert!(line.contains("copy.db already exists") && line.contains("--overwrite"), "{line}");
    assert_eq!(std::fs::read(sandbox.path("copy.db")).unwrap(), b"precious");
    sandbox.run(&["backup", "--overwrite", "copy.db"]).success();
    assert_eq!(count(&sandbox.path("copy.db")), 3);
    execute(&mut database.connect(), "DELETE FROM posts WHERE id = 1");
    sandbox.run(&["backup", "--overwrite", "copy.db"]).success();
    assert_eq!(count(&sandbox.path("copy.db")), 2);
}

#[test]
fn database_is_refused_as_its_own_backup_file() {
    let (sandbox, database) = sandbox_with(3);
    // An open connection, so that the WAL exists.
    let _conn = database.connect();
    std::os::unix::fs::symlink("posts.db", sandbox.path("link.db")).unwrap();
    std::fs::create_dir(sandbox.path("directory")).unwrap();
    for (target, expected) in [
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
        let line = sandbox.run(&["backup", "--overwrite", target]).error_line();
        assert!(line.contains(expected), "{target}: {line}");
    }
    assert_eq!(count(&sandbox.path("posts.db")), 3);
}

#[test]
fn missing_database_is_reported_and_not_created() {
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db")]);
    let line = sandbox.run(&["backup", "copy.db"]).error_line();
    assert!(line.contains("there is no database at posts.db"), "{line}");
    assert_eq!(sandbox.files(), Vec::<String>::new());
}

#[test]
fn damaged_database_is_not_backed_up() {
    let (sandbox, database) = sandbox_with(2000);
    execute(&mut database.connect(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = std::fs::read(sandbox.path("posts.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 100_000].fill(0xee);
    std::fs::write(sandbox.path("posts.db"), bytes).unwrap();
    let before = sandbox.files();
    let line = sandbox.run(&["backup", "copy.db"]).error_line();
    assert!(line.contains("malformed") || line.contains("damaged"), "{line}");
    assert_eq!(sandbox.files(), before);
}

/// SQLite's backup API copies such rows without an error. The command finds them when it checks the copy.
#[test]
fn copy_that_violates_constraints_is_refused() {
    let (sandbox, database) = sandbox_with(3);
    let mut conn = database.connect();
    execute(&mut conn, "PRAGMA ignore_check_constraints = ON");
    execute(&mut conn, "UPDATE posts SET published = 2 WHERE id = 2");
    drop(conn);
    let before = sandbox.files();
    let line = sandbox.run(&["backup", "copy.db"]).error_line();
    assert!(line.contains("the copy is damaged"), "{line}");
    assert_eq!(sandbox.files(), before);
}

#[test]
fn full_disk_leaves_no_partial_backup() {
    let Some(disk) = SmallDisk::mount(1) else { return };
    let (sandbox, _database) = sandbox_with(5000);
    let directory = disk.database().parent().unwrap().to_owned();
    let line = sandbox.run(&["backup", directory.join("copy.db").to_str().unwrap()]).error_line();
    assert!(line.contains("full"), "{line}");
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
}

#[tokio::test]
async fn interrupted_backup_leaves_no_file() {
    let (sandbox, database) = sandbox_with(1);
    for signal in ["TERM", "INT"] {
        // The lock blocks the backup after it has created its file.
        let mut lock = database.connect();
        execute(&mut lock, "PRAGMA locking_mode = EXCLUSIVE");
        execute(&mut lock, "UPDATE posts SET title = title");
        let mut backup = sandbox.start(signal, &["backup", "copy.db"]);
        let is_partial = |name: &String| name.starts_with("copy.db.") && name.ends_with(".partial");
        wait_until("the backup to begin", async || sandbox.files().iter().any(is_partial)).await;
        backup.signal(signal);
        assert_eq!(backup.wait_for_exit().await.code(), Some(130), "{}", backup.stderr());
        assert!(!sandbox.files().iter().any(|name| name.starts_with("copy.db")), "{:?}", sandbox.files());
    }
}
