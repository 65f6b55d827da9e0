//! Pipelines: declared graphs of steps that run as processes or as built-in acts, with results cached by content.
//!
//! A run is pinned when it is asked for: graph, code and environments as applied then. Its steps are jobs; what a step's end changes (its
//! outputs, its events, the jobs of the steps it frees) is one transaction, so a server that is killed at any moment continues each run where
//! it was. A step that had finished is not run again; one that had not is run again as a new attempt, after its orphaned process was ended.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod declare;
mod environment;
mod graph;
mod jobs;
mod key;
mod lifecycle;
mod log;
mod model;
mod options;
mod process;
mod recover;
mod requirements;
mod retain;
mod routes;
mod service;
mod start;
mod step;
mod store;
mod subscribers;
mod usage;
mod view;
mod words;

pub use jobs::jobs;
pub use log::{LogLine, Stream};
pub use model::{Output, RunState, StepState};
pub use options::{Options, is_build_variable};
pub use recover::Recovered;
pub use routes::routes;
pub use service::{Follow, Pipelines, Ports, RunFilter, SCHEDULED_JOB};
pub use subscribers::subscribers;
pub use view::{CacheView, PipelineView, RunView, StepShape, StepView};

use pitcrew_db::{Migration, Migrations};

/// The tables of this crate.
pub const MIGRATIONS: Migrations = Migrations {
    slice: "pipelines",
    steps: &[Migration { name: "0001_pipelines", sql: include_str!("../migrations/0001_pipelines.sql") }],
};
