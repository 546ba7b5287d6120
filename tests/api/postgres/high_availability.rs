//! Failovers of a PostgreSQL cluster with synchronous replication, under load: the service loses no acknowledged write
//! and continues without a restart.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::support::api::ADMIN_KEY;
use crate::support::journal::Journal;
use crate::support::patroni::{Failure, Patroni};
use crate::support::program::Sandbox;
use crate::support::{TestDatabase, WAIT_LIMIT, fault_rounds, http_client, report_figures, wait_until};

const WRITERS: usize = 4;
const FAILURES: [Failure; 4] = [Failure::Switchover, Failure::Crash, Failure::Pause, Failure::Kill];

/// The state that the test observes from outside the service.
struct Observer {
    base: String,
    client: reqwest::Client,
    is_done: AtomicBool,
    /// Readiness checks that did not return 200.
    not_ready: AtomicU64,
    journal: Journal,
}

impl Observer {
    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Relaxed)
    }

    async fn status(&self, path: &str) -> u16 {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap().status().as_u16()
    }

    async fn write(&self) {
        while !self.is_done() {
            if !self.journal.write(&self.base).await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    async fn watch_readiness(&self) {
        while !self.is_done() {
            match self.status("/health/ready").await {
                200 => {}
                503 => {
                    self.not_ready.fetch_add(1, Ordering::Relaxed);
                }
                status => panic!("readiness returned {status}"),
            }
            assert_eq!(self.status("/health/live").await, 200);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Makes the primary fail while writes run. Returns the time from the promotion of another node to the first
    /// acknowledged write.
    async fn fail_over(&self, cluster: &Patroni, failure: Failure) -> Duration {
        let wait_for_writes = async |count: u64| {
            wait_until("writes to be acknowledged", async || self.journal.acknowledged() > count).await;
        };
        wait_for_writes(self.journal.acknowledged() + 50).await;
        let not_ready = self.not_ready.load(Ordering::Relaxed);
        let primary = cluster.primary().await.expect("a primary");
        cluster.fail_over(primary, failure).await;
        let (promoted, acknowledged) = (Instant::now(), self.journal.acknowledged());
        wait_for_writes(acknowledged).await;
        let recovery = promoted.elapsed();
        assert!(self.not_ready.load(Ordering::Relaxed) > not_ready, "{failure:?}: readiness stayed 200");
        cluster.recover(primary, failure).await;
        wait_until("readiness", async || self.status("/health/ready").await == 200).await;
        recovery
    }
}

#[tokio::test]
async fn failovers_lose_no_acknowledged_write() {
    let Some(cluster) = Patroni::start().await else { return };
    let database = TestDatabase::at_server(&cluster.url);
    let sandbox = Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
    ]);
    let mut server = sandbox.start("server", &[]);
    let observer = Observer {
        base: server.base_url().await,
        client: http_client().timeout(Duration::from_mins(1)).build().unwrap(),
        is_done: AtomicBool::new(false),
        not_ready: AtomicU64::new(0),
        journal: Journal::new(),
    };
    let fail = async {
        let mut recoveries = Vec::new();
        for failure in FAILURES.iter().cycle().take(usize::try_from(fault_rounds()).unwrap()) {
            recoveries.push((*failure, observer.fail_over(&cluster, *failure).await));
        }
        observer.is_done.store(true, Ordering::Relaxed);
        recoveries
    };
    let (_, (), recoveries) =
        tokio::join!(join_all((0..WRITERS).map(|_| observer.write())), observer.watch_readiness(), fail);
    // The same process still listens at the same address.
    observer.journal.resend_unconfirmed(&observer.base).await;
    observer.journal.check(&database);
    let metrics = format!("{}/metrics", server.admin_base_url().await);
    let metrics = observer.client.get(metrics).send().await.unwrap().text().await.unwrap();
    let lost = metrics.lines().find(|line| line.starts_with("posts_api_db_errors_total{kind=\"unreachable\"}"));
    let lost: u64 = lost.expect(&metrics).rsplit(' ').next().unwrap().parse().unwrap();
    assert!(lost > 0, "{metrics}");
    // Measured on an idle machine: at most 3 seconds. Most of it is the time in which a standby connects.
    let slowest = recoveries.iter().map(|(_, time)| *time).max().unwrap_or_default();
    assert!(slowest < WAIT_LIMIT / 2, "{recoveries:?}");
    let figures = observer.journal.figures();
    report_figures(&format!("failovers, first write after the promotion: {recoveries:?}; {figures}"));
    server.kill();
}
