//! Deliveries over TLS, by the service as a process: it reads `SSL_CERT_FILE`, and trusts only the authorities in it.

use serde_json::Value;

use super::{Hook, SECRET, is_true, migrated, publish_by_sql, sandbox, slugs, wait_until_idle};
use crate::support::api::ADMIN_KEY;
use crate::support::authority::Authority;
use crate::support::hook_receiver::HookReceiver;
use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase, http_client, on_both, wait_until};

/// The environment of a process that trusts these authorities.
fn trusting(database: &TestDatabase, authorities: &[&Authority]) -> Sandbox {
    let mut sandbox = sandbox(database);
    sandbox.write("trusted.pem", &authorities.iter().map(|authority| authority.pem()).collect::<String>());
    sandbox.set("SSL_CERT_FILE", sandbox.path("trusted.pem").to_str().unwrap());
    // The names of this machine can have addresses of both kinds.
    sandbox.set("WEBHOOK_NETWORKS", "127.0.0.0/8,::1/128");
    sandbox
}

/// The attempts of a webhook: status and error of each.
fn outcomes(database: &TestDatabase, webhook: i64) -> Vec<(Option<i32>, Option<String>)> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Integer>)]
        status: Option<i32>,
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
        error: Option<String>,
    }
    let rows: Vec<Row> = database.rows(&format!(
        "SELECT CAST(status AS integer) AS status, error FROM webhook_attempts WHERE webhook_id = {webhook} ORDER BY id"
    ));
    rows.into_iter().map(|row| (row.status, row.error)).collect()
}

#[on_both]
async fn a_trusted_receiver_gets_signed_requests(database: TestDatabase) {
    let database = migrated(database);
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let by_address = HookReceiver::with_tls(first.acceptor("127.0.0.1"));
    let by_name = HookReceiver::with_tls(second.acceptor("localhost"));
    let urls = [by_address.url(), by_name.url().replace("127.0.0.1", "localhost")];
    let ids = urls.map(|url| Hook::each(&url).insert(&database));
    let sandbox = trusting(&database, &[&first, &second]);
    let mut server = sandbox.start("server", &[]);
    server.base_url().await;
    for slug in ["a", "b"] {
        publish_by_sql(&database, slug);
    }
    for (receiver, id) in [&by_address, &by_name].into_iter().zip(ids) {
        for request in receiver.wait_for(2).await {
            assert_eq!(request.received.line, "POST /hook?token=hush");
            request.assert_verified(SECRET, true);
        }
        wait_until("the outcomes to be stored", async || outcomes(&database, id).len() == 2).await;
        assert_eq!(outcomes(&database, id), vec![(Some(200), None); 2]);
        assert_eq!((slugs(receiver), receiver.max_in_flight()), (vec!["a".to_owned(), "b".to_owned()], 1));
    }
    let log = server.final_log().await;
    assert!(!log.contains("hush"), "{log}");
}

/// What an administrator learns from the attempts and from a test. The receiver learns nothing.
#[on_both]
async fn a_receiver_that_is_not_verified_gets_nothing(database: TestDatabase) {
    let database = migrated(database);
    let (trusted, stranger) = (Authority::new("trusted"), Authority::new("stranger"));
    let cases = [
        (stranger.acceptor("127.0.0.1"), "127.0.0.1", "certificate not trusted"),
        (trusted.acceptor("127.0.0.2"), "127.0.0.1", "certificate for another host"),
        (trusted.acceptor("receiver.example"), "localhost", "certificate for another host"),
        (trusted.acceptor("localhost"), "127.0.0.1", "certificate for another host"),
        (trusted.expired_acceptor("127.0.0.1"), "127.0.0.1", "certificate expired"),
    ];
    let cases = cases.map(|(acceptor, host, error)| {
        let receiver = HookReceiver::with_tls(acceptor);
        let id = Hook::each(&receiver.url().replace("127.0.0.1", host)).insert(&database);
        (receiver, id, error)
    });
    let mut sandbox = trusting(&database, &[&trusted]);
    // The directory is not used: the file replaces all authorities of the system.
    sandbox.write(&stranger.directory_entry(), &stranger.pem());
    sandbox.set("SSL_CERT_DIR", sandbox.path(".").to_str().unwrap());
    let mut server = sandbox.start("server", &[]);
    let base_url = server.base_url().await;
    publish_by_sql(&database, "a");
    for (receiver, id, error) in &cases {
        wait_until("the failure to be stored", async || !outcomes(&database, *id).is_empty()).await;
        assert_eq!(outcomes(&database, *id)[0], (None, Some((*error).to_owned())));
        let test = http_client().build().unwrap().post(format!("{base_url}/api/webhooks/{id}/test"));
        let result: Value = test.bearer_auth(ADMIN_KEY).send().await.unwrap().json().await.unwrap();
        assert_eq!((&result["status"], &result["error"]), (&Value::Null, &Value::from(*error)));
        assert!(receiver.connections() >= 2);
        wait_until("the handshakes to end", async || receiver.handshakes() == receiver.connections()).await;
        assert_eq!(receiver.count(), 0, "{error}");
    }
}

