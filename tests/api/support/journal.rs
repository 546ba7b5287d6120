//! Records, outside the service's process, what the service has acknowledged, and so what the database must contain.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::sql_types::{BigInt, Bool, Text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::api::ADMIN_KEY;
use super::database::TestDatabase;
use super::wait_for;

/// The fields of a post that the journal compares.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
struct Post {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Text)]
    content: String,
    #[diesel(sql_type = Bool)]
    published: bool,
    #[diesel(sql_type = BigInt)]
    version: i64,
}

impl Post {
    fn of(response: &Value) -> Self {
        let text = |member: &str| response[member].as_str().unwrap().to_owned();
        Self {
            id: response["id"].as_i64().unwrap(),
            title: text("title"),
            content: text("content"),
            published: response["published"].as_bool().unwrap(),
            version: response["version"].as_i64().unwrap(),
        }
    }
}

/// A post that a writer sent.
struct Entry {
    body: Value,
    idempotency_key: Option<String>,
    /// The last acknowledged state. `None`: no write was acknowledged.
    acknowledged: Option<Post>,
    /// The state if the service executed a write whose response was lost. The id of a new post is unknown (0).
    possible: Option<Post>,
}

/// The result of a request, as the client sees it.
enum Outcome {
    Acknowledged {
        response: Value,
        is_replayed: bool,
    },
    /// The response, or the refused connection, says that nothing was stored.
    Refused,
    /// No response, or one that leaves open whether the write was executed.
    Unknown,
}

/// Counters for [`Journal::figures`].
#[derive(Debug, Default)]
struct Counts {
    acknowledged: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
    /// Unknown requests with a key whose retry received the first response.
    replayed: AtomicU64,
    /// Unknown requests with a key that only the retry executed.
    executed_by_retry: AtomicU64,
    /// Unknown requests without a retry that turned out to be executed.
    found_executed: AtomicU64,
    /// Unknown requests without a retry that turned out not to be executed.
    found_unexecuted: AtomicU64,
}

