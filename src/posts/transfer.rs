//! Export and import: posts as NDJSON, one a line. What export writes, import reads back to the same posts.

use std::collections::HashSet;
use std::io::{BufRead, Write};
use std::str::FromStr;

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::Value;

use super::model::{self, Post};
use super::{excerpt, slug, store};
use crate::db::{Connection, MAX_ID, Timestamp, on};
use crate::input::{self, FieldError, Fields, Input, Invalid};
use crate::schema::posts;

/// Posts that are read or written in one statement. SQLite takes 32,766 values in one, PostgreSQL 65,535.
const BATCH: u16 = 500;

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
    conn.snapshot(|conn| {
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
                serde_json::to_writer(&mut *out, post)?;
                out.write_all(b"\n")?;
                count += 1;
            }
        }
    })
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
        if let Connection::Postgres(conn) = conn {
            // Nobody else takes an id or a slug between the look-up and the insert, as SQLite's lock has it anyway.
            diesel::sql_query("LOCK TABLE posts IN SHARE ROW EXCLUSIVE MODE").execute(conn)?;
        }
        let (mut report, mut batch, mut done) = (Report::default(), Vec::new(), Progress::default());
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
            if batch.len() == usize::from(BATCH) {
                store_batch(conn, &mut batch, &mut report)?;
            }
            done.posts = report.imported;
            progress(done);
        }
        store_batch(conn, &mut batch, &mut report)?;
        if report.skipped.is_empty() || skip_invalid { Ok(report) } else { Err(Error::Invalid(report.skipped)) }
    })
}

fn parse(line: &[u8]) -> Result<ImportedPost, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))?;
    input::read(value, "").map_err(|errors| {
        let told = |FieldError { pointer, detail, .. }: &FieldError| format!("{pointer} {detail}");
        errors.iter().map(told).collect::<Vec<_>>().join("; ")
    })
}

/// A line of an import: only the title must be there.
struct ImportedPost {
    id: Option<i64>,
    slug: Option<String>,
    row: ImportedRow,
}

#[derive(Insertable)]
#[diesel(table_name = posts, treat_none_as_default_value = false)]
struct ImportedRow {
    slug: String,
    title: String,
    content: Option<String>,
    excerpt: String,
    published: bool,
    published_at: Option<Timestamp>,
    scheduled_for: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl Input for ImportedPost {
    fn read(fields: &mut Fields) -> Option<Self> {
        let id = fields.nullable("id", |id| within(id, MAX_ID));
        let slug = fields.nullable("slug", model::slug);
        let title = fields.required("title", model::title);
        let content = fields.nullable("content", model::content);
        let published = fields.optional("published", Ok).unwrap_or(false);
        let published_at = fields.nullable("published_at", time).flatten();
        let scheduled_for = fields.nullable("scheduled_for", time);
        let created_at = fields.nullable("created_at", time);
        let updated_at = fields.nullable("updated_at", time);
        let version = fields.optional("version", |version| within(version, i64::MAX));
        let now = Timestamp::now();
        Some(Self {
            id: id.flatten(),
            slug: slug.flatten(),
            row: ImportedRow {
                slug: String::new(),
                title: title?,
                excerpt: excerpt::of(content.as_ref().and_then(Option::as_deref).unwrap_or_default()),
                content: content.flatten(),
                published,
                published_at: published_at.or(published.then_some(now)),
                scheduled_for: scheduled_for.flatten(),
                created_at: created_at.flatten().or(published_at).unwrap_or(now),
                updated_at: updated_at.flatten().unwrap_or(now),
                version: version.unwrap_or(1),
            },
        })
    }
}

fn within(number: i64, max: i64) -> Result<i64, Invalid> {
    let out_of_range = || Invalid::new("range", format!("must be from 1 to {max}"));
    Some(number).filter(|number| (1..=max).contains(number)).ok_or_else(out_of_range)
}

fn time(text: String) -> Result<Timestamp, Invalid> {
    Timestamp::from_str(&text).map_err(|error| Invalid::new("format", error.to_string()))
}

/// Stores what is free to be stored, notes the rest, and empties the batch.
fn store_batch(conn: &mut Connection, batch: &mut Vec<(u64, ImportedPost)>, report: &mut Report) -> Result<(), Error> {
    let mut taken = Taken::in_database(conn, batch)?;
    let (mut with_id, mut without_id) = (Vec::new(), Vec::new());
    for (line, mut post) in batch.drain(..) {
        let refusal = match (&post.id, &post.slug) {
            (Some(id), _) if taken.ids.contains(id) => Some(format!("/id {id} is taken")),
            (_, Some(slug)) if taken.slugs.contains(slug) => Some(format!("/slug {slug} is taken")),
            _ => None,
        };
        if let Some(reason) = refusal {
            report.skipped.push(InvalidLine { line, reason });
            continue;
        }
        post.row.slug = match post.slug {
            Some(slug) => slug,
            None => slug::first_free(&slug::from_title(&post.row.title), |slug| {
                Ok::<_, diesel::result::Error>(taken.slugs.contains(slug) || store::is_taken(conn, slug)?)
            })?,
        };
        taken.slugs.insert(post.row.slug.clone());
        match post.id {
            Some(id) => {
                taken.ids.insert(id);
                with_id.push((posts::id.eq(id), post.row));
            }
            None => without_id.push(post.row),
        }
        report.imported += 1;
    }
    if !with_id.is_empty() {
        on!(conn, conn => diesel::insert_into(posts::table).values(&with_id).execute(conn))?;
        continue_ids(conn)?;
    }
    if !without_id.is_empty() {
        on!(conn, conn => diesel::insert_into(posts::table).values(&without_id).execute(conn))?;
    }
    Ok(())
}

/// The ids and slugs of a batch that are not free.
struct Taken {
    ids: HashSet<i64>,
    slugs: HashSet<String>,
}

impl Taken {
    fn in_database(conn: &mut Connection, batch: &[(u64, ImportedPost)]) -> QueryResult<Self> {
        let ids: Vec<i64> = batch.iter().filter_map(|(_, post)| post.id).collect();
        let slugs: Vec<&str> = batch.iter().filter_map(|(_, post)| post.slug.as_deref()).collect();
        let ids: Vec<i64> =
            on!(conn, conn => posts::table.filter(posts::id.eq_any(&ids)).select(posts::id).load(conn))?;
        let slugs: Vec<String> =
            on!(conn, conn => posts::table.filter(posts::slug.eq_any(&slugs)).select(posts::slug).load(conn))?;
        Ok(Self { ids: ids.into_iter().collect(), slugs: slugs.into_iter().collect() })
    }
}

/// PostgreSQL's sequence does not see ids that were given; SQLite's AUTOINCREMENT does.
fn continue_ids(conn: &mut Connection) -> QueryResult<()> {
    let Connection::Postgres(conn) = conn else { return Ok(()) };
    diesel::select(diesel::dsl::sql::<BigInt>(
        "setval(pg_get_serial_sequence('posts', 'id'), \
         greatest((SELECT max(id) FROM posts), nextval(pg_get_serial_sequence('posts', 'id')) - 1, 1))",
    ))
    .execute(conn)
    .map(drop)
}
