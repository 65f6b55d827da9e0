//! The doors as callers meet them: who is let in, and how a no sounds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod access;
mod bodies;
mod door;
mod errors;
mod origins;
