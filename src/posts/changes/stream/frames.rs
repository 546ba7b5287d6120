//! The text of the stream: fields, each on a line, and an empty line after each event.

use std::io::Write;

use actix_web::web::Bytes;
use serde::Serialize;

use crate::db::Timestamp;
use crate::posts::changes::log::{FoundRow, LogRow};
use crate::posts::changes::params::FeedCursors;
use crate::posts::changes::query::ChangeType;

/// A comment, which clients ignore. It shows proxies that the connection is in use, and lets the service detect that a
/// client has vanished.
pub(super) const COMMENT: Bytes = Bytes::from_static(b":\n\n");
/// A page ends with the first event that reaches this length, in bytes.
const MAX_LENGTH: usize = 8 * 1024;
/// The shortest and the longest time until a client reconnects, in milliseconds. It is random, so that the clients of
/// an instance that has stopped do not reconnect all at once.
const RETRY: std::ops::RangeInclusive<u32> = 1000..=5000;

/// The `data` of an event: an item of the feed without `post`.
#[derive(Serialize)]
struct EventData<'a> {
    r#type: ChangeType,
    id: i64,
    slug: &'a str,
    former_slugs: &'a [String],
    version: i64,
    at: Timestamp,
}

/// The beginning of a stream. A client stores the id, although there is no `data` and therefore no event.
pub(super) fn start(cursor: &str) -> Bytes {
    format!("id: {cursor}\nretry: {}\n\n", retry()).into()
}

/// The event `reset`, at the beginning of a stream or later, if the log does not contain the client's position. `id` is
/// part of the event, so that a client that receives only a part of it gets it again.
pub(super) fn reset(cursor: &str) -> Bytes {
    format!("id: {cursor}\nevent: reset\ndata: {{\"type\":\"reset\"}}\nretry: {}\n\n", retry()).into()
}

/// The events of the rows that fit on a page, and the number of these rows.
pub(super) fn events(cursors: FeedCursors, rows: &[FoundRow]) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    for (index, (_, row)) in rows.iter().enumerate() {
        if text.len() >= MAX_LENGTH {
            return (text, index);
        }
        if let Some(row) = row {
            write_event(&mut text, cursors, row);
        }
    }
    (text, rows.len())
}

fn write_event(text: &mut Vec<u8>, cursors: FeedCursors, row: &LogRow) {
    let LogRow { id, post_id, change, version, slug, old_slug } = row;
    let data = EventData {
        r#type: *change,
        id: *post_id,
        slug,
        former_slugs: old_slug.as_slice(),
        version: *version,
        at: id.at,
    };
    // Writing to memory does not fail, and numbers and strings always serialize. JSON escapes line breaks.
    let _ = write!(text, "id: {}\nevent: {}\ndata: ", cursors.after(*id), change.as_str());
    let _ = serde_json::to_writer(&mut *text, &data);
    text.extend_from_slice(b"\n\n");
}

fn retry() -> u32 {
    let span = RETRY.end() - RETRY.start() + 1;
    RETRY.start() + getrandom::u32().unwrap_or_default() % span
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posts::changes::query::LogRowId;

    fn row(seq: i64, slug: &str) -> FoundRow {
        let id = LogRowId { seq, at: Timestamp::MIN };
        let (change, slug, old_slug) = (ChangeType::Updated, slug.to_owned(), Some("old".to_owned()));
        (id, Some(LogRow { id, post_id: 7, change, version: 2, slug, old_slug }))
    }

    #[test]
    fn an_event_has_one_line_of_data() {
        let cursors = FeedCursors::new().unwrap();
        // An external writer can store any slug.
        let (text, count) = events(cursors, &[row(1, "a\r\nid: 0\n\ndata: x")]);
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!((lines.len(), count), (5, 1), "{text}");
        assert_eq!(lines[0], format!("id: {}", cursors.after(row(1, "").0)));
        assert_eq!(lines[1], "event: post.updated");
        let data = lines[2].strip_prefix("data: ").unwrap();
        let at = Timestamp::MIN.to_string();
        let expected = serde_json::json!({
            "type": "post.updated", "id": 7, "slug": "a\r\nid: 0\n\ndata: x", "former_slugs": ["old"], "version": 2,
            "at": at,
        });
        assert_eq!(serde_json::from_str::<serde_json::Value>(data).unwrap(), expected);
        assert_eq!(lines[3..], ["", ""]);
        assert!(!text.contains('\r'));
    }

    #[test]
    fn a_page_is_short() {
        let cursors = FeedCursors::new().unwrap();
        let slug = "a".repeat(200);
        let rows: Vec<_> = (0..30).map(|seq| row(seq, &slug)).collect();
        let (text, count) = events(cursors, &rows);
        assert!((MAX_LENGTH..MAX_LENGTH + 1024).contains(&text.len()) && count < 30, "{} {count}", text.len());
        assert_eq!(events(cursors, &rows[count..]).1, 30 - count, "the rest fits");
        let first = (LogRowId { seq: 0, at: Timestamp::MIN }, None);
        assert_eq!(events(cursors, &[first]), (Vec::new(), 1), "the first row of a log is no event");
    }

    #[test]
    fn clients_reconnect_at_random_times() {
        let times: std::collections::HashSet<u32> = (0..100).map(|_| retry()).collect();
        assert!(times.len() > 10 && times.iter().all(|time| RETRY.contains(time)), "{times:?}");
    }
}
