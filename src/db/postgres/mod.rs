//! What only PostgreSQL needs: opening a connection, noticing changes made elsewhere, and reading from a replica.

pub(crate) mod change_poller;
pub(crate) mod identity;
pub(crate) mod open;
pub(crate) mod replica;
