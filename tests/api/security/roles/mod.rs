//! Authorization: every operation as every kind of caller, by its own path and by every path that resembles it.

mod callers;
mod operations;

use callers::callers;
use operations::Access::{Admin, Anyone, Reader};
use operations::{SECRET, operations};
use reqwest::Method;
use serde_json::{Value, json};

use crate::changes::wait_until_settled;
use crate::support::{Api, Reply, on_both, when_ready};

/// Alternative spellings of a path that a proxy, a router, or a file system might treat as equal.
fn variants(path: &str) -> Vec<String> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let mut variants =
        vec![format!("{path}/"), format!("/{path}"), format!("{path}//"), format!("{path}/."), format!("{path}%2f")];
    for changed_index in 0..segments.len() {
        let with = |change: &dyn Fn(&str) -> String| {
            let changed =
                |(index, part): (usize, &&str)| if index == changed_index { change(part) } else { (*part).to_owned() };
            format!("/{}", segments.iter().enumerate().map(changed).collect::<Vec<_>>().join("/"))
        };
        variants.push(with(&|part| format!("/{part}")));
        variants.push(with(&|part| part.to_uppercase()));
        variants.push(with(&|part| format!("%{:02x}{}", part.as_bytes()[0], &part[1..])));
        variants.push(with(&|part| part.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()));
        variants.push(with(&|part| format!("{part};x=1")));
        variants.push(with(&|part| format!("{part}%00")));
        variants.push(with(&|part| format!("{part}%20")));
        variants.push(with(&|part| format!("x%2f..%2f{part}")));
    }
    variants.retain(|variant| variant != path);
    variants
}

/// The body without the request id, which differs between any two responses.
fn body(reply: &Reply) -> Value {
    let mut body = serde_json::from_slice(&reply.body).unwrap_or_else(|_| json!(reply.text()));
    if let Some(id) = body.get_mut("request_id") {
        *id = Value::Null;
    }
    body
}

/// All posts, keys, and webhooks, as an admin reads them.
async fn stored(api: &Api) -> Value {
    let posts = api.admin().get("/api/posts?published=any&limit=100").await.json(200);
    let mut keys = api.admin().get("/api/keys").await.json(200);
    for key in keys["items"].as_array_mut().unwrap() {
        // Recorded in the background.
        key["last_used_on"] = Value::Null;
    }
    json!([posts["items"], keys, api.admin().get("/api/webhooks").await.json(200)])
}

#[on_both]
async fn every_operation_requires_its_role(api: Api) {
    let draft = api.create(json!({"title": SECRET, "slug": "a-draft"})).await;
    let operations = operations(&api, &draft).await;
    let callers = callers(&api).await;
    let before = stored(&api).await;
    // First the callers without access: they must change nothing.
    for caller in &callers {
        for operation in operations.iter().filter(|operation| !caller.may(operation)) {
            let (status, code) = caller.rejection();
            operation.call(&caller.api, &operation.path).await.problem(status, code);
        }
    }
    assert_eq!(stored(&api).await, before);
    for caller in &callers {
        for operation in operations.iter().filter(|operation| caller.may(operation)) {
            let reply = when_ready(|| operation.call(&caller.api, &operation.path)).await;
            // 404: a previous caller deleted the resource, or the caller may not read the draft.
            let is_allowed = [200, 201, 204, 404].contains(&reply.status);
            assert!(is_allowed, "{}, {}: {} {}", operation.id, caller.name, reply.status, reply.text());
            let may_read_drafts = caller.access >= Some(Reader);
            assert!(may_read_drafts || !reply.text().contains(SECRET), "{}, {}", operation.id, caller.name);
            assert!(
                reply.status != 404
                    || !may_read_drafts
                    || operation.path.ends_with(|last: char| last.is_ascii_digit())
                    || operation.path.ends_with("publish")
                    || operation.required == Anyone,
                "{}",
                operation.id
            );
        }
    }
}

