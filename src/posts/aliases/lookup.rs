//! Queries that resolve an old slug, and list the redirects.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::db::{Backend, BindValue, Connection, FixedSql, on};
use crate::posts::aliases::model::Redirect;
use crate::posts::model::Post;
use crate::posts::store;
use crate::posts::store::ReadScope;

/// What a slug leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlugTarget {
    Post(Box<Post>),
    /// The slug is an alias.
    Moved(Redirect),
    Missing,
}

/// Finds the post with this slug, or else the post of which it is an alias.
///
/// If a concurrent change gives the slug to a post between the two lookups, the second one finds that post, and the
/// first one is repeated.
pub fn resolve(conn: &mut Connection, slug: &str, scope: ReadScope) -> QueryResult<SlugTarget> {
    loop {
        if let Some(post) = store::find_by_slug(conn, slug, scope)? {
            return Ok(SlugTarget::Post(Box::new(post)));
        }
        match find_owner(conn, slug, scope)? {
            Some((id, to)) if to != slug => {
                return Ok(SlugTarget::Moved(Redirect { from: slug.to_owned(), to, id }));
            }
            Some(_) => {}
            None => return Ok(SlugTarget::Missing),
        }
    }
}

/// The id and the present slug of the post with this slug or alias. It is one statement, because two could miss a post
/// that is renamed between them.
fn find_owner(conn: &mut Connection, slug: &str, scope: ReadScope) -> QueryResult<Option<(i64, String)>> {
    const HEAD: &str = "SELECT posts.id, posts.slug FROM posts WHERE posts.id = coalesce(\
        (SELECT named.id FROM posts AS named WHERE named.slug = ";
    let (named_end, alias_end) = match scope {
        ReadScope::All => ("), (SELECT post_id FROM post_aliases WHERE slug = ", "))"),
        ReadScope::Published => (
            " AND named.published), (SELECT post_id FROM post_aliases WHERE slug = ",
            " AND published)) AND posts.published",
        ),
    };
    let value = || BindValue::Text(slug.to_owned());
    let sql = FixedSql::<(BigInt, Text)>::new(HEAD).bind(value(), named_end).bind(value(), alias_end);
    let owners: Vec<(i64, String)> = on!(conn, conn => sql.load(conn))?;
    Ok(owners.into_iter().next())
}

/// The redirects of a page, and the old slug after which the next page begins.
pub type FoundRedirects = (Vec<Redirect>, Option<String>);

/// Reads a page of at most `limit` redirects, which is at most 100. They follow the old slug `after`, and are ordered
/// by old slug.
///
/// The page can be shorter than `limit` although there is another one: it omits an alias that is the slug of a
/// published post. The triggers prevent such an alias, unless transactions with a snapshot of their own run
/// concurrently.
pub fn list(conn: &mut Connection, after: Option<&str>, limit: usize) -> QueryResult<FoundRedirects> {
    // A bound LIMIT would make PostgreSQL plan at each execution. NULLS FIRST matches post_aliases_published_slug and
    // not the primary key, which also contains the aliases of drafts.
    let page = match &conn.backend {
        Backend::Postgres(_) => " ORDER BY slug NULLS FIRST LIMIT 101",
        Backend::Sqlite(_) => " ORDER BY slug LIMIT 101",
    };
    let sql = FixedSql::<(Text, Nullable<Text>, Nullable<BigInt>)>::new(
        "SELECT alias.slug, posts.slug, posts.id \
         FROM (SELECT slug, post_id FROM post_aliases WHERE published = ",
    )
    .bind(BindValue::Bool(true), " AND slug > ")
    .bind(BindValue::Text(after.unwrap_or_default().to_owned()), page)
    .text(
        ") AS alias LEFT JOIN posts ON posts.id = alias.post_id AND posts.published \
         AND NOT EXISTS (SELECT 1 FROM posts AS named WHERE named.slug = alias.slug AND named.published)",
    );
    let mut rows: Vec<(String, Option<String>, Option<i64>)> = on!(conn, conn => sql.load(conn))?;
    rows.sort_unstable();
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(|(from, ..)| from.clone());
    let redirects = rows.into_iter().filter_map(|(from, to, id)| Some(Redirect { from, to: to?, id: id? }));
    Ok((redirects.collect(), next))
}
