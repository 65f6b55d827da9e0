//! One SQL path for SQLite and PostgreSQL.
//!
//! A command is a synchronous closure over a [`Tx`]: it cannot wait for anything but the database, so nothing slow ever happens inside a
//! transaction. Worker threads own the connections. On SQLite one writer thread runs every waiting command, each in its own savepoint, and
//! commits them together: one fsync acknowledges many commands. On PostgreSQL each command has a transaction of its own at READ COMMITTED.
//!
//! SQL is one text for both: `$1` placeholders, TEXT ids, BIGINT for every integer, time and boolean, DOUBLE PRECISION, BYTEA (spelled `BLOB` in
//! migrations), `ON CONFLICT` and `RETURNING`. No arrays, no `now()`, no ILIKE, no JSON queries. NaN is kept as NULL, text with a NUL is refused,
//! and a command one of whose statements failed cannot succeed.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod arg;
mod engine;
mod errors;
mod migrate;
mod outbox;
mod postgres;
mod row;
mod sqlite;
mod tx;

pub use arg::Arg;
pub use engine::{Db, Options, Signal};
pub use migrate::{Migration, Migrations, migrate};
pub use outbox::{MIGRATIONS as OUTBOX_MIGRATIONS, Outgoing};
pub use row::Row;
pub use sqlite::backup;
pub use tx::{Dialect, Tx};
