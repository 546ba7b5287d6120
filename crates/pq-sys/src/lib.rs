//! The bindings of pq-sys to the bundled libpq. The SQLSTATE of an error replaces its column name, and the socket of a
//! connection can be duplicated: see README.md.

// Links libpq.
extern crate pq_src;

#[cfg_attr(not(windows), path = "bindings_unix.rs")]
#[cfg_attr(windows, path = "bindings_windows.rs")]
#[expect(non_camel_case_types, non_upper_case_globals, non_snake_case, reason = "the names are libpq's")]
mod bindings;
mod socket;

use std::ffi::{c_char, c_int};

pub use bindings::*;
pub use socket::{PQconnectdb, with_socket};

/// libpq's function of this name, except that `PG_DIAG_COLUMN_NAME` returns the SQLSTATE. Shadows the binding.
///
/// # Safety
/// As for libpq's function: `result` is null, or points to a result that has not been cleared. The returned string is
/// valid until the result is cleared.
#[expect(non_snake_case, reason = "the name is libpq's")]
pub unsafe fn PQresultErrorField(result: *const PGresult, field: c_int) -> *mut c_char {
    let field = if field == c_int::from(PG_DIAG_COLUMN_NAME) { c_int::from(PG_DIAG_SQLSTATE) } else { field };
    // SAFETY: the caller meets the same conditions.
    unsafe { bindings::PQresultErrorField(result, field) }
}
