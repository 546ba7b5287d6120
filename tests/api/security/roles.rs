//! Who may do what: every operation of the served document, as every kind of caller, by its own path and by every path
//! that looks like it. A route that the table below does not name fails here.

use std::collections::BTreeSet;

use posts_api::db::Timestamp;
use posts_api::keys;
use posts_api::keys::model::{CreateApiKey, SecretKey};
use posts_api::routing::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::call::Call;
use crate::support::{Api, Reply, on_both};

/// The least that an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Least {
    /// Keys are not even looked at.
    Unchecked,
    Anyone,
    Reader,
    Editor,
    Admin,
}
use Least::{Admin, Anyone, Editor, Reader, Unchecked};

/// What each operation is meant to take, written down a second time and by hand.
const MEANT: [(&str, Least); 19] = [
    ("list_posts", Anyone),
    ("get_post", Anyone),
    ("get_post_by_slug", Anyone),
    ("create_post", Editor),
    ("create_posts", Editor),
    ("put_post", Editor),
    ("update_post", Editor),
    ("delete_post", Editor),
    ("publish_post", Editor),
    ("unpublish_post", Editor),
    ("list_keys", Admin),
    ("create_key", Admin),
    ("revoke_key", Admin),
    ("get_openapi", Unchecked),
    ("get_docs", Unchecked),
    ("get_docs_file", Unchecked),
    ("get_problem", Unchecked),
    ("live", Unchecked),
    ("ready", Unchecked),
];

/// Stands in every draft and in every name of a key.
const SECRET: &str = "hushhush";

struct Operation {
    id: String,
    method: Method,
    path: String,
    least: Least,
}

impl Operation {
    fn call(&self, api: &Api, path: &str) -> Call {
        self.call_as(self.method.clone(), api, path)
    }

    fn call_as(&self, method: Method, api: &Api, path: &str) -> Call {
        let call = api.call(method.clone(), path);
        let body = match self.id.as_str() {
            "create_key" => json!({"name": SECRET, "role": "admin"}),
            "create_posts" => json!({"posts": [{"title": SECRET}]}),
            "publish_post" => json!({}),
            _ => json!({"title": SECRET}),
        };
        if [Method::POST, Method::PUT, Method::PATCH].contains(&method) { call.json(&body) } else { call }
    }
}

/// Every operation of the document that the service serves, on what exists: a draft, a key, a file.
async fn operations(api: &Api, draft: &Value) -> Vec<Operation> {
    let key = api.admin().post("/api/keys", &json!({"name": SECRET, "role": "reader"})).await.json(201);
    let document = api.get("/api/openapi.json").await.json(200);
    let mut operations = Vec::new();
    for (template, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            let id = described["operationId"].as_str().unwrap().to_owned();
            let meant = MEANT.iter().find(|(name, _)| *name == id);
            let (_, least) = *meant.unwrap_or_else(|| panic!("{id} has no row in this file"));
            assert_eq!(documented(described), least, "{id}: the document says something else");
            let thing = if template.starts_with("/api/keys") { &key } else { draft };
            let path = template
                .replace("{id}", &thing["id"].to_string())
                .replace("{slug}", draft["slug"].as_str().unwrap())
                .replace("{name}", "swagger-ui.css")
                .replace("{code}", "not_found");
            operations.push(Operation { id, method: method.to_uppercase().parse().unwrap(), path, least });
        }
    }
    let found: BTreeSet<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(found, MEANT.iter().map(|(id, _)| *id).collect(), "a row of this file names no operation");
    operations
}

/// What the document says that an operation takes: its `security`, and for the role the sentence in its description.
fn documented(operation: &Value) -> Least {
    match operation["security"].as_array().unwrap().as_slice() {
        [] => Unchecked,
        [nothing, _] if *nothing == json!({}) => Anyone,
        [_] => {
            let text = operation["description"].as_str().unwrap();
            let roles = [(Reader, "`reader`"), (Editor, "`editor`"), (Admin, "`admin`")];
            let says = |role: &str| text.contains(&format!("Takes a key with the role {role}"));
            roles.into_iter().find(|(_, role)| says(role)).map(|(least, _)| least).unwrap()
        }
        more => panic!("{more:?}"),
    }
}

/// Who calls, and how far that gets them: `None` is a key that is refused wherever keys are looked at.
struct Caller {
    name: &'static str,
    api: Api,
    role: Option<Least>,
}

impl Caller {
    fn may(&self, operation: &Operation) -> bool {
        operation.least == Unchecked || self.role.is_some_and(|role| role >= operation.least)
    }

    /// The answer to those who may not.
    fn refused(&self) -> (u16, &'static str) {
        match self.role {
            None => (401, "key_invalid"),
            Some(Anyone) => (401, "key_required"),
            Some(_) => (403, "forbidden"),
        }
    }
}

fn stored_key(api: &Api, expires_at: Option<Timestamp>) -> (i64, String) {
    let secret = SecretKey::generate().unwrap();
    let key = CreateApiKey { name: SECRET.into(), role: Role::Admin, expires_at };
    let hash = SecretKey::hash(secret.reveal());
    let made = keys::store::create(&mut api.server.database.connect(), &key, &hash, None, Timestamp::now()).unwrap();
    (made.id, secret.reveal().to_owned())
}

