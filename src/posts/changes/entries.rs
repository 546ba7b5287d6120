//! Groups rows of the log by post: a page lists each post once, at its last change.

use std::collections::{HashMap, HashSet};

use crate::db::Timestamp;
use crate::posts::changes::log::LogRow;
use crate::posts::changes::query::ChangeType;

/// The changes of one post on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The index of the first row.
    pub(crate) first: usize,
    /// The last row.
    pub(crate) last: LogRow,
    /// Every slug under which the post was public, in order.
    slugs: Vec<String>,
    /// The same slugs, because one post can have a thousand of them on a page.
    known: HashSet<String>,
}

impl Entry {
    /// The slugs of the post without the current one.
    pub(crate) fn former_slugs(&self, present: &str) -> Vec<String> {
        self.slugs.iter().filter(|slug| *slug != present).cloned().collect()
    }

    pub(crate) fn at(&self) -> Timestamp {
        self.last.id.at
    }

    fn record(&mut self, row: &LogRow) {
        for slug in row.old_slug.iter().chain([&row.slug]) {
            if !self.known.contains(slug) {
                self.known.insert(slug.clone());
                self.slugs.push(slug.clone());
            }
        }
        self.last = row.clone();
    }
}

/// Groups as many rows as yield at most `limit` entries, in the order of their first rows. Also returns the number of
/// these rows.
///
/// If another post has got the id of a deleted one, for example by an import, the deleted post has its own entry: the
/// versions of the new post start over, and a client that had not removed the old post would ignore them. If the old
/// post was a draft when it was deleted, only the lower version shows that there are two posts.
pub(crate) fn group(rows: &[LogRow], limit: usize) -> (Vec<Entry>, usize) {
    let mut entries: Vec<Entry> = Vec::new();
    let mut by_post: HashMap<i64, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        let open = by_post.get(&row.post_id).and_then(|entry| entries.get_mut(*entry));
        let is_same = |last: &LogRow| last.change != ChangeType::Deleted && last.version <= row.version;
        if let Some(entry) = open.filter(|entry| is_same(&entry.last)) {
            entry.record(row);
            continue;
        }
        if entries.len() == limit {
            return (entries, index);
        }
        by_post.insert(row.post_id, entries.len());
        let (slugs, known) = (Vec::new(), HashSet::new());
        let mut entry = Entry { first: index, last: row.clone(), slugs, known };
        entry.record(row);
        entries.push(entry);
    }
    (entries, rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posts::changes::query::LogRowId;

    fn rows(changes: &[(i64, ChangeType, i64, &str, Option<&str>)]) -> Vec<LogRow> {
        let row = |(seq, (post_id, change, version, slug, old)): (i64, &(i64, ChangeType, i64, &str, Option<&str>))| {
            let id = LogRowId { seq, at: Timestamp::MIN };
            let (slug, old_slug) = ((*slug).to_owned(), old.map(str::to_owned));
            LogRow { id, post_id: *post_id, change: *change, version: *version, slug, old_slug }
        };
        (1..).zip(changes).map(row).collect()
    }

    fn brief(entries: &[Entry]) -> Vec<(usize, i64, i64)> {
        entries.iter().map(|entry| (entry.first, entry.last.post_id, entry.last.version)).collect()
    }

    use ChangeType::{Deleted, Published, Unpublished, Updated};

    #[test]
    fn a_post_is_listed_at_its_last_change() {
        let rows = rows(&[
            (1, Published, 1, "a", None),
            (2, Published, 1, "b", None),
            (1, Updated, 2, "c", Some("a")),
            (3, Published, 1, "d", None),
            (1, Unpublished, 3, "c", None),
        ]);
        let (entries, examined) = group(&rows, 2);
        assert_eq!((brief(&entries), examined), (vec![(0, 1, 2), (1, 2, 1)], 3));
        assert_eq!(entries[0].former_slugs("c"), ["a"]);
        let (entries, examined) = group(&rows, 3);
        assert_eq!((brief(&entries), examined), (vec![(0, 1, 3), (1, 2, 1), (3, 3, 1)], 5));
        assert_eq!(entries[0].former_slugs("c"), ["a"]);
    }

    #[test]
    fn a_reused_id_does_not_hide_the_deletion() {
        let rows = rows(&[(1, Updated, 9, "a", None), (1, Deleted, 9, "a", None), (1, Published, 1, "b", None)]);
        assert_eq!(brief(&group(&rows, 5).0), [(0, 1, 9), (2, 1, 1)]);
        assert_eq!(group(&rows, 5).0[1].former_slugs("b"), Vec::<String>::new());
        assert_eq!(group(&rows, 1).1, 2);
    }

    /// A deletion of a draft is not in the log.
    #[test]
    fn a_reused_id_does_not_hide_the_removal() {
        let rows = rows(&[(1, Unpublished, 9, "a", None), (1, Published, 1, "b", None), (1, Updated, 2, "b", None)]);
        assert_eq!(brief(&group(&rows, 5).0), [(0, 1, 9), (1, 1, 2)]);
    }
}