#[on_both]
async fn alternative_paths_grant_no_extra_access(api: Api) {
    let draft = api.create(json!({"title": SECRET, "slug": "a-draft"})).await;
    api.create(json!({"title": "Public", "published": true})).await;
    let operations = operations(&api, &draft).await;
    let callers = callers(&api).await;
    let before = stored(&api).await;
    wait_until_settled(&api).await;
    for caller in callers.iter().filter(|caller| caller.access != Some(Admin)) {
        for operation in &operations {
            let is_read = operation.method == Method::GET;
            // An alternative path of a permitted write may change data as well.
            if caller.may(operation) && !is_read {
                continue;
            }
            let plain = operation.call(&caller.api, &operation.path).await;
            for variant in variants(&operation.path) {
                let reply = operation.call(&caller.api, &variant).await;
                let context = format!("{} {variant} as {}: {}", operation.method, caller.name, reply.status);
                match reply.status {
                    // A redirect to the docs page.
                    307 => assert_eq!((operation.path.as_str(), reply.header("location")), ("/docs", Some("../docs"))),
                    404 | 405 => {}
                    401 | 403 => assert!(reply.status == plain.status || plain.status == 404, "{context}"),
                    status => {
                        assert!(status == plain.status && is_read, "{context}");
                        // The list contains other posts then, and a stream begins with a random number.
                        let differs = ["list_posts", "stream_changes"].contains(&operation.id.as_str());
                        let is_same = differs || body(&reply) == body(&plain);
                        assert!(is_same, "{context}: {}", reply.text());
                    }
                }
                assert!(caller.access >= Some(Reader) || !reply.text().contains(SECRET), "{context}: {}", reply.text());
            }
        }
    }
    assert_eq!(stored(&api).await, before);
}

#[on_both]
async fn head_and_options_reveal_no_more_than_get(api: Api) {
    let draft = api.create(json!({"title": SECRET, "slug": "a-draft"})).await;
    let operations = operations(&api, &draft).await;
    let callers = callers(&api).await;
    let before = stored(&api).await;
    wait_until_settled(&api).await;
    for caller in &callers {
        for operation in &operations {
            let get = caller.api.get(&operation.path).await;
            let head = caller.api.head(&operation.path).await.expect(get.status);
            assert!(head.body.is_empty(), "{}", operation.path);
            for name in ["etag", "content-length", "content-type", "www-authenticate", "cache-control"] {
                assert!(
                    head.header(name) == get.header(name) || head.header(name).is_none(),
                    "{} {name}",
                    operation.path
                );
            }
            if !["an anonymous client", "an editor"].contains(&caller.name) {
                continue;
            }
            let options = operation.call_as(Method::OPTIONS, &caller.api, &operation.path).await.expect(204);
            assert!(options.body.is_empty() && options.header("etag").is_none(), "{}", operation.path);
            for variant in variants(&operation.path) {
                let get = caller.api.get(&variant).await;
                let head = caller.api.head(&variant).await.expect(get.status);
                assert!(head.body.is_empty(), "{variant}");
                let options = caller.api.call(Method::OPTIONS, &variant).await;
                assert!(options.status != 200 && options.header("etag").is_none(), "{variant}: {}", options.status);
            }
        }
    }
    assert_eq!(stored(&api).await, before);
}

#[on_both]
async fn two_authorization_headers_are_rejected(api: Api) {
    let request = |first: &str, second: &str| {
        format!(
            "GET /api/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {first}\r\nAuthorization: Bearer {second}\r\n\
             Connection: close\r\n\r\n"
        )
    };
    let admin = crate::support::api::ADMIN_KEY;
    for (first, second) in [(admin, "nonsense"), ("nonsense", admin), (admin, admin)] {
        let reply = crate::support::raw::reply(api.server.address, request(first, second).as_bytes());
        reply.problem(401, "key_invalid");
    }
}
