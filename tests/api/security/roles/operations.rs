//! Every operation of the served document and the access that it requires. An operation without a row fails.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::call::Call;
use crate::support::{Api, when_ready};

/// The lowest access level that an operation requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    /// The server ignores keys, valid or not.
    Unchecked,
    Anyone,
    Reader,
    Editor,
    Admin,
}
use Access::{Admin, Anyone, Editor, Reader, Unchecked};

/// The required access of each operation, independent of the source.
const REQUIRED: [(&str, Access); 33] = [
    ("list_posts", Anyone),
    ("get_post", Anyone),
    ("get_post_by_slug", Anyone),
    ("list_redirects", Anyone),
    ("list_changes", Anyone),
    ("stream_changes", Anyone),
    ("create_post", Editor),
    ("batch_create_posts", Editor),
    ("put_post_by_slug", Editor),
    ("update_post", Editor),
    ("delete_post", Editor),
    ("publish_post", Editor),
    ("unpublish_post", Editor),
    ("list_tags", Anyone),
    ("list_authors", Anyone),
    ("list_keys", Admin),
    ("create_key", Admin),
    ("revoke_key", Admin),
    ("list_webhooks", Admin),
    ("create_webhook", Admin),
    ("get_webhook", Admin),
    ("update_webhook", Admin),
    ("delete_webhook", Admin),
    ("rotate_webhook_secret", Admin),
    ("replay_webhook", Admin),
    ("test_webhook", Admin),
    ("list_webhook_attempts", Admin),
    ("get_openapi", Unchecked),
    ("get_docs", Unchecked),
    ("get_docs_file", Unchecked),
    ("get_problem", Unchecked),
    ("check_liveness", Unchecked),
    ("check_readiness", Unchecked),
];

/// Part of every draft and of every key's name.
pub(super) const SECRET: &str = "hushhush";

pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) required: Access,
}

impl Operation {
    pub(super) fn call(&self, api: &Api, path: &str) -> Call {
        self.call_as(self.method.clone(), api, path)
    }

    pub(super) fn call_as(&self, method: Method, api: &Api, path: &str) -> Call {
        let call = api.call(method.clone(), path);
        let body = match self.id.as_str() {
            "create_key" => json!({"name": SECRET, "role": "admin"}),
            "batch_create_posts" => json!({"posts": [{"title": SECRET}]}),
            "create_webhook" => webhook(),
            "update_webhook" => json!({"name": SECRET}),
            "replay_webhook" => json!({"cursor": "now"}),
            "publish_post" | "rotate_webhook_secret" => json!({}),
            _ => json!({"title": SECRET}),
        };
        if [Method::POST, Method::PUT, Method::PATCH].contains(&method) { call.json(&body) } else { call }
    }
}

/// A webhook to which nothing is sent, except by a test request.
fn webhook() -> Value {
    json!({"url": "http://127.0.0.1:9/", "name": SECRET, "enabled": false})
}

/// Every operation of the served document, on resources that exist: a draft, a key, a webhook, a file.
pub(super) async fn operations(api: &Api, draft: &Value) -> Vec<Operation> {
    let key = api.admin().post("/api/keys", &json!({"name": SECRET, "role": "reader"})).await.json(201);
    let document = api.get("/api/openapi.json").await.json(200);
    let mut operations = Vec::new();
    for (template, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            let row = REQUIRED.iter().find(|(name, _)| *name == id);
            let (_, required) = *row.unwrap_or_else(|| panic!("{id} has no row in this file"));
            assert_eq!(documented_access(operation), required, "{id}: the document differs");
            // An admin deletes one of the webhooks, and then uses the others.
            let webhook = when_ready(|| api.admin().post("/api/webhooks", &webhook()));
            let resource = match template.split('/').nth(2) {
                Some("keys") => key.clone(),
                Some("webhooks") if template.contains("{id}") => webhook.await.json(201),
                _ => draft.clone(),
            };
            let path = template
                .replace("{id}", &resource["id"].to_string())
                .replace("{slug}", draft["slug"].as_str().unwrap())
                .replace("{name}", "page.css")
                .replace("{code}", "not_found");
            operations.push(Operation { id, method: method.to_uppercase().parse().unwrap(), path, required });
        }
    }
    let found: BTreeSet<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(found, REQUIRED.iter().map(|(id, _)| *id).collect(), "a row of this file names no operation");
    operations
}

/// The access that the document states: with `security`, and for the role with a sentence of the description.
fn documented_access(operation: &Value) -> Access {
    match operation["security"].as_array().unwrap().as_slice() {
        [] => Unchecked,
        [no_key, _] if *no_key == json!({}) => Anyone,
        [_] => {
            let text = operation["description"].as_str().unwrap();
            let roles = [(Reader, "`reader`"), (Editor, "`editor`"), (Admin, "`admin`")];
            let states = |role: &str| text.contains(&format!("Requires an API key with the role {role}"));
            roles.into_iter().find(|(_, role)| states(role)).map(|(access, _)| access).unwrap()
        }
        more => panic!("{more:?}"),
    }
}
