//! [`LatestChanges`]: the revision of the latest change to each post.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::db::changed::Changed;

/// Posts whose ids are equal modulo this number share a bucket: a change of one counts as a change of all of them.
const BUCKETS: usize = CHUNKS * CHUNK;
const CHUNKS: usize = 64;
const CHUNK: usize = 1024;

/// The revisions, in buckets of posts. A chunk of buckets is allocated at its first change: 8 KiB each, and 512 KiB for
/// all of them.
pub(crate) struct LatestChanges {
    chunks: [OnceLock<Box<[AtomicU64]>>; CHUNKS],
    /// The revision of the latest change that may concern every post.
    everything: AtomicU64,
}

impl LatestChanges {
    pub(crate) fn new() -> Self {
        Self { chunks: [const { OnceLock::new() }; CHUNKS], everything: AtomicU64::new(0) }
    }

    pub(crate) fn record(&self, changed: &Changed, revision: u64) {
        match changed {
            Changed::Nothing => {}
            Changed::Everything => drop(self.everything.fetch_max(revision, Ordering::AcqRel)),
            Changed::Posts(ids) => {
                for (chunk, index) in ids.iter().map(|id| position(*id)) {
                    let chunk = self.chunks.get(chunk).map(|chunk| chunk.get_or_init(new_chunk));
                    if let Some(bucket) = chunk.and_then(|chunk| chunk.get(index)) {
                        bucket.fetch_max(revision, Ordering::AcqRel);
                    }
                }
            }
        }
    }

    /// The revision of the latest change that may concern the post with this id.
    pub(crate) fn of(&self, id: i64) -> u64 {
        let (chunk, index) = position(id);
        let chunk = self.chunks.get(chunk).and_then(OnceLock::get);
        let latest = chunk.and_then(|chunk| chunk.get(index)).map_or(0, |bucket| bucket.load(Ordering::Acquire));
        latest.max(self.everything.load(Ordering::Acquire))
    }
}

fn new_chunk() -> Box<[AtomicU64]> {
    (0..CHUNK).map(|_| AtomicU64::new(0)).collect()
}

/// The chunk of an id, and the index in it.
fn position(id: i64) -> (usize, usize) {
    let bucket = usize::try_from(id.unsigned_abs() % BUCKETS as u64).unwrap_or_default();
    (bucket / CHUNK, bucket % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_concerns_its_bucket() {
        let latest = LatestChanges::new();
        assert_eq!(latest.of(1), 0);
        let buckets = i64::try_from(BUCKETS).unwrap();
        for id in [0, 1, -1, 1023, 1024, buckets - 1, buckets, i64::MAX, i64::MIN] {
            let latest = LatestChanges::new();
            latest.record(&Changed::Posts(vec![id]), 7);
            assert_eq!((latest.of(id), latest.of(id.wrapping_add(buckets / 2))), (7, 0), "{id}");
        }
        latest.record(&Changed::Posts(vec![5, 6]), 2);
        latest.record(&Changed::Posts(vec![6]), 1);
        assert_eq!([4, 5, 6, 6 + buckets].map(|id| latest.of(id)), [0, 2, 2, 2], "revisions do not go back");
    }

    #[test]
    fn a_change_of_everything_concerns_each_post() {
        let latest = LatestChanges::new();
        latest.record(&Changed::Posts(vec![5]), 3);
        latest.record(&Changed::Everything, 2);
        latest.record(&Changed::Nothing, 9);
        latest.record(&Changed::Posts(Vec::new()), 9);
        assert_eq!([4, 5].map(|id| latest.of(id)), [2, 3]);
    }
}
