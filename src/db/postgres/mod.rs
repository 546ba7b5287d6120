//! PostgreSQL only: opening a connection, classifying errors, detecting external changes, and reading from a replica.

pub(crate) mod cancel;
pub(crate) mod change_poller;
mod changed_posts;
pub(crate) mod identity;
pub(crate) mod open;
pub(crate) mod replica;
pub(crate) mod session;
pub(crate) mod sqlstate;
mod unsettled;
