//! SQLite's write-ahead log (WAL) stays short, even during long reads.

use std::io::Write;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use diesel::{RunQueryDsl, sql_query};
use posts_api::db::{Backend, Connection, Database, Error};
use posts_api::transfer;
use posts_api::transfer::Contents;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::database::execute;
use crate::support::{Api, Engine, Fixture, TestDatabase, wait_until};

const MIB: u64 = 1024 * 1024;
const CONTENT: usize = 400 * 1000;

/// The size of the WAL in bytes.
fn wal_size(database: &TestDatabase) -> u64 {
    let path = format!("{}-wal", database.url.strip_prefix("sqlite://").unwrap());
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// Replaces a post with one of 400 kB. SQLite does not write unchanged pages, so the content alternates.
async fn write(api: &Api, number: usize) {
    let content = ["a", "b"][number % 2].repeat(CONTENT);
    let post = json!({"title": format!("Number {number}"), "content": content, "published": true});
    let reply = api.editor().put("/api/posts/by-slug/long", &post).await;
    assert!([200, 201].contains(&reply.status), "{}", reply.text());
}

/// A read transaction. While it is open, SQLite cannot reset the WAL.
struct LongRead {
    read: JoinHandle<Result<(), Error>>,
    next: Sender<()>,
}

impl LongRead {
    /// How long a read that [`LongRead::hand_over`] ends stays open if the next one has to wait for it.
    const OVERLAP_LIMIT: Duration = Duration::from_secs(2);

    /// Returns when the transaction has its snapshot.
    async fn begin(connections: &Database) -> Self {
        let (connections, (began, has_begun), (next, is_next)) =
            (connections.clone(), oneshot::channel(), mpsc::channel());
        let body = move |conn: &mut Connection| {
            conn.snapshot(|conn| {
                execute(conn, "SELECT count(*) FROM posts");
                began.send(()).unwrap();
                is_next.recv_timeout(Duration::from_secs(20)).unwrap();
                let _ = is_next.recv_timeout(Self::OVERLAP_LIMIT);
                Ok(())
            })
        };
        let read = tokio::spawn(async move { connections.read(body).await });
        has_begun.await.unwrap();
        Self { read, next }
    }

    /// Begins the next read and ends this one, which ends earlier if the service lets the next one wait. Returns the
    /// next read, and whether the two overlapped.
    async fn hand_over(self, connections: &Database) -> (Self, bool) {
        self.next.send(()).unwrap();
        let next = Self::begin(connections).await;
        let overlapped = !self.read.is_finished();
        self.end().await;
        (next, overlapped)
    }

    async fn end(self) {
        let _ = self.next.send(());
        drop(self.next);
        self.read.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn wal_stays_short_while_long_reads_overlap() {
    const ROUNDS: usize = 30;
    const WRITES: usize = 5;
    const BOUND: u64 = 28 * MIB;
    assert!((ROUNDS * WRITES * CONTENT) as u64 > 2 * BOUND, "without a reset, the WAL would be twice as long");
    let api = Api::on(Engine::Sqlite).unwrap();
    let connections = &api.server.connections;
    write(&api, 0).await;
    let mut read = LongRead::begin(connections).await;
    let (mut longest, mut overlaps, mut round) = (0, 0, 0);
    // Between reads that do not overlap, SQLite would reset the WAL without the service. On a busy machine fewer reads
    // overlap, and the test takes more rounds.
    while round < ROUNDS || overlaps <= ROUNDS / 2 {
        assert!(round < 10 * ROUNDS, "only {overlaps} of {round} reads began before the read before them ended");
        for number in 1..WRITES {
            write(&api, round * WRITES + number).await;
            longest = longest.max(wal_size(&api.server.database));
        }
        // Writes continue while the next read waits.
        let ((next, overlapped), ()) = tokio::join!(read.hand_over(connections), write(&api, (round + 1) * WRITES));
        longest = longest.max(wal_size(&api.server.database));
        overlaps += usize::from(overlapped);
        round += 1;
        read = next;
    }
    read.end().await;
    assert!(longest < BOUND, "{} MiB", longest / MIB);
}

#[tokio::test]
async fn wal_is_truncated_after_an_external_long_read() {
    let api = Api::on(Engine::Sqlite).unwrap();
    write(&api, 0).await;
    let mut reader = api.server.database.connect();
    execute(&mut reader, "BEGIN");
    execute(&mut reader, "SELECT count(*) FROM posts");
    for number in 1.. {
        write(&api, number).await;
        api.reader().get("/api/posts?q=number&count=exact&view=summary").await.expect(200);
        if wal_size(&api.server.database) > 20 * MIB {
            break;
        }
    }
    execute(&mut reader, "COMMIT");
    // No write is needed for that.
    wait_until("the WAL to be empty", async || wal_size(&api.server.database) == 0).await;
    write(&api, 0).await;
}

/// A writer that runs `before_write` once, before it accepts the first bytes.
struct BlockingWriter<F: FnMut()> {
    before_write: Option<F>,
    written: Vec<u8>,
}

impl<F: FnMut()> Write for BlockingWriter<F> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(mut before_write) = self.before_write.take() {
            before_write();
        }
        self.written.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn export_is_a_snapshot_and_does_not_pin_the_wal() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    database.import(&(1..=1200).map(|id| json!({"id": id, "title": "Before"})).collect::<Vec<_>>());
    let (mut conn, mut other) = (database.connect(), database.connect());
    let before_write = || {
        execute(&mut other, "UPDATE posts SET title = 'After'");
        execute(&mut other, "DELETE FROM posts WHERE id > 1000");
        assert!(truncate_wal(&mut other), "the export still reads from the WAL");
    };
    let mut out = BlockingWriter { before_write: Some(before_write), written: Vec::new() };
    assert_eq!(transfer::export(&mut conn, &mut out, Contents::Posts, |_| {}).unwrap(), 1200);
    let lines: Vec<Value> =
        out.written.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(lines.len(), 1200);
    assert!(lines.iter().all(|post| post["title"] == "Before"));
}

/// Whether a checkpoint truncates the WAL, which an open read transaction prevents.
fn truncate_wal(conn: &mut Connection) -> bool {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        busy: i32,
    }
    let Backend::Sqlite(conn) = &mut conn.backend else { return true };
    sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result::<Row>(conn).unwrap().busy == 0
}
