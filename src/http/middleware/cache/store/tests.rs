use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::*;
use crate::db::Changed;

const POST: Dependency = Dependency::Post(1);
const LIST: Dependency = Dependency::Everything;

struct Value {
    text: &'static str,
    dependency: Dependency,
}

impl Weight for Value {
    fn weight(&self) -> usize {
        self.text.len()
    }
}

impl Cacheable for Value {
    fn dependency(&self) -> Dependency {
        self.dependency
    }
}

struct Fixture {
    revision: Arc<Revision>,
    store: Arc<Store<Value>>,
}

type Waiting = std::pin::Pin<Box<dyn Future<Output = &'static str>>>;

impl Fixture {
    fn new() -> Self {
        Self::with_capacity(1 << 20)
    }

    fn with_capacity(capacity: u64) -> Self {
        let revision = Arc::new(Revision::new(Duration::from_hours(1), None));
        revision.record_poll(Instant::now());
        Self { store: Arc::new(Store::new(Arc::clone(&revision), capacity)), revision }
    }

    fn stored(&self) -> Option<&'static str> {
        self.store.get("/").map(|value| value.text)
    }

    /// Gets the stored text, or reads this one.
    async fn get(&self, text: &'static str, dependency: Dependency) -> &'static str {
        let read = async move { Ok(Value { text, dependency }) };
        self.store.get_or_fill("/", read).await.unwrap().text
    }

    /// Starts a request whose read ends when a text is sent. Returns the request after its first poll.
    fn start(&self, dependency: Dependency) -> (oneshot::Sender<&'static str>, Waiting) {
        let (sender, text) = oneshot::channel();
        let store = Arc::clone(&self.store);
        let read = async move { Ok(Value { text: text.await.unwrap(), dependency }) };
        let mut request: Waiting = Box::pin(async move { store.get_or_fill("/", read).await.unwrap().text });
        assert!((&mut request).now_or_never().is_none());
        (sender, request)
    }

    fn change(&self, post: i64) {
        self.revision.advance(&Changed::Posts(vec![post]));
    }
}

async fn run_tasks() {
    for _ in 0..10 {
        actix_web::rt::task::yield_now().await;
    }
}

#[actix_web::test]
async fn a_post_stays_stored_when_another_post_changes() {
    let cache = Fixture::new();
    assert_eq!(cache.get("a", POST).await, "a");
    cache.change(2);
    assert_eq!(cache.stored(), Some("a"));
    assert_eq!(cache.get("unread", POST).await, "a");
    assert_eq!(cache.store.invalidations(), 0);
    cache.change(1);
    assert_eq!(cache.stored(), None);
    assert_eq!(cache.get("b", POST).await, "b");
    assert_eq!((cache.stored(), cache.store.invalidations()), (Some("b"), 1));
    cache.revision.advance(&Changed::Everything);
    assert_eq!(cache.stored(), None);
}

#[actix_web::test]
async fn a_list_is_outdated_after_each_change() {
    let cache = Fixture::new();
    for changed in [Changed::Posts(vec![2]), Changed::Posts(Vec::new()), Changed::Everything] {
        assert_eq!(cache.get("a", LIST).await, "a");
        assert_eq!(cache.stored(), Some("a"));
        cache.revision.advance(&changed);
        assert_eq!(cache.stored(), None);
    }
}

#[actix_web::test]
async fn a_change_during_the_read_is_not_missed() {
    let cache = Fixture::new();
    let (finish, waiting) = cache.start(POST);
    cache.change(1);
    finish.send("old").unwrap();
    assert_eq!(waiting.await, "old");
    assert_eq!((cache.stored(), cache.store.len()), (None, 0));
    let (finish, waiting) = cache.start(POST);
    cache.change(2);
    finish.send("new").unwrap();
    assert_eq!(waiting.await, "new");
    assert_eq!(cache.stored(), Some("new"));
}

/// The result of a read that began before a change may lack this change.
#[actix_web::test]
async fn a_later_request_does_not_share_an_earlier_read() {
    let cache = Fixture::new();
    for (dependency, is_shared) in [(LIST, false), (POST, true)] {
        let (finish, first) = cache.start(dependency);
        let (_, shared) = cache.start(dependency);
        cache.change(2);
        let (finish_second, second) = cache.start(dependency);
        finish.send("first").unwrap();
        assert_eq!((first.await, shared.await), ("first", "first"));
        // It has waited until the first read has ended: otherwise, either result could be the newer one.
        finish_second.send("second").unwrap_or_default();
        assert_eq!(second.await, if is_shared { "first" } else { "second" });
        cache.revision.advance(&Changed::Everything);
    }
}

