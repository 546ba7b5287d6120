//! Export and import: posts as NDJSON, one a line. What export writes, import reads back to the same posts.

use std::io::{BufRead, Write};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::Value;

use super::batch::{self, Entry, Outcome};
use super::input::OnConflict;
use super::model::{self, NewPost, Post};
use super::{excerpt, slug};
use crate::db::{Backend, Connection, MAX_ID, Timestamp, on};
use crate::input::{self, FieldError, Fields, Input, Invalid};
use crate::schema::posts;

/// Posts that are read or written in one statement. SQLite takes 32,766 values in one, PostgreSQL 65,535.
const BATCH: u16 = 500;

/// Lines of so many bytes are stored together even where they are fewer.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// The largest id that an import takes, 2^52: as many are left for the posts that follow.
const MAX_IMPORTED_ID: i64 = 1 << 52;

/// Why an export or import ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the file cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    #[error("a post cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the database failed: {0}")]
    Database(#[from] diesel::result::Error),
    /// Nothing was stored.
    #[error("{} of the lines cannot be imported", .0.len())]
    Invalid(Vec<InvalidLine>),
}

/// A line that is no post, or one that cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct InvalidLine {
    /// Counted from 1.
    pub line: u64,
    pub reason: String,
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Report {
    pub imported: u64,
    /// The lines left out, where that was asked for.
    pub skipped: Vec<InvalidLine>,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    pub bytes: u64,
    pub posts: u64,
}

/// Writes every post, oldest id first, as it was at one moment. Answers their number.
///
/// # Errors
/// The database's, or the writer's.
pub fn export(conn: &mut Connection, out: &mut impl Write) -> Result<u64, Error> {
    if let Backend::Sqlite(sqlite) = &mut conn.backend
        && let Err(error) = sqlite.batch_execute(COPY)
    {
        tracing::warn!(%error, "exporting without a copy: until it has been written, SQLite's write-ahead log grows");
    }
    conn.snapshot(|conn| write_all(conn, out))
}

/// While a moment of SQLite is read, its write-ahead log grows with every write, and whoever takes the export may be
/// slow. So the posts are copied to a temporary file of SQLite's, which takes their place in this connection.
const COPY: &str =
    "CREATE TEMP TABLE posts AS SELECT * FROM main.posts; CREATE UNIQUE INDEX temp.posts_id ON posts (id)";

fn write_all(conn: &mut Connection, out: &mut impl Write) -> Result<u64, Error> {
    let (mut count, mut after) = (0, 0);
    loop {
        let batch: Vec<Post> = on!(conn, conn => posts::table
            .filter(posts::id.gt(after))
            .order(posts::id.asc())
            .limit(BATCH.into())
            .select(Post::as_select())
            .load(conn))?;
        let Some(last) = batch.last() else { return Ok(count) };
        after = last.id;
        for post in &batch {
            let mut line = serde_json::to_vec(post)?;
            line.push(b'\n');
            out.write_all(&line)?;
            count += 1;
        }
    }
}

/// Stores the posts of `lines` in one transaction. Invalid lines are left out where `skip_invalid` says so; otherwise
/// they are all reported and nothing is stored.
///
/// # Errors
/// Invalid lines, or the database's, or the reader's; nothing is stored then.
pub fn import(
    conn: &mut Connection,
    lines: impl BufRead,
    skip_invalid: bool,
    mut progress: impl FnMut(Progress),
) -> Result<Report, Error> {
    conn.transaction(|conn| {
        if let Backend::Postgres(conn) = &mut conn.backend {
            // Nobody else takes an id or a slug between the look-up and the insert, as SQLite's lock has it anyway.
            diesel::sql_query("LOCK TABLE posts IN SHARE ROW EXCLUSIVE MODE").execute(conn)?;
        }
        let (mut report, mut batch, mut batched) = (Report::default(), Vec::new(), 0);
        let mut done = Progress::default();
        for (line, number) in lines.split(b'\n').zip(1..) {
            let line = line?;
            done.bytes += line.len() as u64 + 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            match parse(&line) {
                Ok(post) => batch.push((number, post)),
                Err(reason) => report.skipped.push(InvalidLine { line: number, reason }),
            }
            batched += line.len();
            if batch.len() == usize::from(BATCH) || batched > BATCH_BYTES {
                store_batch(conn, &mut batch, &mut report)?;
                batched = 0;
            }
            done.posts = report.imported;
            progress(done);
        }
        store_batch(conn, &mut batch, &mut report)?;
        if !report.skipped.is_empty() && !skip_invalid {
            return Err(Error::Invalid(report.skipped));
        }
        if let Backend::Postgres(conn) = &mut conn.backend
            && report.imported >= MANY
        {
            // Otherwise searches are planned for what was there before, until PostgreSQL looks by itself.
            diesel::sql_query("ANALYZE posts").execute(conn)?;
        }
        Ok(report)
    })
}