/// Without `SSL_CERT_FILE`, the service trusts the authorities of this machine. After the setting has been corrected,
/// it delivers the event that had failed.
#[on_both]
async fn a_receiver_is_trusted_after_the_setting_is_changed(database: TestDatabase) {
    let database = migrated(database);
    let private = Authority::new("private");
    let receiver = HookReceiver::with_tls(private.acceptor("127.0.0.1"));
    let id = Hook::each(&receiver.url()).insert(&database);
    let distrusting = sandbox(&database);
    let mut server = distrusting.start("server", &[]);
    server.base_url().await;
    publish_by_sql(&database, "a");
    wait_until("the failure to be stored", async || !outcomes(&database, id).is_empty()).await;
    assert_eq!(outcomes(&database, id)[0], (None, Some("certificate not trusted".to_owned())));
    server.final_log().await;
    let trusting = trusting(&database, &[&private]);
    let mut server = trusting.start("server", &[]);
    server.base_url().await;
    receiver.wait_for(1).await;
    wait_until_idle(&database).await;
    assert_eq!(slugs(&receiver), ["a"]);
}

/// The service reads the file at its first connection. It never uses the authorities of the system instead.
#[tokio::test]
async fn a_removed_certificate_file_is_not_replaced() {
    let database = migrated(TestDatabase::create(Engine::Sqlite).unwrap());
    let private = Authority::new("private");
    let receiver = HookReceiver::with_tls(private.acceptor("127.0.0.1"));
    let id = Hook::each(&receiver.url()).insert(&database);
    let sandbox = trusting(&database, &[&private]);
    let mut server = sandbox.start("server", &[]);
    let base_url = server.base_url().await;
    std::fs::remove_file(sandbox.path("trusted.pem")).unwrap();
    let url = format!("{base_url}/api/webhooks/{id}/test");
    let test = async || -> Value {
        let request = http_client().build().unwrap().post(&url).bearer_auth(ADMIN_KEY);
        request.send().await.unwrap().json().await.unwrap()
    };
    assert_eq!(test().await["error"], "the service cannot use TLS");
    assert_eq!(receiver.count(), 0);
    sandbox.write("trusted.pem", &private.pem());
    assert_eq!(test().await["status"], 200);
    let log = server.final_log().await;
    assert!(log.contains("failed to read the CA certificates from") && log.contains("trusted.pem"), "{log}");
}

/// Messages of TLS that come before a response, and are part of none.
#[tokio::test]
async fn session_tickets_are_limited() {
    let database = migrated(TestDatabase::create(Engine::Sqlite).unwrap());
    let authority = Authority::new("private");
    let receiver = HookReceiver::with_tls(authority.ticket_sending_acceptor("127.0.0.1"));
    let id = Hook::each(&receiver.url()).insert(&database);
    let sandbox = trusting(&database, &[&authority]);
    let mut server = sandbox.start("server", &[]);
    server.base_url().await;
    publish_by_sql(&database, "a");
    wait_until("the failure to be stored", async || !outcomes(&database, id).is_empty()).await;
    assert_eq!(outcomes(&database, id)[0], (None, Some("response too large".to_owned())));
    wait_until("the handshake to end", async || receiver.handshakes() >= 1).await;
}

/// Each byte arrives soon after the one before it, so only a limit on the whole request ends this.
#[tokio::test]
async fn an_endless_handshake_is_given_up() {
    let database = migrated(TestDatabase::create(Engine::Sqlite).unwrap());
    let receiver = HookReceiver::with_endless_handshake();
    let id = Hook::each(&receiver.url()).insert(&database);
    let sandbox = sandbox(&database);
    let mut server = sandbox.start("server", &[]);
    server.base_url().await;
    publish_by_sql(&database, "a");
    wait_until("the failure to be stored", async || !outcomes(&database, id).is_empty()).await;
    assert_eq!(outcomes(&database, id)[0], (None, Some("no response within 15 s".to_owned())));
    assert!(is_true(&database, "attempt >= 1 AND failing_since IS NOT NULL AND last_success_at IS NULL"));
    wait_until("the handshake to end", async || receiver.handshakes() >= 1).await;
    assert_eq!(receiver.count(), 0);
}
