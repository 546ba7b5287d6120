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
    connection.begin_live_response();
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
