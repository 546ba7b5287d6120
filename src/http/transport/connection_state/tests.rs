use std::sync::atomic::Ordering;

use super::*;

#[test]
fn a_slow_client_is_overdue_until_its_response_has_been_sent() {
    let late = || Instant::now() + 2 * KEEP_ALIVE.max(Duration::from_secs(30));
    let connection = Rc::new(ConnectionState::default());
    let busy = Rc::clone(&connection).begin_request();
    let sending = busy.begin_response();
    drop(busy);
    connection.record_stalled();
    connection.record_written(1);
    connection.record_flushed();
    assert!(connection.is_too_slow(late()), "a part of the response remains");
    drop(sending);
    connection.record_flushed();
    assert!(!connection.is_too_slow(late()));
}

#[test]
fn the_client_of_a_live_response_may_pause_after_reading_everything() {
    let late = || Instant::now() + 2 * KEEP_ALIVE.max(Duration::from_secs(30));
    let connection = Rc::new(ConnectionState::default());
    let busy = Rc::clone(&connection).begin_request();
    let is_stopping = Arc::new(AtomicBool::new(false));
    connection.begin_live_response(Arc::clone(&is_stopping));
    let sending = busy.begin_response();
    drop(busy);
    connection.record_written(1);
    connection.record_flushed();
    assert!(!connection.is_overdue(late()));
    connection.record_stalled();
    assert!(connection.is_overdue(late()), "the client reads nothing");
    connection.record_written(1);
    connection.record_flushed();
    assert!(!connection.is_overdue(late()), "the client has caught up");
    connection.record_read(1);
    assert!(!connection.is_overdue(late()), "the next head waits for the end of the response");
    drop(sending);
    assert!(!connection.is_overdue(Instant::now()));
    assert!(connection.is_overdue(late()));
}

#[test]
fn input_is_read_ahead_only_in_small_amounts() {
    let connection = Rc::new(ConnectionState::default());
    let cx = Context::from_waker(Waker::noop());
    assert_eq!(connection.readable(&cx), Readable::AtMost(READ_AHEAD));
    let busy = Rc::clone(&connection).begin_request();
    connection.record_read(READ_AHEAD - 1);
    assert_eq!(connection.readable(&cx), Readable::AtMost(1));
    connection.record_read(1);
    assert_eq!(connection.readable(&cx), Readable::Nothing);
    connection.set_reading_body(true);
    assert_eq!(connection.readable(&cx), Readable::AtMost(BODY_READ));
    connection.set_reading_body(false);
    let sending = busy.begin_response();
    drop(busy);
    assert_eq!(connection.readable(&cx), Readable::Nothing);
    drop(sending);
    connection.record_stalled();
    assert_eq!(connection.readable(&cx), Readable::Nothing);
    connection.record_written(1);
    assert_eq!(connection.readable(&cx), Readable::AtMost(READ_AHEAD));
}

#[test]
fn a_live_response_that_is_not_read_does_not_delay_the_shutdown() {
    let connection = Rc::new(ConnectionState::default());
    let busy = Rc::clone(&connection).begin_request();
    let is_stopping = Arc::new(AtomicBool::new(false));
    connection.begin_live_response(Arc::clone(&is_stopping));
    let sending = busy.begin_response();
    drop(busy);
    connection.record_stalled();
    assert!(!connection.is_overdue(Instant::now()));
    is_stopping.store(true, Ordering::Relaxed);
    assert!(connection.is_overdue(Instant::now()));
    connection.record_written(1);
    assert!(!connection.is_overdue(Instant::now()), "the client reads");
    connection.record_stalled();
    drop(sending);
    assert!(!connection.is_overdue(Instant::now()), "the end of a response has its usual time");
}

#[tokio::test]
async fn a_live_body_waits_until_its_last_part_is_written() {
    let connection = Rc::new(ConnectionState::default());
    let _busy = Rc::clone(&connection).begin_request();
    connection.begin_live_response(Arc::default());
    connection.live_body_flushed().await;
    // The server flushes an empty buffer while the body waits for events.
    connection.record_flushed();
    connection.record_live_part();
    let mut next = Box::pin(connection.live_body_flushed());
    assert!(futures_util::poll!(&mut next).is_pending());
    connection.record_flushed();
    next.await;
}
