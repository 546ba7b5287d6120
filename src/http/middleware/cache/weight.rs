//! [`Weight`]: what counts toward the capacity of a cache.

use std::sync::Arc;

use quick_cache::Weighter;

/// The approximate memory of an entry beside its key and its result, in bytes.
const ENTRY_OVERHEAD: usize = 512;
/// The number of entries for which a cache allocates memory at once. It grows as needed. A larger number would divide
/// the cache into more parts, and the longest result that it can store is as long as a part.
pub(super) const EXPECTED_ENTRIES: usize = 64;

/// For responses, path and query of the request.
pub(super) type CacheKey = Arc<str>;

/// A result that can be stored.
pub(crate) trait Weight: Send + Sync + 'static {
    /// The approximate memory in bytes.
    fn weight(&self) -> usize;
}

impl<V: Weight> Weight for Arc<V> {
    fn weight(&self) -> usize {
        V::weight(self)
    }
}

#[derive(Clone)]
pub(super) struct ByteWeighter;

impl<V: Weight> Weighter<CacheKey, V> for ByteWeighter {
    fn weight(&self, cache_key: &CacheKey, result: &V) -> u64 {
        u64::try_from(cache_key.len() + result.weight() + ENTRY_OVERHEAD).unwrap_or(u64::MAX)
    }
}
