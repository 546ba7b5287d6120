//! The metrics of the change feed and of its event streams.

use std::fmt;

use crate::db::Database;
use crate::ops::metrics::writer::MetricWriter;
use crate::posts::changes::counts::ChangeCounts;
use crate::posts::changes::stream::open_streams::Streams;

pub(super) fn feed(out: &mut MetricWriter, database: &Database, counts: &ChangeCounts) -> fmt::Result {
    out.counter(
        "changes",
        "Changes of public posts since the start of this instance, by all writers, by kind.",
        counts.by_kind().map(|(kind, count)| ([("kind", kind)], count)),
    )?;
    out.gauge(
        "changes_unsettled_seconds",
        "Time that the oldest change has been waiting to appear in the change feed. 0: none is waiting.",
        [([], database.unsettled_for().as_secs_f64())],
    )
}

pub(super) fn streams(out: &mut MetricWriter, streams: &Streams) -> fmt::Result {
    out.gauge("streams", "Open event streams.", [([], streams.open())])?;
    out.gauge("streams_limit", "Limit on the open event streams (MAX_STREAMS).", [([], streams.limit())])?;
    out.counter("stream_reads", "Database reads for all event streams together.", [([], streams.reads())])
}
