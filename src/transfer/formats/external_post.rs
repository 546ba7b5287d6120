//! Posts of other programs, made into ours.

use serde_json::{Value, json};

use crate::db::Timestamp;
use crate::posts::{model, slug};
use crate::transfer::imported_post::{ImportedPost, read};
use crate::transfer::source::Record;

/// A post of another program. Its times are RFC 3339.
#[derive(Debug, Default)]
pub(crate) struct Foreign {
    pub(crate) title: String,
    /// As it stands in that program's URLs; empty: none.
    pub(crate) slug: String,
    pub(crate) content: Option<String>,
    pub(crate) state: State,
    pub(crate) created_at: Option<String>,
    pub(crate) updated_at: Option<String>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Draft,
    /// At this time.
    Published(String),
    Scheduled(String),
}

/// How posts are counted that stay hidden, because nobody can tell when they were to be seen.
pub(crate) const UNDATED: &str = "published or scheduled posts without a date, which are drafts now";
/// What a post is called that has no name at all.
const UNTITLED: &str = "Untitled";

impl Foreign {
    /// The post, or why it cannot be one here; and what was made of it.
    pub(crate) fn into_record(self) -> (Result<Record, String>, Vec<String>) {
        let mut notes = Vec::new();
        let title = self.title_or_another(&mut notes);
        let (asked, base) = match self.slug.as_str() {
            "" => (None, None),
            given => match model::slug(given.to_owned()) {
                Ok(slug) => (Some(slug), None),
                Err(_) => (None, Some(slug::from_title(given))),
            },
        };
        if let Some(base) = &base {
            notes.push(format!("the slug {:?} is none here: it becomes {base}, or that with a number", self.slug));
        }
        let (published, published_at, scheduled_for) = match self.state {
            State::Draft => (false, None, None),
            State::Published(at) => (true, Some(at), None),
            State::Scheduled(at) => (false, None, Some(at)),
        };
        let post: Value = json!({
            "title": title, "slug": asked, "content": self.content, "published": published,
            "published_at": published_at, "scheduled_for": scheduled_for, "created_at": self.created_at,
            "updated_at": self.updated_at,
        });
        let post = read::<ImportedPost>(post, "").map(|mut post| {
            if base.is_some() {
                post.entry.base = base;
            }
            Record::Post(Box::new(post))
        });
        (post, notes)
    }

    fn title_or_another(&self, notes: &mut Vec<String>) -> String {
        if !self.title.trim().is_empty() {
            return self.title.clone();
        }
        let words = self.slug.replace('-', " ");
        let title = if words.trim().is_empty() { UNTITLED } else { words.trim() };
        notes.push(format!("it has no title, and is called {title:?}"));
        title.to_owned()
    }
}

/// A time as databases write it, `2026-01-31 12:00:00`, in UTC. `None`: the zeros that stand for no time, or nothing.
pub(crate) fn time(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.starts_with("0000-") {
        return None;
    }
    match text.split_once(' ') {
        Some((day, time)) => Some(format!("{day}T{time}Z")),
        None => Some(text.to_owned()),
    }
}

/// A time in milliseconds since 1970. `None`: it is out of range.
pub(crate) fn milliseconds(number: i64) -> Option<String> {
    Timestamp::from_microseconds(number.checked_mul(1000)?).ok().map(|time| time.to_string())
}
