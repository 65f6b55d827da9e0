//! Data sets: declared in `pitcrew.yaml`, read from files, checked, profiled, kept as immutable numbered versions.
//!
//! - A version is a manifest (files by digest, columns) whose own digest is the version's digest: the same content is the same version.
//! - Columns are inferred by the first version and pinned; a file that differs later is refused with its name, column and type.
//! - A failing check of severity `error` stops a version; the report with sample rows is kept, and nothing else changes.
//! - Refreshes of one data set happen one after the other; versions are numbered from 1 without gaps and never change.
//! - Only files below the project folder are read, and the folder is never written to.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod checks;
mod declared;
mod evaluate;
mod model;
mod pattern;
mod ports;
mod refresh;
mod routes;
mod service;
mod source;
mod store;

pub use model::{CheckReport, CheckReportId, Dataset, DatasetVersion, FileEntry, Gate, Refreshed};
pub use routes::routes;
pub use service::{Data, Exported};
pub use source::{MAX_FILE_BYTES, MAX_FILES, MAX_SOURCE_BYTES};
pub use store::referenced_digests;

use pitcrew_db::{Migration, Migrations};

/// The tables of this slice.
pub const MIGRATIONS: Migrations = Migrations {
    slice: "data",
    steps: &[Migration { name: "0001_datasets", sql: include_str!("../migrations/0001_datasets.sql") }],
};
