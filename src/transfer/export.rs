//! Export of all posts as NDJSON, one per line, from one consistent snapshot.

use std::io::Write;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde::Serialize;
use serde_json::json;

use crate::db::{Backend, Connection, on};
use crate::keys;
use crate::keys::model::StoredKey;
use crate::posts::aliases;
use crate::posts::model::Post;
use crate::schema::posts;
use crate::transfer::error::Error;
use crate::transfer::keys::LastIds;
use crate::transfer::limits::BATCH_SIZE;
use crate::transfer::progress::TransferProgress;

/// What an export includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    Posts,
    /// The posts, the API keys as hashes, and the last id of each sequence. Importing them into an empty database
    /// creates a full copy of this database.
    PostsAndKeys,
}

/// Writes all posts in ascending id order from one snapshot, then the keys and last ids if `contents` includes them.
/// Returns the number of posts.
///
/// # Errors
/// A query or a write to `out` failed.
pub fn export(
    conn: &mut Connection,
    out: &mut impl Write,
    contents: Contents,
    on_progress: impl FnMut(TransferProgress),
) -> Result<u64, Error> {
    let (count, trailer) = read_posts(conn, contents, on_progress, |post| write_line(out, &post))?;
    trailer.write(out)?;
    Ok(count)
}

/// Passes all posts in ascending id order from one snapshot to `sink`. Returns their number, and the trailer from the
/// same snapshot.
pub(crate) fn read_posts(
    conn: &mut Connection,
    contents: Contents,
    on_progress: impl FnMut(TransferProgress),
    sink: impl FnMut(ExportedPost<'_>) -> Result<(), Error>,
) -> Result<(u64, Trailer), Error> {
    let copied = copy_posts(conn, contents).unwrap_or_else(|error| {
        tracing::warn!(
            %error,
            "failed to copy the posts before the export; the write-ahead log will grow until the export ends"
        );
        None
    });
    conn.snapshot(|conn| {
        let trailer = match copied {
            Some(trailer) => trailer,
            None => Trailer::load(conn, contents)?,
        };
        Ok((read_batches(conn, on_progress, sink)?, trailer))
    })
}

/// Copies the posts of a SQLite database and their aliases to temporary tables that shadow `posts` and `post_aliases`
/// in this connection. Returns the trailer from the same snapshot, or `None` on PostgreSQL.
///
/// A read transaction keeps SQLite from truncating its write-ahead log, so the log grows with every write. The program
/// that reads the export can be slow, and the copy keeps the transaction short.
fn copy_posts(conn: &mut Connection, contents: Contents) -> QueryResult<Option<Trailer>> {
    // Not a diesel transaction: SQLite may roll back by itself when the disk is full, and diesel's transaction manager
    // would then mark the connection as broken.
    let Backend::Sqlite(sqlite) = &mut conn.backend else { return Ok(None) };
    sqlite.batch_execute("BEGIN")?;
    let copied = sqlite
        .batch_execute(
            "CREATE TEMP TABLE posts AS SELECT * FROM main.posts; CREATE UNIQUE INDEX temp.posts_id ON posts (id);
             CREATE TEMP TABLE post_aliases AS SELECT * FROM main.post_aliases;
             CREATE INDEX temp.post_aliases_post_id ON post_aliases (post_id, created_at, slug)",
        )
        .and_then(|()| Trailer::load(conn, contents));
    let Backend::Sqlite(sqlite) = &mut conn.backend else { return Ok(None) };
    let ended = sqlite.batch_execute(if copied.is_ok() { "COMMIT" } else { "ROLLBACK" });
    let trailer = copied?;
    ended?;
    Ok(Some(trailer))
}

/// The lines after the posts.
#[derive(Default)]
pub(crate) struct Trailer {
    keys: Vec<StoredKey>,
    last_ids: Option<LastIds>,
}

impl Trailer {
    fn load(conn: &mut Connection, contents: Contents) -> QueryResult<Self> {
        if contents == Contents::Posts {
            return Ok(Self::default());
        }
        let keys = keys::store::all(conn)?;
        Ok(Self { keys, last_ids: Some(LastIds::load(conn)?) })
    }

    fn write(&self, out: &mut impl Write) -> Result<(), Error> {
        self.keys.iter().try_for_each(|key| write_line(out, &json!({ "api_key": key })))?;
        self.last_ids.iter().try_for_each(|ids| write_line(out, &json!({ "last_ids": ids })))
    }
}

fn read_batches(
    conn: &mut Connection,
    mut on_progress: impl FnMut(TransferProgress),
    mut sink: impl FnMut(ExportedPost<'_>) -> Result<(), Error>,
) -> Result<u64, Error> {
    let total: i64 = on!(conn, conn => posts::table.count().get_result(conn))?;
    let (mut count, mut after) = (0, 0);
    loop {
        let batch: Vec<Post> = on!(conn, conn => posts::table
            .filter(posts::id.gt(after))
            .order(posts::id.asc())
            .limit(BATCH_SIZE.into())
            .select(Post::as_select())
            .load(conn))?;
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return Ok(count) };
        let mut aliases = aliases::store::of_posts(conn, first.id, last.id)?;
        after = last.id;
        for post in &batch {
            sink(ExportedPost { post, aliases: aliases.remove(&post.id).unwrap_or_default() })?;
            count += 1;
        }
        on_progress(TransferProgress { bytes: 0, posts: count, total: u64::try_from(total).ok() });
    }
}

/// A post with its aliases, as an export has it.
#[derive(Serialize)]
pub(crate) struct ExportedPost<'a> {
    #[serde(flatten)]
    pub(crate) post: &'a Post,
    /// The oldest first. A draft has aliases if it was public before. Omitted if the post has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) aliases: Vec<String>,
}

fn write_line(out: &mut impl Write, value: &impl Serialize) -> Result<(), Error> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    out.write_all(&line)?;
    Ok(())
}
