//! The doors over a server whose models are lines of JSON.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod binary;
mod infer;
mod invocations;
mod support;
