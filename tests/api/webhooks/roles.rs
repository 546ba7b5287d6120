//! Only admins manage webhooks.

use reqwest::Method;
use serde_json::json;

use super::{create, path};
use crate::support::{Api, on_both};

#[on_both]
async fn only_admins_may_use_the_routes(api: Api) {
    let webhook = create(&api, json!({})).await;
    let before = api.admin().get("/api/webhooks").await.json(200);
    let path = path(&webhook);
    for (method, path, body) in [
        (Method::GET, "/api/webhooks".to_owned(), None),
        (Method::POST, "/api/webhooks".to_owned(), Some(json!({"url": super::URL}))),
        (Method::GET, path.clone(), None),
        (Method::PATCH, path.clone(), Some(json!({"enabled": true}))),
        (Method::DELETE, path.clone(), None),
        (Method::POST, format!("{path}/rotate"), None),
        (Method::POST, format!("{path}/replay"), Some(json!({"cursor": "now"}))),
        (Method::POST, format!("{path}/test"), None),
        (Method::GET, format!("{path}/attempts"), None),
        // A missing webhook does not differ.
        (Method::GET, "/api/webhooks/999".to_owned(), None),
    ] {
        for (client, status, code) in [
            (api.clone(), 401, "key_required"),
            (api.with_key("posts_unknown"), 401, "key_invalid"),
            (api.reader(), 403, "forbidden"),
            (api.editor(), 403, "forbidden"),
        ] {
            let call = client.call(method.clone(), &path);
            let call = match &body {
                Some(body) => call.json(body),
                None => call,
            };
            let problem = call.await.problem(status, code);
            assert!(!problem.to_string().contains("hush"), "{problem}");
        }
    }
    assert_eq!(api.admin().get("/api/webhooks").await.json(200), before);
}
