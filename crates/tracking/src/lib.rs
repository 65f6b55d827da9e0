//! Experiment tracking: experiments, runs, params, metrics, tags, data-set inputs, logged models and artifacts.
//!
//! What it promises: a logged value is on disk when the call answers; a param never changes; a metric keeps every point and knows its latest;
//! not-a-number and infinities come back as they were; deleted things stay until they are restored; a search costs what its experiments
//! cost, not what the whole database costs.
//!
//! Its words and limits are those of MLflow, whose clients are its users through `compat-mlflow`. It knows no HTTP outside of `routes.rs`.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod alerts;
mod artifact_path;
mod errors;
mod events;
pub mod filter;
pub mod limits;
mod model;
mod routes;
mod run_name;
mod service;
mod spellings;
mod store;
mod validate;

pub use alerts::{Fired, WATCH_JOB, alert_jobs, alert_subscribers};
pub use artifact_path::ArtifactPath;
pub use model::*;
pub use routes::{download, download_bytes, life_routes, routes};
pub use service::*;

use pitcrew_db::{Migration, Migrations};

/// The tables of this slice.
pub const MIGRATIONS: Migrations = Migrations {
    slice: "tracking",
    steps: &[
        Migration { name: "0001_tracking", sql: include_str!("../migrations/0001_tracking.sql") },
        Migration { name: "0002_search", sql: include_str!("../migrations/0002_search.sql") },
        Migration { name: "0003_run_alerts", sql: include_str!("../migrations/0003_run_alerts.sql") },
        Migration { name: "0004_life", sql: include_str!("../migrations/0004_life.sql") },
        Migration { name: "0005_uploads", sql: include_str!("../migrations/0005_uploads.sql") },
    ],
};
