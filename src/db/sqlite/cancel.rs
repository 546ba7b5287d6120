//! Cancels statements on SQLite.
//!
//! diesel exposes neither `sqlite3_interrupt` nor a progress handler. Instead, long statements call an SQL function for
//! each row that they visit. It fails once the call is canceled, and SQLite ends the statement with its error. The
//! function is registered as nondeterministic, so SQLite neither evaluates it once per statement nor uses it to choose
//! a plan.

use std::sync::Arc;

use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Bool;
use diesel::sqlite::{Sqlite, SqliteConnection};

use crate::db::fixed_sql::FixedSql;
use crate::db::interrupt::Interrupt;

#[diesel::declare_sql_function]
extern "SQL" {
    /// True, or an error after the call has been canceled.
    fn check_canceled() -> Bool;
}

/// A condition that is true until the call is canceled, and then fails.
pub(crate) fn condition() -> FixedSql<Bool> {
    FixedSql::new("check_canceled()")
}

/// Defines the function of [`condition`] for this connection.
pub(crate) fn register(conn: &mut SqliteConnection, interrupt: &Arc<Interrupt>) -> QueryResult<()> {
    let interrupt = Arc::clone(interrupt);
    let check = move || CancelCheck { is_canceled: interrupt.is_canceled() };
    check_canceled_utils::register_nondeterministic_impl(conn, check)
}

#[derive(Debug)]
struct CancelCheck {
    is_canceled: bool,
}

impl ToSql<Bool, Sqlite> for CancelCheck {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        if self.is_canceled {
            return Err("the call was canceled".into());
        }
        out.set_value(1);
        Ok(IsNull::No)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Backend, Connection, DatabaseUrl, Timestamp, migrations};
    use crate::posts::labels::LabelKind;
    use crate::posts::labels::query::{LabelQuery, LabelSort};
    use crate::posts::labels::store::read_labels;
    use crate::posts::list;
    use crate::posts::list::count::{self, Count};
    use crate::posts::list::query::{Column, Filter, ListQuery, Order, SearchFilter, Sort, View};
    use crate::posts::list::search::Search;

    fn insert_post(conn: &mut Connection) {
        let insert = diesel::sql_query(
            "INSERT INTO posts (slug, title, tags, published, published_at, created_at, updated_at)
             VALUES ('a-post', 'A post', '[\"a tag\"]', 1, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z',
             '2026-01-01T00:00:00.000000Z')",
        );
        let Backend::Sqlite(conn) = &mut conn.backend else { unreachable!() };
        insert.execute(conn).unwrap();
    }

    /// The number of posts on the first page by title.
    fn read(conn: &mut Connection, filter: &Filter) -> QueryResult<usize> {
        read_by(conn, filter, Sort::By(Column::Title, Order::Ascending))
    }

    fn read_by(conn: &mut Connection, filter: &Filter, sort: Sort) -> QueryResult<usize> {
        let query = ListQuery { filter: filter.clone(), sort, limit: 20, position: None, view: View::Summary };
        list::read_page(conn, &query, list::MAX_PAGE_CONTENT).map(|page| page.items.len())
    }

    /// Any statement that visits many rows must stop, so each kind of list and count must contain the condition.
    #[test]
    fn long_lists_and_counts_stop_when_canceled() {
        let directory = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite { path: directory.path().join("posts.db") };
        let mut conn = Connection::open(&url).unwrap();
        migrations::run(&mut conn, &url).unwrap();
        insert_post(&mut conn);
        let published = Filter { published: Some(true), ..Filter::default() };
        let time = Some(Timestamp::MIN);
        let long = [
            Filter { updated_after: time, ..published.clone() },
            Filter { published_after: time, ..published.clone() },
            Filter { slugs: vec!["a-post".into()], ..published.clone() },
        ];
        for filter in &long {
            assert_eq!(read(&mut conn, filter), Ok(1));
        }
        let search = SearchFilter::For(Search::parse("post").unwrap());
        let search = Filter { search, ..published.clone() };
        let sorts = [Sort::Relevance, Sort::By(Column::Id, Order::Descending)];
        assert_eq!(sorts.map(|sort| read_by(&mut conn, &search, sort)), [Ok(1), Ok(1)]);
        let labels = [LabelSort::Name, LabelSort::Posts].map(|sort| LabelQuery {
            kind: LabelKind::Tag,
            sort,
            prefix: None,
            limit: 20,
            position: None,
        });
        for query in &labels {
            assert_eq!(read_labels(&mut conn, query).unwrap().0.len(), 1);
        }
        conn.interrupt.set_canceled(true);
        for query in &labels {
            assert!(read_labels(&mut conn, query).is_err(), "{query:?}");
        }
        for filter in &long {
            assert!(read(&mut conn, filter).is_err(), "{filter:?}");
            assert!(count::total(&mut conn, filter, Count::Exact, None).is_err(), "{filter:?}");
        }
        assert!(sorts.iter().all(|sort| read_by(&mut conn, &search, *sort).is_err()));
        assert!(count::total(&mut conn, &published, Count::Exact, None).is_err());
        // Reads few rows, and is not worth the check.
        assert_eq!(read(&mut conn, &published), Ok(1));
    }
}
