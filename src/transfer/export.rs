//! Every post as a line of NDJSON, as it was at one moment.

use std::io::Write;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde::Serialize;
use serde_json::json;

use crate::db::{Backend, Connection, Sequence, on};
use crate::keys;
use crate::keys::model::StoredKey;
use crate::posts::model::Post;
use crate::schema::posts;
use crate::transfer::keys::LastIds;
use crate::transfer::{BATCH, Error, Progress};

/// What of a database is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    Posts,
    /// With the API keys, by their hashes, and where ids go on: all that another database needs to take its place.
    PostsAndKeys,
}

/// Writes every post, oldest id first, as it was at one moment, and then what else `contents` names. Answers the number
/// of posts.
///
/// # Errors
/// The database's, or the writer's.
pub fn export(
    conn: &mut Connection,
    out: &mut impl Write,
    contents: Contents,
    progress: impl FnMut(Progress),
) -> Result<u64, Error> {
    let copied = copy(conn, contents).unwrap_or_else(|error| {
        tracing::warn!(%error, "exporting without a copy: until it has been written, SQLite's write-ahead log grows");
        None
    });
    conn.snapshot(|conn| {
        let rest = match copied {
            Some(rest) => rest,
            None => Rest::read(conn, contents)?,
        };
        let count = write_posts(conn, out, progress)?;
        rest.write(out)?;
        Ok(count)
    })
}

/// While a moment of SQLite is read, its write-ahead log grows with every write, and whoever takes the export may be
/// slow. So the posts are copied to a temporary file of SQLite's, which takes their place in this connection. `None` on
/// PostgreSQL.
fn copy(conn: &mut Connection, contents: Contents) -> QueryResult<Option<Rest>> {
    // Not a transaction of diesel's: one that SQLite has ended by itself, as it may where there is no room, would leave
    // the connection of no use.
    let Backend::Sqlite(sqlite) = &mut conn.backend else { return Ok(None) };
    sqlite.batch_execute("BEGIN")?;
    let copied = sqlite
        .batch_execute(
            "CREATE TEMP TABLE posts AS SELECT * FROM main.posts; CREATE UNIQUE INDEX temp.posts_id ON posts (id)",
        )
        .and_then(|()| Rest::read(conn, contents));
    let Backend::Sqlite(sqlite) = &mut conn.backend else { return Ok(None) };
    let ended = sqlite.batch_execute(if copied.is_ok() { "COMMIT" } else { "ROLLBACK" });
    let rest = copied?;
    ended?;
    Ok(Some(rest))
}

/// What follows the posts.
#[derive(Default)]
struct Rest {
    keys: Vec<StoredKey>,
    last_ids: Option<LastIds>,
}

impl Rest {
    fn read(conn: &mut Connection, contents: Contents) -> QueryResult<Self> {
        if contents == Contents::Posts {
            return Ok(Self::default());
        }
        let keys = keys::store::all(conn)?;
        let last_ids = LastIds { posts: Sequence::Posts.last_id(conn)?, api_keys: Sequence::ApiKeys.last_id(conn)? };
        Ok(Self { keys, last_ids: Some(last_ids) })
    }

    fn write(&self, out: &mut impl Write) -> Result<(), Error> {
        self.keys.iter().try_for_each(|key| write_line(out, &json!({ "api_key": key })))?;
        self.last_ids.iter().try_for_each(|ids| write_line(out, &json!({ "last_ids": ids })))
    }
}

fn write_posts(conn: &mut Connection, out: &mut impl Write, mut progress: impl FnMut(Progress)) -> Result<u64, Error> {
    let of: i64 = on!(conn, conn => posts::table.count().get_result(conn))?;
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
            write_line(out, post)?;
            count += 1;
        }
        progress(Progress { bytes: 0, posts: count, of: u64::try_from(of).ok() });
    }
}

fn write_line(out: &mut impl Write, value: &impl Serialize) -> Result<(), Error> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    out.write_all(&line)?;
    Ok(())
}
