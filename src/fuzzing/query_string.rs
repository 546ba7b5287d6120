//! List queries: the order of parameters does not matter, and a list accepts the cursors that it returned.

use url::form_urlencoded;

use crate::db::Timestamp;
use crate::posts::labels::{self, LabelKind};
use crate::posts::list::params::ListRequest;
use crate::posts::list::query::{CursorPosition, SortKey};

fn query_of(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub fn check(bytes: &[u8]) {
    let Ok(query) = str::from_utf8(bytes) else { return };
    let Ok(list) = ListRequest::parse(query) else { return };
    assert!((1..=100).contains(&list.query.limit));
    let filter = &list.query.filter;
    for (values, max) in [(&filter.slugs, 100), (&filter.tags, 10), (&filter.authors, 10)] {
        assert!(values.len() <= max && values.is_sorted_by(|a, b| a < b));
    }
    for (kind, labels) in [(LabelKind::Tag, &filter.tags), (LabelKind::Author, &filter.authors)] {
        assert!(labels.iter().all(|label| labels::name(kind, label).is_ok_and(|name| labels::fold(&name) == *label)));
    }

    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    pairs.reverse();
    assert_eq!(ListRequest::parse(&query_of(&pairs)).unwrap(), list);

    for time in [filter.published_after, filter.published_before, filter.updated_after, filter.updated_before] {
        assert!(time.is_none_or(|time| time.to_string().parse() == Ok(time)));
    }

    // A cursor remains valid with another limit, view, or count.
    pairs.retain(|(name, _)| !["cursor", "limit", "view", "count"].contains(&name.as_str()));
    pairs.push(("view".to_owned(), "summary".to_owned()));
    for key in [SortKey::Id, SortKey::Time(Timestamp::MIN), SortKey::Text("a\u{1f600}\"&".to_owned())] {
        let position = CursorPosition { backwards: query.len() % 2 == 0, is_other_tier: false, key, id: 7 };
        let mut pairs = pairs.clone();
        pairs.push(("cursor".to_owned(), list.cursor(&position)));
        match ListRequest::parse(&query_of(&pairs)) {
            Ok(next) => assert_eq!(next.query.position, Some(position)),
            Err(_) => assert!(!list.query.sort.accepts(&position)),
        }
    }
}
