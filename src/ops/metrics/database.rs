//! The metrics of the database: availability, errors, pools, and SQLite's group commit.

use std::fmt;

use crate::db::{Database, EndpointStatus, PoolStats, WriterStats};
use crate::ops::metrics::writer::MetricWriter;

pub(super) fn status(out: &mut MetricWriter, database: &Database, endpoints: &[EndpointStatus]) -> fmt::Result {
    out.gauge(
        "db_up",
        "1 if the database responds.",
        endpoints.iter().map(|endpoint| ([("database", endpoint.name)], u64::from(endpoint.is_up))),
    )?;
    out.counter(
        "db_errors",
        "Failed database calls, by kind of error.",
        database.error_counts().into_iter().map(|(kind, count)| ([("kind", kind)], count)),
    )?;
    out.counter(
        "db_replica_reads",
        "Public reads that the replica served.",
        database.replica_reads().into_iter().map(|count| ([], count)),
    )
}

pub(super) fn pools(out: &mut MetricWriter, pools: &[PoolStats]) -> fmt::Result {
    let in_pools = |value: fn(&PoolStats) -> u64| pools.iter().map(move |pool| ([("pool", pool.name)], value(pool)));
    out.gauge("db_pool_size", "Limit on the connections of the pool.", in_pools(|pool| pool.size))?;
    out.gauge("db_pool_open", "Open connections.", in_pools(|pool| pool.open))?;
    out.gauge("db_pool_in_use", "Connections in use.", in_pools(|pool| pool.in_use))?;
    out.gauge("db_pool_waiting", "Calls waiting for a connection.", in_pools(|pool| pool.waiting))?;
    out.histogram(
        "db_pool_wait_seconds",
        "Time that successful calls waited for a connection.",
        pools.iter().map(|pool| ([("pool", pool.name)], &pool.wait_times)),
    )?;
    let refused = pools.iter().flat_map(|pool| {
        let labels = |reason| [("pool", pool.name), ("reason", reason)];
        [(labels("full"), pool.rejected_full), (labels("timeout"), pool.rejected_timeout)]
    });
    out.counter(
        "db_pool_refusals",
        "Calls that got no connection, by reason. full: too many calls were waiting; timeout: the wait took too long.",
        refused,
    )?;
    let refused = pools.iter().flat_map(|pool| {
        let labels = |reason| [("pool", pool.name), ("reason", reason)];
        [(labels("full"), pool.calls.long_rejected_full), (labels("timeout"), pool.calls.long_rejected_timeout)]
    });
    out.counter(
        "db_long_read_refusals",
        "Unindexed lists, searches, and counts that got no share of the connections, by reason, as in \
         db_pool_refusals.",
        refused,
    )?;
    out.counter(
        "db_canceled_statements",
        "Reads that were canceled because their client had disconnected or their deadline had passed.",
        in_pools(|pool| pool.calls.canceled),
    )?;
    out.counter(
        "db_closed_connections",
        "Connections that were closed because the database did not respond on them.",
        in_pools(|pool| pool.calls.closed),
    )
}

pub(super) fn sqlite(out: &mut MetricWriter, stats: &WriterStats) -> fmt::Result {
    out.histogram("db_group_commit_writes", "Writes per group commit, on SQLite.", [([], &stats.batch_sizes)])?;
    out.histogram(
        "db_group_commit_duration_seconds",
        "Duration of a group commit transaction, including the commit.",
        [([], &stats.commit_times)],
    )?;
    out.gauge("db_wal_bytes", "Size of SQLite's write-ahead log in bytes.", [([], stats.wal_bytes)])
}
