//! Full-text search with `q`: matching posts and their order, equal on both databases.

mod corpus;
mod index;
mod matching;
mod query_text;
mod ranking;
mod tokens;

use serde_json::json;
use url::form_urlencoded::Serializer;

use crate::support::{Api, ids};

/// The path of a search for `q`, with other parameters before it.
fn path(q: &str, parameters: &str) -> String {
    let mut query = Serializer::new(parameters.to_owned());
    query.append_pair("q", q);
    format!("/api/posts?{}", query.finish())
}

/// The ids of all matching posts, most relevant first.
async fn search(api: &Api, q: &str) -> Vec<i64> {
    let mut page = api.get(&path(q, "limit=100&view=summary")).await.json(200);
    let mut matches = ids(&page);
    while let Some(cursor) = page["next_cursor"].as_str() {
        page = api.get(&path(q, &format!("limit=100&view=summary&cursor={cursor}"))).await.json(200);
        matches.extend(ids(&page));
    }
    matches
}

/// Imports published posts with these titles and contents. Their ids start at 1.
fn fill(api: &Api, posts: &[(&str, &str)]) {
    let post = |(id, (title, content)): (usize, &(&str, &str))| {
        let slug = format!("post-{id}");
        json!({"id": id, "slug": slug, "title": title, "content": content, "published": true})
    };
    api.server.database.import(&(1..).zip(posts).map(post).collect::<Vec<_>>());
}
