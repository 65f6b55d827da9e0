//! What the slices say to each other: events ("it happened"), ports ("I need an answer now") and the declarations of `pitcrew.yaml`.
//!
//! A slice never depends on a slice; it meets the others here. One file a slice. Structs are plain, additive only, and carry ids, not objects.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

pub mod auth;
pub mod data;
pub mod event;
pub mod monitoring;
pub mod names;
pub mod pipelines;
pub mod project;
pub mod registry;
pub mod release;
pub mod rest;
pub mod server;
pub mod serving;
pub mod spec;
pub mod traces;
pub mod tracking;
