//! The crate as its users meet it: files in, tables, profiles and verdicts out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "tests may stop at the first surprise, and say what they skip"
)]

mod checks;
mod csv;
mod damaged;
mod log;
mod parquet;
mod profile;
mod python;
mod support;
