//! [`Cached`]: an `UPDATE` or upsert that stays prepared, and [`CachedForms`], which limits how many do.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

/// A statement that is stored in the prepared-statement cache under its text.
///
/// diesel never caches an `UPDATE`, because its text depends on the values that are set. For a statement that has
/// only a few forms, preparing costs more than running it: SQLite compiles the triggers of the table with it, and
/// PostgreSQL parses and plans it.
pub(crate) struct Cached<T> {
    statement: T,
    is_cached: bool,
}

impl<T> Cached<T> {
    /// For a statement with few forms.
    pub(crate) fn new(statement: T) -> Self {
        Self { statement, is_cached: true }
    }

    /// For a statement with many forms, or with none to cache. Without `is_cached`, the statement is not stored.
    pub(crate) fn only_if(is_cached: bool, statement: T) -> Self {
        Self { statement, is_cached }
    }
}

impl<T: Query> Query for Cached<T> {
    type SqlType = T::SqlType;
}

impl<T> QueryId for Cached<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T, C> RunQueryDsl<C> for Cached<T> {}

impl<T: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Cached<T> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.statement.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &DB) -> QueryResult<bool> {
        Ok(self.is_cached)
    }
}

/// The cached forms of statements that have many forms: lists and patches. A cached statement takes memory of the
/// service and of the database until the connection closes, so a connection caches only the first [`CachedForms::MAX`]
/// forms. On PostgreSQL, [`Connection::renew_plans`](crate::db::Connection::renew_plans) empties the cache when it
/// is full. On SQLite, the first forms stay.
#[derive(Debug, Default)]
pub(crate) struct CachedForms(HashSet<u64>);

impl CachedForms {
    /// More than a site and its editors use: most programs send the same few requests again and again.
    const MAX: usize = 64;

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= Self::MAX
    }

    /// Whether the statement of this form may be cached.
    pub(crate) fn admit(&mut self, form: impl Hash) -> bool {
        let form = BuildHasherDefault::<DefaultHasher>::default().hash_one(form);
        self.0.contains(&form) || (!self.is_full() && self.0.insert(form))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_caches_the_first_forms_only() {
        let mut forms = CachedForms::default();
        let admitted = |forms: &mut CachedForms| (0..1000).filter(|form| forms.admit(("patch", form))).count();
        assert_eq!(admitted(&mut forms), 64);
        assert_eq!(admitted(&mut forms), 64, "these forms stay admitted");
        assert!(forms.admit(("patch", 0)) && !forms.admit(("patch", 64)));
    }
}
