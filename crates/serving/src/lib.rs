//! Serving: deployments that answer, the log of what they answered, the labels that say what came true, and releases that are judged by them.
//!
//! A request reads one snapshot in memory, runs a model and hands its log rows to a bounded queue: no database, no lock that the control plane
//! takes. What the tables say is made so by [`Serving`]'s one `reconcile`: it loads what is missing and replaces the snapshot, so a swap, a
//! canary step and a rollback are one pointer each, and requests under way finish on the version they began with.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod arm;
mod course;
mod declared;
#[cfg(test)]
mod fake;
mod jobs;
mod judge;
mod labels;
mod load;
mod log;
mod looks;
mod metrics;
mod model;
mod predict;
mod releases;
mod routes;
mod service;
mod slice;
mod store;
mod subscribers;
mod traffic;

pub use jobs::jobs;
pub use labels::{LabelCounts, MAX_LABELS, NewLabel};
pub use log::open_segments;
pub use model::{Act, ArmKind, Deployment, Evidence, LookVerdict, Release, ReleaseState, Step, first_steps};
pub use predict::{Ask, MAX_REQUEST_ID, Prediction, Served};
pub use routes::routes;
pub use service::{Parts, Serving};
pub use subscribers::subscribers;

use pitcrew_db::{Migration, Migrations};

/// The tables of this crate.
pub const MIGRATIONS: Migrations = Migrations {
    slice: "serving",
    steps: &[
        Migration { name: "0001_serving", sql: include_str!("../migrations/0001_serving.sql") },
        Migration { name: "0002_times_and_segments", sql: include_str!("../migrations/0002_times_and_segments.sql") },
    ],
};
