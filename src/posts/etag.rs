//! The entity tag of a post, and the condition under which a change is applied to the post with a tag.
//!
//! The tag is a hash of all columns that the JSON of a post contains, so that a tag never identifies other bytes: not
//! after a restore, not in another database, and not if an external writer changes a row without its version. Nothing
//! is stored that could repeat.
//!
//! PostgreSQL computes the same hash in the `WHERE` clause of a change. So the change needs no second statement that
//! reads the post, and of several concurrent changes with one tag exactly one is applied. On SQLite, only one write
//! runs at a time, so the service reads the post first.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use diesel::QueryResult;
use diesel::sql_types::Bool;
use sha2::{Digest, Sha256};

use crate::db::{Backend, BindValue, Connection, FixedSql};
use crate::posts::model::{NewPost, Post};
use crate::resource::versioned::{Preconditions, TagSet};

/// The number of hexadecimal digits of a tag: 128 bits, which make a collision infeasible.
const DIGITS: usize = 32;

/// The JSON of a post in the examples, as the service renders it. It is part of each hash, so that a release that
/// renders posts differently changes all tags.
static FORMAT: LazyLock<String> =
    LazyLock::new(|| hex(Sha256::digest(serde_json::to_vec(&NewPost::example().to_post(1)).unwrap_or_default())));

/// The entity tag of a post, without quotes. It is strong: two responses with the same tag have the same bytes.
#[must_use]
pub fn of(post: &Post) -> String {
    let mut hash = Sha256::new();
    hash.update(FORMAT.as_bytes());
    for value in post.values_as_text() {
        match value {
            // The length separates the values.
            Some(text) => {
                hash.update(format!("{}:", text.len()));
                hash.update(text.as_bytes());
            }
            None => hash.update("-"),
        }
    }
    hex(hash.finalize())
}

fn hex(hash: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(hash.as_ref()).chars().take(DIGITS).collect()
}

/// SQL texts that compare [`of()`], computed by PostgreSQL, with a list of tags.
struct Comparisons {
    includes: String,
    excludes: String,
    /// The end of a comparison, and the beginning of another one.
    and_excludes: String,
}

static COMPARISONS: LazyLock<Comparisons> = LazyLock::new(|| {
    let value = |text: String| format!("coalesce(octet_length({text}) || ':' || {text}, '-')");
    let values: Vec<String> = Post::columns_as_text().into_iter().map(value).collect();
    let text = format!("concat('{}', {})", *FORMAT, values.join(", "));
    let digest = format!("left(encode(sha256(convert_to({text}, 'UTF8')), 'hex'), {DIGITS})");
    Comparisons {
        includes: format!("{digest} = ANY (string_to_array("),
        excludes: format!("{digest} <> ALL (string_to_array("),
        and_excludes: format!("{END} AND {digest} <> ALL (string_to_array("),
    }
});

/// The end of a comparison. The tags of a list are joined by commas.
const END: &str = ", ','))";

/// The condition for a `WHERE` clause that the post meets the preconditions. `current` reads the post that the
/// statement changes.
pub(crate) fn condition(
    conn: &mut Connection,
    preconditions: &Preconditions,
    current: impl FnOnce(&mut Connection) -> QueryResult<Option<Post>>,
) -> QueryResult<FixedSql<Bool>> {
    if preconditions.is_empty() {
        return Ok(constant(true));
    }
    match conn.backend {
        Backend::Postgres(_) => Ok(in_sql(preconditions)),
        Backend::Sqlite(_) => Ok(constant(current(conn)?.is_some_and(|post| allow(preconditions, &post)))),
    }
}

/// Whether the change may be applied to this post.
pub(crate) fn allow(preconditions: &Preconditions, post: &Post) -> bool {
    preconditions.is_empty() || preconditions.allow(&of(post))
}

fn constant(value: bool) -> FixedSql<Bool> {
    FixedSql::new(if value { "TRUE" } else { "FALSE" })
}

fn in_sql(preconditions: &Preconditions) -> FixedSql<Bool> {
    let list = |tags: &[String]| {
        let tags: Vec<&str> = tags.iter().map(String::as_str).filter(|tag| has_form(tag)).collect();
        BindValue::Text(tags.join(","))
    };
    match (&preconditions.if_match, &preconditions.if_none_match) {
        (_, Some(TagSet::Any)) => constant(false),
        (None | Some(TagSet::Any), None) => constant(true),
        (None | Some(TagSet::Any), Some(TagSet::Tags(tags))) => {
            FixedSql::new(&COMPARISONS.excludes).bind(list(tags), END)
        }
        (Some(TagSet::Tags(tags)), None) => FixedSql::new(&COMPARISONS.includes).bind(list(tags), END),
        (Some(TagSet::Tags(tags)), Some(TagSet::Tags(others))) => {
            FixedSql::new(&COMPARISONS.includes).bind(list(tags), &COMPARISONS.and_excludes).bind(list(others), END)
        }
    }
}

/// Tags of another form match no post, and may contain a comma.
fn has_form(tag: &str) -> bool {
    tag.len() == DIGITS && tag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
