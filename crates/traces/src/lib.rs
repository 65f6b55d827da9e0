//! Traces: what an application did for one request, as a tree of spans, with tags, metadata and assessments.
//!
//! What it promises: spans that were acknowledged are on disk, whichever of spans and trace came first; a span sent twice counts once; a search
//! costs what its experiments cost; a filter means the same on both databases. Whole spans are kept compressed, one row for each request and
//! trace; what they are searched and counted by stands in narrow rows beside them.
//!
//! Its words and limits are those of MLflow and OpenTelemetry, whose clients are its users through `compat-mlflow` and `compat-otel`. It knows
//! no HTTP outside of `routes.rs`.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod errors;
pub mod filter;
pub mod limits;
mod matching;
mod model;
mod payload;
mod preview;
mod routes;
mod service;
mod store;
mod usage;
mod value;

pub use model::*;
pub use payload::span_text;
pub use routes::routes;
pub use service::*;
pub use value::Any;

use pitcrew_db::{Migration, Migrations};

/// The tables of this slice.
pub const MIGRATIONS: Migrations = Migrations {
    slice: "traces",
    steps: &[Migration { name: "0001_traces", sql: include_str!("../migrations/0001_traces.sql") }],
};
