//! Watching models in production: windows of event time, drift against the training profile, error with late labels, alerts that act.
//!
//! A window is judged once its labels are due and judged again when a late label falls into it. "No data" is a verdict of its own: it neither
//! passes nor fails, and it changes no alert. An alert that fires tells whom it shall and says, in its event, which pipeline to run; starting it
//! is the pipelines' business.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod alert;
mod annotations;
mod declared;
mod evaluate;
mod jobs;
mod model;
mod notify;
mod profile;
mod routes;
mod service;
mod store;
mod subscribers;
mod tally;

pub use alert::{AlertRecord, AlertState, Step, next};
pub use evaluate::evaluate;
pub use jobs::jobs;
pub use model::{DriftEntry, Estimate, Quality, Window, WindowState};
pub use profile::{ReferenceProfile, TrainingProfiles};
pub use routes::routes;
pub use service::Monitoring;
pub use subscribers::subscribers;
pub use tally::Tally;

use pitcrew_db::{Migration, Migrations};

/// The tables of this crate.
pub const MIGRATIONS: Migrations = Migrations {
    slice: "monitoring",
    steps: &[Migration { name: "0001_monitoring", sql: include_str!("../migrations/0001_monitoring.sql") }],
};
