//! URLs that no request may be sent to.

use std::sync::Arc;

use serde_json::json;

use super::{create, path, read};
use crate::support::{Api, TestDatabase, on_both};

const FORMAT: &str = "format";
const NOT_ALLOWED: &str = "not_allowed";

#[on_both]
async fn disallowed_urls_are_rejected_with_a_pointer(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.webhook_networks.clear());
    let webhook = create(&api, json!({})).await;
    let before = read(&api, &webhook).await;
    for (url, code) in [
        ("hook", FORMAT),
        ("//8.8.8.8/hook", FORMAT),
        ("https://", FORMAT),
        ("https:// /", FORMAT),
        ("https://8.8.8.8:65536/", FORMAT),
        ("http://8.8.8.8/", NOT_ALLOWED),
        ("HTTP://8.8.8.8/", NOT_ALLOWED),
        ("http://127.0.0.1/", NOT_ALLOWED),
        ("ws://8.8.8.8/", NOT_ALLOWED),
        ("file:///etc/passwd", NOT_ALLOWED),
        ("https://user@8.8.8.8/", NOT_ALLOWED),
        ("https://user:hush@8.8.8.8/", NOT_ALLOWED),
        ("https://8.8.8.8/#a", NOT_ALLOWED),
        ("https://127.0.0.1/", NOT_ALLOWED),
        ("https://2130706433/", NOT_ALLOWED),
        ("https://0x7f000001/", NOT_ALLOWED),
        ("https://127.1/", NOT_ALLOWED),
        ("https://10.0.0.1/", NOT_ALLOWED),
        ("https://169.254.169.254/latest/meta-data", NOT_ALLOWED),
        ("https://[::1]/", NOT_ALLOWED),
        ("https://[::ffff:10.0.0.1]/", NOT_ALLOWED),
        ("https://[64:ff9b::a00:1]/", NOT_ALLOWED),
        ("https://[fd00::1]/", NOT_ALLOWED),
        // By DNS.
        ("https://localhost/", NOT_ALLOWED),
    ] {
        for call in [
            api.admin().post("/api/webhooks", &json!({"url": url})),
            api.admin().patch(&path(&webhook), &json!({"url": url})),
        ] {
            let reply = call.await;
            assert!(!reply.text().contains("hush"), "{url}: {}", reply.text());
            assert_eq!(reply.field_errors(), [("/url".to_owned(), code.to_owned())], "{url}");
        }
    }
    assert_eq!(read(&api, &webhook).await, before);
}

#[on_both]
async fn listed_networks_may_use_http(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.webhook_networks = vec!["10.1.0.0/16".parse().unwrap()]);
    for url in ["http://10.1.2.3:8080/hook", "https://10.1.2.3/"] {
        assert_eq!(create(&api, json!({"url": url})).await["url"], url);
    }
    for url in ["http://10.2.0.1/", "https://10.2.0.1/", "http://8.8.8.8/"] {
        let reply = api.admin().post("/api/webhooks", &json!({"url": url})).await;
        assert_eq!(reply.field_errors(), [("/url".to_owned(), NOT_ALLOWED.to_owned())], "{url}");
    }
}

#[on_both]
async fn urls_are_stored_in_their_normal_form(api: Api) {
    for (url, stored) in [
        ("HTTPS://8.8.8.8:443", "https://8.8.8.8/"),
        ("https://134744072/a/../b", "https://8.8.8.8/b"),
        (" https://8.8.8.8/x ", "https://8.8.8.8/x"),
        ("https://8.8.8.8/a b", "https://8.8.8.8/a%20b"),
    ] {
        let webhook = create(&api, json!({"url": url})).await;
        assert_eq!(webhook["url"], stored);
        let patched = api.admin().patch(&path(&webhook), &json!({"url": url})).await.json(200);
        assert_eq!(patched["url"], stored);
    }
}
