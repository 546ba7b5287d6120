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
    let check = move || Check { is_canceled: interrupt.is_canceled() };
    check_canceled_utils::register_nondeterministic_impl(conn, check)
}

#[derive(Debug)]
struct Check {
    is_canceled: bool,
}

impl ToSql<Bool, Sqlite> for Check {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        if self.is_canceled {
            return Err("the call was canceled".into());
        }
        out.set_value(1);
        Ok(IsNull::No)
    }
}
