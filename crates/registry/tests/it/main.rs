//! The registry from a candidate to a champion, on both databases, with models that are lines of JSON.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod aliases;
mod declared;
mod gate;
mod models;
mod releases;
mod require;
mod routes;
mod signatures;
mod steps;
mod uses;
mod webhooks;
mod yard;
