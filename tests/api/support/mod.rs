//! What the tests stand on.

pub(crate) mod api;
pub(crate) mod balancer;
pub(crate) mod call;
pub(crate) mod cluster;
mod contract;
pub(crate) mod database;
pub(crate) mod journal;
mod messages;
pub(crate) mod pooler;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod receiver;
pub(crate) mod statements;

use std::io::Write;

pub(crate) use api::{Api, Given};
pub(crate) use call::{Call, Reply};
pub(crate) use database::{Kind, TestDatabase};

/// Says loudly that something is not tested here.
pub(crate) fn tell_skipped(what: &str) {
    // Past the capture of the test's output, so that it is seen without --nocapture, too.
    let _ = writeln!(std::io::stderr(), "\n*** NOT TESTED: {what}.\n");
}

/// How often a long test repeats what it does: `FAULT_ROUNDS`, or few times, so that all tests together stay quick.
pub(crate) fn fault_rounds() -> u32 {
    postgres::variable("FAULT_ROUNDS").map_or(2, |rounds| rounds.parse().expect("FAULT_ROUNDS is a number"))
}

/// Tells what was measured where somebody asked for many rounds.
pub(crate) fn tell_figures(figures: &str) {
    if postgres::variable("FAULT_ROUNDS").is_some() {
        // Past the capture of the test's output.
        let _ = writeln!(std::io::stderr(), "figures: {figures}");
    }
}

/// The ids on a page of a list.
pub(crate) fn ids(page: &serde_json::Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|post| post["id"].as_i64().unwrap()).collect()
}

/// Asks until the answer is yes; a test does not wait longer than half a minute.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "waited in vain: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Makes of each function two tests, `name::sqlite` and `name::postgres`. Its argument is what it is given: an
/// [`Api`] is a running server, a [`TestDatabase`] an empty database.
macro_rules! on_both {
    ($($(#[$attribute:meta])* async fn $name:ident($given:ident: $kind:ty) $body:block)+) => {$(
        mod $name {
            use super::*;

            $(#[$attribute])*
            async fn scenario($given: $kind) $body

            #[tokio::test]
            async fn sqlite() {
                scenario(<$kind as $crate::support::Given>::on($crate::support::Kind::Sqlite).unwrap()).await;
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(given) = <$kind as $crate::support::Given>::on($crate::support::Kind::Postgres) {
                    scenario(given).await;
                }
            }
        }
    )+};
}
pub(crate) use on_both;
