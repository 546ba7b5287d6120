//! The check of the log of changes.

use diesel::QueryResult;

use crate::db::inspect::{LogWriter, oldest_log_writer};
use crate::db::{Connection, Timestamp};
use crate::escape::escape;
use crate::ops::doctor::Check;
use crate::posts::changes::log;

const NAME: &str = "changes";
/// A transaction that delays the feed for longer than this is reported, in seconds.
const MAX_OPEN: i64 = 60;
/// Expired rows that remain for longer than this are reported, in microseconds: one day. The service deletes them every
/// 10 minutes.
const MAX_OVERDUE: i64 = 24 * 60 * 60 * 1_000_000;

/// Reports an empty log, a transaction that delays the feed, and rows that should have been deleted. They are warnings,
/// because posts can be read and written.
pub(crate) fn check(conn: &mut Connection, now: Timestamp) -> QueryResult<Check> {
    if let Some(writer) = oldest_log_writer(conn)?.filter(|writer| writer.seconds >= MAX_OPEN) {
        return Ok(Check::warning(NAME, describe(&writer)));
    }
    let Some(oldest) = log::oldest(conn)? else {
        let message =
            "the change log is empty, so the change feed responds with 503; start the service, which repairs it";
        return Ok(Check::warning(NAME, message));
    };
    if let Ok(overdue) = Timestamp::from_microseconds(now.as_microseconds() - MAX_OVERDUE)
        && log::expired(conn, 0, overdue)?.is_some()
    {
        let message = format!(
            "the change log contains expired rows since {}; start the service, which deletes them, or look for its \
             warnings in the log",
            oldest.at
        );
        return Ok(Check::warning(NAME, message));
    }
    Ok(Check::ok(NAME, format!("the change log goes back to {}", oldest.at)))
}

fn describe(writer: &LogWriter) -> String {
    let LogWriter { name, seconds } = writer;
    format!(
        "{} began {seconds} s ago, has changed public posts, and has not ended, so the change feed lacks all later \
         changes; end it",
        escape(name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_transaction_is_named_in_one_line() {
        let writer = LogWriter { name: "process 7 (psql\n)".to_owned(), seconds: 90 };
        let message = describe(&writer);
        assert!(message.starts_with("process 7 (psql") && message.contains("began 90 s ago"), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}
