//! Fixtures, clients, and fault injectors that the tests share.

pub(crate) mod api;
pub(crate) mod authority;
pub(crate) mod balancer;
pub(crate) mod call;
pub(crate) mod cluster;
pub(crate) mod contract;
pub(crate) mod database;
mod fixture;
pub(crate) mod hook_receiver;
pub(crate) mod journal;
mod messages;
#[cfg(target_os = "linux")]
pub(crate) mod patroni;
pub(crate) mod pooler;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod receiver;
pub(crate) mod stalling_proxy;
pub(crate) mod statements;
mod wait;

use std::io::Write;
use std::time::Duration;

pub(crate) use api::Api;
pub(crate) use call::{Call, Reply, when_ready};
pub(crate) use database::{Engine, TestDatabase, commits, queued_writes};
pub(crate) use fixture::{Fixture, run_on};
pub(crate) use posts_api_test_macros::on_both;
pub(crate) use wait::{WAIT_LIMIT, wait_for, wait_until};

/// Prints that a feature is not tested on this machine.
pub(crate) fn report_skipped(what: &str) {
    // `writeln!` bypasses the harness's output capture, so the line is visible without --nocapture.
    let _ = writeln!(std::io::stderr(), "\n*** NOT TESTED: {what}.\n");
}

/// The builder of a client for the service.
///
/// The service closes a connection that has been idle for 5 seconds. If a test is busy for that long, the client does
/// not learn of it before it sends the next request, which then fails. So the client soon stops to reuse an idle
/// connection.
pub(crate) fn http_client() -> reqwest::ClientBuilder {
    // The environment may name a proxy, which cannot reach this machine's loopback interface.
    reqwest::Client::builder().no_proxy().pool_idle_timeout(Duration::from_secs(1))
}

/// The number of rounds of a long test: `FAULT_ROUNDS`, or 2 to keep the whole suite fast.
pub(crate) fn fault_rounds() -> u32 {
    postgres::env_var("FAULT_ROUNDS").map_or(2, |rounds| rounds.parse().expect("FAULT_ROUNDS is a number"))
}

/// Prints measurements of a long test, if `FAULT_ROUNDS` is set.
pub(crate) fn report_figures(figures: &str) {
    if postgres::env_var("FAULT_ROUNDS").is_some() {
        // `writeln!` bypasses the harness's output capture.
        let _ = writeln!(std::io::stderr(), "figures: {figures}");
    }
}

/// A post without the fields that are null or empty, so that a test which lists the other fields needs no change when
/// posts get a new optional field.
pub(crate) fn without_defaults(mut post: serde_json::Value) -> serde_json::Value {
    post.as_object_mut().unwrap().retain(|_, value| {
        !value.is_null()
            && value.as_array().is_none_or(|items| !items.is_empty())
            && value.as_object().is_none_or(|object| !object.is_empty())
    });
    post
}

/// The ids of the posts on a page, in order.
pub(crate) fn ids(page: &serde_json::Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|post| post["id"].as_i64().unwrap()).collect()
}
