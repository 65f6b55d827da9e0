//! Who may call: bearer tokens, and the audit log of every change.
//!
//! Tokens are random, prefixed (`pc_`), stored only as BLAKE3 digests and expire. Checking one reads memory, never the database, so that the
//! predict path does not depend on it. The audit log is a hash chain over every event: an edited or missing entry shows.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod audit;
mod passes;
mod tokens;

pub use audit::{AuditEntry, AuditSubscriber, ChainCheck, audit_page, verify_chain};
pub use passes::Pass;
pub use tokens::{Auth, Mode, NewToken, TokenInfo};

use pitcrew_db::{Migration, Migrations};

/// The tables of this crate.
pub const MIGRATIONS: Migrations = Migrations {
    slice: "auth",
    steps: &[Migration { name: "0001_auth", sql: include_str!("../migrations/0001_auth.sql") }],
};