/// However often the data changes, a waiting request shares the read that follows the one that it waits for.
#[actix_web::test]
async fn a_request_waits_for_two_reads_at_most() {
    let cache = Fixture::new();
    let (finish_first, first) = cache.start(LIST);
    cache.change(1);
    let (finish_second, mut second) = cache.start(LIST);
    cache.change(1);
    let (_, mut third) = cache.start(LIST);
    finish_first.send("first").unwrap();
    assert_eq!(first.await, "first");
    run_tasks().await;
    // One of them starts its read.
    assert!((&mut second).now_or_never().is_none());
    cache.change(1);
    assert!((&mut third).now_or_never().is_none());
    finish_second.send("second").unwrap();
    assert_eq!((second.await, third.await), ("second", "second"));
    assert_eq!(cache.stored(), None);
}

/// A read without a revision may be newer than the entry, and than the read in progress.
#[actix_web::test]
async fn a_read_without_a_revision_removes_what_may_be_older() {
    let cache = Fixture::new();
    assert_eq!(cache.get("old", POST).await, "old");
    cache.revision.invalidate();
    assert_eq!(cache.stored(), None);
    assert_eq!(cache.get("new", POST).await, "new");
    cache.revision.record_poll(Instant::now());
    assert_eq!(cache.stored(), None, "the entry may be older than the last response");

    let (finish, waiting) = cache.start(POST);
    cache.revision.invalidate();
    assert_eq!(cache.get("newer", POST).await, "newer");
    cache.revision.record_poll(Instant::now());
    let (_finish_next, next) = cache.start(POST);
    finish.send("in progress").unwrap();
    assert_eq!(waiting.await, "in progress");
    assert_eq!(cache.stored(), None, "a forgotten read is not stored");
    drop(next);
}

#[actix_web::test]
async fn a_failed_read_removes_the_entry() {
    let cache = Fixture::new();
    for is_known in [true, false] {
        assert_eq!(cache.get("a", POST).await, "a");
        cache.change(1);
        if !is_known {
            cache.revision.invalidate();
        }
        let missing = async { Err(ApiError::NotFound("post")) };
        assert!(cache.store.get_or_fill("/", missing).await.is_err());
        assert_eq!(cache.store.len(), 0);
        cache.revision.record_poll(Instant::now());
    }
}

/// Sends a message when it is dropped.
struct NotifyOnDrop(Option<oneshot::Sender<()>>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        let _ = self.0.take().map(|sender| sender.send(()));
    }
}

#[actix_web::test]
async fn a_read_stops_when_no_request_needs_its_result() {
    let cache = Fixture::new();
    let (sender, mut dropped) = oneshot::channel();
    let notify = NotifyOnDrop(Some(sender));
    let read = async move {
        let _notify = notify;
        std::future::pending().await
    };
    let mut first = Box::pin(cache.store.get_or_fill("/", read));
    assert!((&mut first).now_or_never().is_none());
    let (_, mut second) = cache.start(LIST);
    cache.change(1);
    // Waits for the end of the read, and does not keep it alive.
    let (finish_third, mut third) = cache.start(LIST);
    drop(first);
    run_tasks().await;
    assert!(dropped.try_recv().is_err());
    assert!((&mut second).now_or_never().is_none());
    drop(second);
    dropped.await.unwrap();
    assert!((&mut third).now_or_never().is_none());
    finish_third.send("third").unwrap();
    assert_eq!(third.await, "third");
    assert!(cache.store.fills().by_key.is_empty());
}

/// A read may hang until its deadline, while others succeed again.
#[actix_web::test]
async fn a_request_does_not_wait_for_a_read_that_hangs() {
    let mut cache = Fixture::new();
    Arc::get_mut(&mut cache.store).unwrap().patience = Duration::ZERO;
    let (finish, hanging) = cache.start(POST);
    cache.change(2);
    // One other read replaces it, for all later requests.
    let (finish_next, next) = cache.start(POST);
    let mut next = Box::pin(next);
    assert!((&mut next).now_or_never().is_none());
    let mut shared = Box::pin(cache.get("a third read", POST));
    assert!((&mut shared).now_or_never().is_none());
    finish_next.send("next").unwrap();
    assert_eq!((next.await, shared.await), ("next", "next"));
    finish.send("late").unwrap();
    assert_eq!(hanging.await, "late");
    assert_eq!(cache.stored(), Some("next"), "the late result may be older than the last response");
}

#[actix_web::test]
async fn outdated_entries_do_not_exceed_the_capacity() {
    let cache = Fixture::with_capacity(64 * 1024);
    for number in 0..1000 {
        let read = async { Ok(Value { text: "text", dependency: LIST }) };
        cache.store.get_or_fill(&format!("/{number}"), read).await.unwrap();
        cache.change(1);
    }
    assert!(cache.store.len() > 10);
    assert!(cache.store.weight() <= 64 * 1024);
}
