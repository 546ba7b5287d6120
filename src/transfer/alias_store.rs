//! Stores the aliases of imported posts.

use crate::db::{Connection, Timestamp};
use crate::posts::aliases;
use crate::posts::aliases::store::NewAlias;
use crate::transfer::error::Error;
use crate::transfer::located::Located;
use crate::transfer::printable::quoted;
use crate::transfer::report::Report;

/// Adds the aliases to the posts with these slugs, and reports those that were not stored.
pub(crate) fn store_aliases(
    conn: &mut Connection,
    posts: &[(Located<()>, String, Vec<String>)],
    report: &mut Report,
) -> Result<(), Error> {
    let new = posts.iter().flat_map(|(location, post, aliases)| {
        aliases.iter().map(move |alias| NewAlias { item: location, post: post.clone(), alias: alias.clone() })
    });
    let new: Vec<_> = new.collect();
    if new.is_empty() {
        return Ok(());
    }
    for (NewAlias { item: location, alias, .. }, reason) in aliases::store::add(conn, new, Timestamp::now())? {
        report.notes.push(location.diagnostic(format!("the alias {} {reason}; it was not stored", quoted(&alias))));
    }
    Ok(())
}
