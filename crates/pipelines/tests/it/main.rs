//! Pipelines as their callers meet them, on both databases, with real processes and a clock that stands still.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests may stop at the first surprise"
)]

mod cache;
mod crash;
mod declare;
mod ends;
mod environments;
mod graphs;
mod routes;
mod runs;
mod servers;
mod triggers;
mod yard;
