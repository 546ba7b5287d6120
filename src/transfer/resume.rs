//! What of a batch is stored already: an import that was interrupted is run again, and goes on after it.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::db::{Connection, Timestamp, on};
use crate::posts::batch::BatchEntry;
use crate::schema::posts;
use crate::transfer::imported_post::ImportedPost;

/// All but the content, which is long.
#[derive(Queryable, Selectable)]
#[diesel(table_name = posts)]
struct Stored {
    id: i64,
    slug: String,
    title: String,
    published: bool,
    published_at: Option<Timestamp>,
    scheduled_for: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl ImportedPost {
    /// Whether it would be known again: by its id, its slug, or the moment that it was written at.
    pub(crate) fn is_recognizable(&self) -> bool {
        self.entry.id.is_some() || self.entry.base.is_none() || self.told.created_at
    }

    /// But for the content.
    fn is(&self, stored: &Stored) -> bool {
        let Self { entry: BatchEntry { id, base, row }, told } = self;
        id.is_none_or(|id| id == stored.id)
            && (base.is_some() || row.slug == stored.slug)
            && row.title == stored.title
            && row.published == stored.published
            && row.scheduled_for == stored.scheduled_for
            && row.version == stored.version
            && (!told.published_at || row.published_at == stored.published_at)
            && (!told.created_at || row.created_at == stored.created_at)
            && (!told.updated_at || row.updated_at == stored.updated_at)
    }
}

/// The places in `batch` of posts that are stored as they stand there. Each must be recognizable.
pub(crate) fn found(conn: &mut Connection, batch: &[&ImportedPost]) -> QueryResult<HashSet<usize>> {
    let stored = candidates(conn, batch)?;
    let mut places: HashMap<i64, Vec<usize>> = HashMap::new();
    for (place, post) in batch.iter().enumerate() {
        if let Some(same) = stored.iter().find(|stored| post.is(stored)) {
            places.entry(same.id).or_default().push(place);
        }
    }
    let ids: Vec<i64> = places.keys().copied().collect();
    let contents: Vec<(i64, Option<String>)> = on!(conn, conn => posts::table
        .filter(posts::id.eq_any(&ids))
        .select((posts::id, posts::content))
        .load(conn))?;
    let mut found = HashSet::new();
    for (id, content) in contents {
        let same = places.remove(&id).unwrap_or_default().into_iter();
        found.extend(same.filter(|place| batch.get(*place).is_some_and(|post| post.entry.row.content == content)));
    }
    Ok(found)
}

fn candidates(conn: &mut Connection, batch: &[&ImportedPost]) -> QueryResult<Vec<Stored>> {
    let (mut ids, mut slugs, mut titles, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ImportedPost { entry: BatchEntry { id, base, row }, .. } in batch {
        match (id, base) {
            (Some(id), _) => ids.push(*id),
            (None, None) => slugs.push(&row.slug),
            (None, Some(_)) => {
                titles.push(&row.title);
                times.push(row.created_at);
            }
        }
    }
    let mut stored: Vec<Stored> = Vec::new();
    if !ids.is_empty() {
        stored.extend(on!(conn, conn => posts::table
            .filter(posts::id.eq_any(&ids))
            .select(Stored::as_select())
            .load::<Stored>(conn))?);
    }
    if !slugs.is_empty() {
        stored.extend(on!(conn, conn => posts::table
            .filter(posts::slug.eq_any(&slugs))
            .select(Stored::as_select())
            .load::<Stored>(conn))?);
    }
    if !titles.is_empty() {
        // Both values of the first column of the index, which then finds the titles.
        stored.extend(on!(conn, conn => posts::table
            .filter(posts::published.eq_any([true, false]))
            .filter(posts::title.eq_any(&titles))
            .filter(posts::created_at.eq_any(&times))
            .select(Stored::as_select())
            .load::<Stored>(conn))?);
    }
    Ok(stored)
}
