//! `GET /api/tags` and `GET /api/authors`, and the table of labels behind them, for posts of the
//! service and of other programs.

mod external_json;
mod external_writers;
mod model_check;
mod names;
mod pages;
mod query_plans;
mod resync;

use serde_json::Value;

pub(crate) use self::resync::assert_labels_match;
use crate::support::Api;

/// The names and counts on a page, as `Rust 12`.
fn labels(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| format!("{} {}", item["name"].as_str().unwrap(), item["posts"])).collect()
}

/// The names and counts of the first page at a path, as `Rust 12`.
async fn read(api: &Api, path: &str) -> Vec<String> {
    labels(&api.get(path).await.json(200))
}