/// So many posts may change how often words occur.
const MANY: u64 = 1000;

fn parse(line: &[u8]) -> Result<ImportedPost, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))?;
    input::read(value, "").map_err(|errors| {
        let told = |FieldError { pointer, detail, .. }: &FieldError| format!("{pointer} {detail}");
        errors.iter().map(told).collect::<Vec<_>>().join("; ")
    })
}

/// A line of an import: only the title must be there.
struct ImportedPost(Entry);

impl Input for ImportedPost {
    fn read(fields: &mut Fields) -> Option<Self> {
        let id = fields.nullable("id", |id| within(id, MAX_IMPORTED_ID));
        let slug = fields.nullable("slug", model::slug);
        let title = fields.required("title", model::title);
        let content = fields.nullable("content", model::content);
        let published = fields.optional("published", Ok).unwrap_or(false);
        let published_at = fields.nullable("published_at", model::time).flatten();
        let scheduled_for = fields.nullable("scheduled_for", model::time);
        let created_at = fields.nullable("created_at", model::time);
        let updated_at = fields.nullable("updated_at", model::time);
        let version = fields.optional("version", |version| within(version, MAX_ID));
        let now = Timestamp::now();
        let (title, slug, content) = (title?, slug.flatten(), content.flatten());
        Some(Self(Entry {
            id: id.flatten(),
            base: if slug.is_none() { Some(slug::from_title(&title)) } else { None },
            row: NewPost {
                slug: slug.unwrap_or_default(),
                title,
                excerpt: excerpt::of(content.as_deref().unwrap_or_default()),
                content,
                published,
                published_at: published_at.or(published.then_some(now)),
                // What is published already has nothing to wait for.
                scheduled_for: scheduled_for.flatten().filter(|_| !published),
                created_at: created_at.flatten().or(published_at).unwrap_or(now),
                updated_at: updated_at.flatten().unwrap_or(now),
                version: version.unwrap_or(1),
            },
        }))
    }
}

fn within(number: i64, max: i64) -> Result<i64, Invalid> {
    let out_of_range = || Invalid::new("range", format!("must be from 1 to {max}"));
    Some(number).filter(|number| (1..=max).contains(number)).ok_or_else(out_of_range)
}

/// Stores what is free to be stored, notes the rest, and empties the batch.
fn store_batch(conn: &mut Connection, batch: &mut Vec<(u64, ImportedPost)>, report: &mut Report) -> Result<(), Error> {
    let (lines, entries): (Vec<u64>, Vec<Entry>) =
        batch.drain(..).map(|(line, ImportedPost(entry))| (line, entry)).unzip();
    let ids: Vec<Option<i64>> = entries.iter().map(|entry| entry.id).collect();
    let outcomes = batch::store(conn, entries, OnConflict::Error)?;
    for ((line, id), (outcome, slug)) in lines.into_iter().zip(ids).zip(outcomes) {
        let reason = match (outcome, id) {
            (Outcome::SlugTaken, _) => format!("/slug {slug} is taken"),
            (Outcome::IdTaken, Some(id)) => format!("/id {id} is taken"),
            _ => {
                report.imported += 1;
                continue;
            }
        };
        report.skipped.push(InvalidLine { line, reason });
    }
    Ok(())
}
