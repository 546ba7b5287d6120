//! The text of the file of one post.

use serde_json::{Value, json};

use crate::db::Timestamp;
use crate::posts::json_column::JsonText;
use crate::posts::model::Post;
use crate::transfer::export::ExportedPost;
use crate::transfer::markdown_export::yaml::write_member;

/// The front matter and the content.
///
/// A blank line precedes the content, and a line end follows it; an import removes both. `now` is the time of the
/// export.
pub(super) fn file_text(ExportedPost { post, aliases }: &ExportedPost<'_>, now: Timestamp) -> String {
    let mut text = "---\n".to_owned();
    for (key, value) in members(post, aliases, now) {
        // The times need no quotation marks: every YAML parser reads them as times or as strings, and both are right.
        match value {
            Value::String(time) if TIMES.contains(&key) => text.extend([key, ": ", &time, "\n"]),
            value => write_member(&mut text, key, &value, 0),
        }
    }
    text.push_str("---\n");
    if let Some(content) = post.content.as_deref().filter(|content| !content.is_empty()) {
        text.push('\n');
        text.push_str(content);
        text.push('\n');
    }
    text
}

const TIMES: [&str; 4] = ["date", "scheduled_for", "updated", "created_at"];

/// The members of the front matter in their order.
fn members(post: &Post, aliases: &[String], now: Timestamp) -> Vec<(&'static str, Value)> {
    let list = |text: &JsonText| text.parse().unwrap_or_default();
    let text = |text: &Option<String>| text.clone().map(Value::from);
    let members = [
        ("title", Some(json!(post.title))),
        ("slug", Some(json!(post.slug))),
        ("description", text(&post.description)),
        ("date", post.published_at.map(time)),
        ("scheduled_for", (!is_plain(post, now)).then(|| json!(post.scheduled_for.map(time)))),
        ("updated", Some(time(post.updated_at))),
        ("created_at", Some(time(post.created_at))),
        ("draft", Some(json!(!post.published))),
        ("tags", non_empty(Value::Array(list(&post.tags)))),
        ("authors", non_empty(Value::Array(list(&post.authors)))),
        ("image", text(&post.image)),
        ("image_alt", text(&post.image_alt)),
        ("aliases", non_empty(json!(aliases))),
        ("metadata", non_empty(Value::Object(post.metadata.parse().unwrap_or_default()))),
        // Without it, the post would have no content, which is null.
        ("content", post.content.as_ref().filter(|content| content.is_empty()).map(|_| json!(""))),
    ];
    members.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// Whether `date` and `draft` mean the state of the post in static site generators, too, which cannot express every
/// state: there, a date in the future schedules the post, and a draft has no date of publication.
///
/// For the other states, the front matter has `scheduled_for`, even if it is null. An import then reads the state as it
/// is. A generator takes a scheduled post for a draft, so that it does not publish the post too early.
fn is_plain(post: &Post, now: Timestamp) -> bool {
    let has_plain_date =
        if post.published { post.published_at.is_some_and(|at| at <= now) } else { post.published_at.is_none() };
    has_plain_date && post.scheduled_for.is_none()
}

fn non_empty(value: Value) -> Option<Value> {
    Some(value).filter(|value| *value != json!([]) && *value != json!({}))
}

/// The time, without a fraction of zero.
fn time(time: Timestamp) -> Value {
    time.to_string().replace(".000000Z", "Z").into()
}