pub(crate) struct Journal {
    client: reqwest::Client,
    entries: Mutex<BTreeMap<u64, Entry>>,
    next: AtomicU64,
    counts: Counts,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            client: super::http_client().timeout(Duration::from_mins(1)).build().unwrap(),
            entries: Mutex::default(),
            next: AtomicU64::new(1),
            counts: Counts::default(),
        }
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.counts.acknowledged.load(Ordering::Relaxed)
    }

    pub(crate) fn unconfirmed(&self) -> u64 {
        self.counts.refused.load(Ordering::Relaxed) + self.counts.unknown.load(Ordering::Relaxed)
    }

    pub(crate) fn figures(&self) -> String {
        format!("{:?}", self.counts)
    }

    /// Creates a post, changes it, and publishes it. Returns `false` at the first write that is not acknowledged.
    pub(crate) async fn write(&self, base: &str) -> bool {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let key = number.is_multiple_of(2).then(|| format!("request-{number}"));
        let title = format!("Post {number}");
        let published = number.is_multiple_of(3);
        let body = json!({"title": title, "content": "created", "published": published});
        let created = Post { id: 0, title, content: "created".into(), published, version: 1 };
        let entry = Entry { body, idempotency_key: key, acknowledged: None, possible: Some(created) };
        self.entries.lock().unwrap().insert(number, entry);
        let Some(post) = self.create(base, number).await else { return false };
        let path = format!("/api/posts/{}", post.id);
        let change = Some(json!({"content": "changed"}));
        let patched = Post { content: "changed".into(), version: post.version + 1, ..post };
        let Some(post) = self.change(base, number, Method::PATCH, &path, change, patched).await else { return false };
        if post.published {
            return true;
        }
        let published = Post { published: true, version: post.version + 1, ..post };
        self.change(base, number, Method::POST, &format!("{path}/publish"), None, published).await.is_some()
    }

    async fn create(&self, base: &str, number: u64) -> Option<Post> {
        let (key, body) = {
            let entries = self.entries.lock().unwrap();
            (entries[&number].idempotency_key.clone(), entries[&number].body.clone())
        };
        let outcome = self.send(base, Method::POST, "/api/posts", key.as_deref(), Some(body)).await;
        self.record(number, outcome)
    }

    async fn change(
        &self,
        base: &str,
        number: u64,
        method: Method,
        path: &str,
        body: Option<Value>,
        expected: Post,
    ) -> Option<Post> {
        self.entries.lock().unwrap().get_mut(&number).unwrap().possible = Some(expected);
        let outcome = self.send(base, method, path, None, body).await;
        self.record(number, outcome)
    }

    /// Counts whether a request with an unknown outcome was executed.
    fn count_found(&self, entry: &Entry, post: Option<&Post>) {
        if entry.possible.is_some() {
            let is_executed = post.is_some() && post != entry.acknowledged.as_ref();
            count(if is_executed { &self.counts.found_executed } else { &self.counts.found_unexecuted });
        }
    }

    fn record(&self, number: u64, outcome: Outcome) -> Option<Post> {
        let mut entries = self.entries.lock().unwrap();
        let entry = entries.get_mut(&number).unwrap();
        match outcome {
            Outcome::Acknowledged { response, is_replayed } => {
                assert!(!is_replayed, "the request was sent once, but the response is a replay: {response}");
                let post = Post::of(&response);
                let expected = entry.possible.take().unwrap();
                assert_eq!(post, Post { id: post.id, ..expected }, "the response differs from the request");
                count(&self.counts.acknowledged);
                entry.acknowledged = Some(post.clone());
                Some(post)
            }
            Outcome::Refused => {
                count(&self.counts.refused);
                entry.possible = None;
                None
            }
            Outcome::Unknown => {
                count(&self.counts.unknown);
                None
            }
        }
    }

    async fn send(&self, base: &str, method: Method, path: &str, key: Option<&str>, body: Option<Value>) -> Outcome {
        let mut request = self.client.request(method, format!("{base}{path}")).bearer_auth(ADMIN_KEY);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Outcome::Refused,
            Err(_) => return Outcome::Unknown,
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let Ok(response) = response.json::<Value>().await else { return Outcome::Unknown };
        match (status, response["code"].as_str()) {
            (StatusCode::OK | StatusCode::CREATED, _) => {
                Outcome::Acknowledged { response, is_replayed: headers.contains_key("idempotency-replayed") }
            }
            (StatusCode::SERVICE_UNAVAILABLE, Some("database_unavailable")) => Outcome::Unknown,
            (StatusCode::SERVICE_UNAVAILABLE, _) | (_, Some("idempotency_key_in_use")) => Outcome::Refused,
            _ => panic!("{path}: {status} {response}"),
        }
    }

    /// Retries every unacknowledged create that has an `Idempotency-Key` until the service acknowledges it.
    pub(crate) async fn resend_unconfirmed(&self, base: &str) {
        let unconfirmed: Vec<u64> = {
            let entries = self.entries.lock().unwrap();
            let is_unconfirmed = |entry: &Entry| entry.acknowledged.is_none() && entry.idempotency_key.is_some();
            entries.iter().filter(|(_, entry)| is_unconfirmed(entry)).map(|(number, _)| *number).collect()
        };
        for number in unconfirmed {
            let (key, body, was_sent) = {
                let entries = self.entries.lock().unwrap();
                let entry = &entries[&number];
                (entry.idempotency_key.clone(), entry.body.clone(), entry.possible.is_some())
            };
            let (response, is_replayed) = wait_for("a response to the retry", async || {
                match self.send(base, Method::POST, "/api/posts", key.as_deref(), Some(body.clone())).await {
                    Outcome::Acknowledged { response, is_replayed } => Some((response, is_replayed)),
                    Outcome::Refused | Outcome::Unknown => None,
                }
            })
            .await;
            assert!(was_sent || !is_replayed, "a refused request was executed: {response}");
            count(if is_replayed { &self.counts.replayed } else { &self.counts.executed_by_retry });
            let mut entries = self.entries.lock().unwrap();
            let entry = entries.get_mut(&number).unwrap();
            entry.acknowledged = Some(Post::of(&response));
            entry.possible = None;
        }
    }

    /// Compares the database with the journal. Every acknowledged post is stored, as acknowledged or as a later
    /// unconfirmed change left it, and no post is stored twice.
    pub(crate) fn check(&self, database: &TestDatabase) {
        let rows = database.rows::<Post>("SELECT id, title, content, published, version FROM posts");
        let total = rows.len();
        let stored: HashMap<String, Post> = rows.into_iter().map(|post| (post.title.clone(), post)).collect();
        assert_eq!(stored.len(), total, "some posts are stored twice");
        let entries = self.entries.lock().unwrap();
        let mut found = 0;
        for entry in entries.values() {
            let title = entry.body["title"].as_str().unwrap();
            self.count_found(entry, stored.get(title));
            let Some(post) = stored.get(title) else {
                assert!(entry.acknowledged.is_none(), "{title} was acknowledged but is missing");
                continue;
            };
            found += 1;
            let is_possible = match (&entry.acknowledged, &entry.possible) {
                (Some(acknowledged), _) if acknowledged == post => true,
                (Some(_), Some(possible)) => possible == post,
                (None, Some(possible)) => *possible == Post { id: 0, ..post.clone() },
                (_, None) => false,
            };
            assert!(is_possible, "{post:?}; acknowledged: {:?}, possible: {:?}", entry.acknowledged, entry.possible);
        }
        assert_eq!(found, total, "the database contains posts that no writer sent");
        check_keys(database, &entries);
    }
}

/// Asserts that each stored `Idempotency-Key` response points to the acknowledged post.
fn check_keys(database: &TestDatabase, entries: &BTreeMap<u64, Entry>) {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        key: String,
        #[diesel(sql_type = Text)]
        location: String,
    }
    let rows = database.rows::<Row>("SELECT key, location FROM idempotency_keys");
    let stored: HashMap<&str, &str> = rows.iter().map(|row| (row.key.as_str(), row.location.as_str())).collect();
    assert_eq!(stored.len(), rows.len());
    for entry in entries.values() {
        if let (Some(key), Some(post)) = (&entry.idempotency_key, &entry.acknowledged) {
            assert_eq!(stored.get(key.as_str()), Some(&format!("/api/posts/{}", post.id).as_str()), "{key}");
        }
    }
}
