//! SQLite's write-ahead log stays short, whoever reads meanwhile.

use std::cell::Cell;
use std::io::Write;
use std::time::Duration;

use diesel::{RunQueryDsl, sql_query};
use futures_util::future::join_all;
use posts_api::db::{Backend, Connection};
use posts_api::posts::transfer::{self, Contents};
use serde_json::{Value, json};

use crate::support::database::execute;
use crate::support::{Api, Given, Kind, TestDatabase, until};

const MIB: u64 = 1024 * 1024;
const CONTENT: usize = 400 * 1000;

fn wal(database: &TestDatabase) -> u64 {
    let path = format!("{}-wal", database.url.strip_prefix("sqlite://").unwrap());
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// Replaces a post by one of 400 kB.
async fn write(api: &Api, number: usize) {
    let post = json!({"title": format!("Number {number}"), "content": "x".repeat(CONTENT), "published": true});
    let reply = api.editor().put("/api/posts/by-slug/long", &post).await;
    assert!([200, 201].contains(&reply.status), "{}", reply.text());
}

/// Reads posts for a while: in that time its view of them keeps the log from beginning anew.
fn read_for_long(conn: &mut Connection, time: Duration) -> diesel::QueryResult<()> {
    conn.snapshot(|conn| {
        execute(conn, "SELECT count(*) FROM posts");
        std::thread::park_timeout(time);
        Ok(())
    })
}

#[tokio::test]
async fn the_log_stays_short_while_long_reads_overlap() {
    const WRITES: usize = 120;
    const BOUND: u64 = 36 * MIB;
    assert!((WRITES * CONTENT) as u64 > BOUND, "so much is written that a log that never begins anew is longer");
    let api = Api::on(Kind::Sqlite).unwrap();
    let (is_over, reads, longest) = (Cell::new(false), Cell::new(0), Cell::new(0));
    // Each takes another time, or they would end together and leave a gap.
    let readers = join_all([230, 290, 370, 430].map(Duration::from_millis).map(async |time| {
        while !is_over.get() {
            api.server.connections.read(move |conn| read_for_long(conn, time)).await.unwrap();
            reads.set(reads.get() + 1);
        }
    }));
    let writer = async {
        for number in 0..WRITES {
            write(&api, number).await;
            longest.set(longest.get().max(wal(&api.server.database)));
        }
        is_over.set(true);
    };
    tokio::join!(readers, writer);
    assert!(longest.get() < BOUND, "{} MiB", longest.get() / MIB);
    assert!(reads.get() > 8, "only {} reads", reads.get());
}

#[tokio::test]
async fn what_another_program_reads_for_long_stops_nobody_and_the_log_is_emptied_when_it_ends() {
    let api = Api::on(Kind::Sqlite).unwrap();
    write(&api, 0).await;
    let mut other = api.server.database.connect();
    execute(&mut other, "BEGIN");
    execute(&mut other, "SELECT count(*) FROM posts");
    for number in 1.. {
        write(&api, number).await;
        api.reader().get("/api/posts?q=number&count=exact&view=summary").await.expect(200);
        if wal(&api.server.database) > 20 * MIB {
            break;
        }
    }
    execute(&mut other, "COMMIT");
    // Nobody need write for it.
    until("the log is empty", async || wal(&api.server.database) == 0).await;
    write(&api, 0).await;
}

/// Takes an export's first bytes when `meanwhile` is done.
struct Slow<F: FnMut()> {
    meanwhile: Option<F>,
    written: Vec<u8>,
}

impl<F: FnMut()> Write for Slow<F> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(mut meanwhile) = self.meanwhile.take() {
            meanwhile();
        }
        self.written.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_export_is_of_one_moment_and_does_not_hold_the_log_while_it_is_written() {
    let database = TestDatabase::create(Kind::Sqlite).unwrap();
    database.migrate();
    database.import(&(1..=1200).map(|id| json!({"id": id, "title": "Before"})).collect::<Vec<_>>());
    let (mut conn, mut other) = (database.connect(), database.connect());
    let meanwhile = || {
        execute(&mut other, "UPDATE posts SET title = 'After'");
        execute(&mut other, "DELETE FROM posts WHERE id > 1000");
        assert!(is_emptied(&mut other), "the export still reads from it");
    };
    let mut out = Slow { meanwhile: Some(meanwhile), written: Vec::new() };
    assert_eq!(transfer::export(&mut conn, &mut out, Contents::Posts, |_| {}).unwrap(), 1200);
    let lines: Vec<Value> =
        out.written.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(lines.len(), 1200);
    assert!(lines.iter().all(|post| post["title"] == "Before"));
}

fn is_emptied(conn: &mut Connection) -> bool {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        busy: i32,
    }
    let Backend::Sqlite(conn) = &mut conn.backend else { return true };
    sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result::<Row>(conn).unwrap().busy == 0
}
