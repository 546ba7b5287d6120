//! kill -9: what was acknowledged is stored, once.

use std::time::Duration;

use futures_util::future::join_all;

use crate::support::api::ADMIN_KEY;
use crate::support::journal::Journal;
use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase, fault_rounds, on_both, report_figures, wait_for};

const WRITERS: usize = 8;

fn random(below: u64) -> u64 {
    getrandom::u64().unwrap() % below
}

/// What SQLite's own check answers.
#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = diesel::sql_types::Text)]
    integrity_check: String,
}

fn check_integrity(database: &TestDatabase) {
    if database.engine == Engine::Sqlite {
        let found = database.rows::<Found>("PRAGMA integrity_check");
        assert_eq!(found.iter().map(|found| &found.integrity_check).collect::<Vec<_>>(), ["ok"]);
        // Fails where the index is not what the posts make it.
        database.execute("INSERT INTO posts_search(posts_search, rank) VALUES ('integrity-check', 1)");
    }
}

#[on_both]
async fn what_was_acknowledged_survives_kill_9_and_nothing_is_stored_twice(database: TestDatabase) {
    let place = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("RATE_LIMIT", "off"),
    ]);
    let journal = Journal::new();
    let rounds = fault_rounds();
    for round in 0..rounds {
        let mut server = place.start(&format!("round-{round}"), &[]);
        let base = server.base_url().await;
        journal.resend_unconfirmed(&base).await;
        let write = async || while journal.write(&base).await {};
        let kill = async {
            let enough = journal.acknowledged() + random(100);
            wait_for("some writes", async || (journal.acknowledged() > enough).then_some(())).await;
            // Not right after an answer each time: those come together, when a commit has ended.
            tokio::time::sleep(Duration::from_micros(random(20_000))).await;
            server.kill();
        };
        tokio::join!(join_all((0..WRITERS).map(|_| write())), kill);
    }
    let mut server = place.start("last", &[]);
    journal.resend_unconfirmed(&server.base_url().await).await;
    server.kill();
    // The ends of connections that the server has not noticed yet may still be carried out.
    if database.engine == Engine::Postgres {
        let others = "SELECT count(*) AS number FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        wait_for("the other connections to end", async || (database.query_number(others) == 0).then_some(())).await;
    }
    journal.check(&database);
    check_integrity(&database);
    report_figures(&format!("{rounds} kills on {:?}: {}", database.engine, journal.figures()));
}
