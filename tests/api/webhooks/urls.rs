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

/// The values of headers are credentials for one receiver, which not even an admin can read.
#[on_both]
async fn stored_headers_are_not_sent_to_another_receiver(api: Api) {
    let stored = json!({"Authorization": "Bearer hush", "X-Token": "hush"});
    let webhook = create(&api, json!({"url": "https://8.8.8.8/a", "headers": stored})).await;
    for url in ["https://1.1.1.1/a", "https://8.8.8.8:8443/a", "http://127.0.0.1/a"] {
        let reply = api.admin().patch(&path(&webhook), &json!({"url": url})).await;
        assert_eq!(reply.field_errors(), [("/headers".to_owned(), "required".to_owned())], "{url}");
    }
    let same = api.admin().patch(&path(&webhook), &json!({"url": "https://8.8.8.8/b?c=d"})).await.json(200);
    assert_eq!(same["headers"], json!(["Authorization", "X-Token"]));
    // The headers of the patch are not merged with the stored ones.
    let patch = json!({"url": "https://1.1.1.1/", "headers": {"X-Token": "new", "Authorization": null}});
    let moved = api.admin().patch(&path(&webhook), &patch).await.json(200);
    assert_eq!(moved["headers"], json!(["X-Token"]));
    let patch = json!({"url": "https://8.8.8.8/", "headers": {"X-Other": "new"}});
    assert_eq!(api.admin().patch(&path(&webhook), &patch).await.json(200)["headers"], json!(["X-Other"]));
    let patch = json!({"url": "https://1.1.1.1/", "headers": null});
    assert_eq!(api.admin().patch(&path(&webhook), &patch).await.json(200)["headers"], json!([]));
    api.admin().patch(&path(&webhook), &json!({"url": "https://8.8.8.8/"})).await.expect(200);
}