/// Every kind of caller. The revoked key has just been used at the instance that it is sent to, and was then revoked at
/// another one.
async fn callers(api: &Api) -> Vec<Caller> {
    let (_, expired) = stored_key(api, Some("2020-01-31T12:00:00Z".parse().unwrap()));
    let (id, revoked) = stored_key(api, None);
    api.with_key(&revoked).get("/api/keys").await.expect(200);
    let other = Api::start(&api.server.database, |_| {});
    other.admin().delete(&format!("/api/keys/{id}")).await.expect(204);
    let caller = |name, api, role| Caller { name, api, role };
    vec![
        caller("nobody", api.clone(), Some(Anyone)),
        caller("a reader", api.reader(), Some(Reader)),
        caller("an editor", api.editor(), Some(Editor)),
        caller("an admin", api.admin(), Some(Admin)),
        caller("an expired key", api.with_key(&expired), None),
        caller("a revoked key", api.with_key(&revoked), None),
        caller("a key that never was", api.with_key("posts_mfrggzdfmztwq2lknnwg23tpobyxe43u"), None),
        caller("garbage", api.with_key("' OR 1=1 --"), None),
    ]
}

/// Other ways to write a path that a proxy, a router or a file system might take for the same.
fn variants(path: &str) -> Vec<String> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let mut variants =
        vec![format!("{path}/"), format!("/{path}"), format!("{path}//"), format!("{path}/."), format!("{path}%2f")];
    for at in 0..segments.len() {
        let with = |change: &dyn Fn(&str) -> String| {
            let changed = |(index, part): (usize, &&str)| if index == at { change(part) } else { (*part).to_owned() };
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

/// Without the id that every answer has for itself.
fn body(reply: &Reply) -> Value {
    let mut body = serde_json::from_slice(&reply.body).unwrap_or_else(|_| json!(reply.text()));
    if let Some(id) = body.get_mut("request_id") {
        *id = Value::Null;
    }
    body
}

/// All that is stored, as an admin sees it.
async fn stored(api: &Api) -> Value {
    let posts = api.admin().get("/api/posts?published=any&limit=100").await.json(200);
    let mut keys = api.admin().get("/api/keys").await.json(200);
    for key in keys["items"].as_array_mut().unwrap() {
        // Written in the background.
        key["last_used_on"] = Value::Null;
    }
    json!([posts["items"], keys])
}

#[on_both]
async fn every_operation_requires_its_role(api: Api) {
    let draft = api.create(json!({"title": SECRET, "slug": "a-draft"})).await;
    let operations = operations(&api, &draft).await;
    let callers = callers(&api).await;
    let before = stored(&api).await;
    // Those who may not come first: whatever they do, nothing changes.
    for caller in &callers {
        for operation in operations.iter().filter(|operation| !caller.may(operation)) {
            let (status, code) = caller.refused();
            operation.call(&caller.api, &operation.path).await.problem(status, code);
        }
    }
    assert_eq!(stored(&api).await, before);
    for caller in &callers {
        for operation in operations.iter().filter(|operation| caller.may(operation)) {
            let reply = operation.call(&caller.api, &operation.path).await;
            // What one caller has deleted is missing to the next one; a draft is to those who may not read it.
            let fine = [200, 201, 204, 404].contains(&reply.status);
            assert!(fine, "{}, {}: {} {}", operation.id, caller.name, reply.status, reply.text());
            let may_see = caller.role >= Some(Reader);
            assert!(may_see || !reply.text().contains(SECRET), "{}, {}", operation.id, caller.name);
            assert!(
                reply.status != 404
                    || !may_see
                    || operation.path.ends_with(|last: char| last.is_ascii_digit())
                    || operation.path.ends_with("publish")
                    || operation.least == Anyone,
                "{}",
                operation.id
            );
        }
    }
}

#[on_both]
async fn alternative_paths_grant_no_extra_access(api: Api) {
    let draft = api.create(json!({"title": SECRET, "slug": "a-draft"})).await;
    api.create(json!({"title": "For everyone", "published": true})).await;
    let operations = operations(&api, &draft).await;
    let callers = callers(&api).await;
    let before = stored(&api).await;
    for caller in callers.iter().filter(|caller| caller.role != Some(Admin)) {
        for operation in &operations {
            let is_read = operation.method == Method::GET;
            // What an editor may change, other ways may change as well.
            if caller.may(operation) && !is_read {
                continue;
            }
            let plain = operation.call(&caller.api, &operation.path).await;
            for variant in variants(&operation.path) {
                let reply = operation.call(&caller.api, &variant).await;
                let told = format!("{} {variant} as {}: {}", operation.method, caller.name, reply.status);
                match reply.status {
                    // To the docs, for people who type an address.
                    307 => assert_eq!((operation.path.as_str(), reply.header("location")), ("/docs", Some("/docs"))),
                    404 | 405 => {}
                    401 | 403 => assert!(reply.status == plain.status || plain.status == 404, "{told}"),
                    status => {
                        assert!(status == plain.status && is_read, "{told}");
                        let same = body(&reply) == body(&plain) || operation.id == "list_posts";
                        assert!(same, "{told}: {}", reply.text());
                    }
                }
                assert!(caller.role >= Some(Reader) || !reply.text().contains(SECRET), "{told}: {}", reply.text());
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
            if !["nobody", "an editor"].contains(&caller.name) {
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
