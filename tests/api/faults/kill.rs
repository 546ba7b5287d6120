//! kill -9: every acknowledged write is stored exactly once.

use std::time::Duration;

use futures_util::future::join_all;

use crate::support::api::ADMIN_KEY;
use crate::support::journal::Journal;
use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase, fault_rounds, on_both, report_figures, wait_until};

const WRITERS: usize = 8;

fn random(below: u64) -> u64 {
    getrandom::u64().unwrap() % below
}

/// A row of `PRAGMA integrity_check`.
#[derive(diesel::QueryableByName)]
struct IntegrityRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    integrity_check: String,
}

fn check_integrity(database: &TestDatabase) {
    if database.engine == Engine::Sqlite {
        let rows = database.rows::<IntegrityRow>("PRAGMA integrity_check");
        assert_eq!(rows.iter().map(|row| &row.integrity_check).collect::<Vec<_>>(), ["ok"]);
        // Fails if the search index does not match the posts.
        database.execute("INSERT INTO posts_search(posts_search, rank) VALUES ('integrity-check', 1)");
    }
}

#[on_both]
async fn acknowledged_writes_survive_kill_9(database: TestDatabase) {
    let sandbox = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("RATE_LIMIT", "off"),
    ]);
    let journal = Journal::new();
    let rounds = fault_rounds();
    for round in 0..rounds {
        let mut server = sandbox.start(&format!("round-{round}"), &[]);
        let base = server.base_url().await;
        journal.resend_unconfirmed(&base).await;
        let write = async || while journal.write(&base).await {};
        let kill = async {
            let minimum = journal.acknowledged() + random(100);
            wait_until("writes to be acknowledged", async || journal.acknowledged() > minimum).await;
            // Responses arrive together, right after a commit. A random delay kills the server at other moments too.
            tokio::time::sleep(Duration::from_micros(random(20_000))).await;
            server.kill();
        };
        tokio::join!(join_all((0..WRITERS).map(|_| write())), kill);
    }
    let mut server = sandbox.start("last", &[]);
    journal.resend_unconfirmed(&server.base_url().await).await;
    server.kill();
    database.wait_for_other_sessions_to_end().await;
    journal.check(&database);
    check_integrity(&database);
    report_figures(&format!("{rounds} kills on {:?}: {}", database.engine, journal.figures()));
}
