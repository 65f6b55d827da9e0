//! Data sets: events and the port through which pipelines read them.

use std::path::Path;

use async_trait::async_trait;
use pitcrew_kernel::{Ctx, Digest, Result};
use serde::{Deserialize, Serialize};

use crate::event;
use crate::names::{DatasetName, DatasetRef};

/// A new immutable version exists.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VersionCreated {
    /// Which version.
    pub version: DatasetRef,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Its rows.
    pub rows: i64,
    /// Bytes that were not stored before.
    pub new_bytes: i64,
}
event!(VersionCreated, "data.version_created", "dataset", |e| &e.version, |e| format!(
    "{} created with {} rows, {} new bytes stored",
    e.version, e.rows, e.new_bytes
));

/// The checks of a data set stopped a new version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChecksFailed {
    /// The data set.
    pub dataset: DatasetName,
    /// The report that holds the evidence.
    pub report: String,
    /// The names of the failed checks.
    pub failed: Vec<String>,
}
event!(ChecksFailed, "data.checks_failed", "dataset", |e| &e.dataset, |e| format!(
    "{} refused: {} failed ({})",
    e.dataset,
    e.failed.len(),
    e.failed.join(", ")
));

/// What a pipeline needs to know of a version.
#[derive(Debug, Clone)]
pub struct DatasetSnapshot {
    /// Which version.
    pub version: DatasetRef,
    /// Digest of its manifest: same digest, same bytes.
    pub digest: Digest,
    /// Its rows.
    pub rows: i64,
}

/// Reading data sets from elsewhere.
#[async_trait]
pub trait Datasets: Send + Sync {
    /// Reads the source again; makes a new version if it changed and its checks pass. Answers the newest version.
    ///
    /// # Errors
    /// `DATA_CHECKS_FAILED` when a check stops it, `DATASET_NOT_FOUND`, and what reading the source can give.
    async fn refresh(&self, ctx: &Ctx, dataset: &DatasetName) -> Result<DatasetSnapshot>;
    /// The newest version.
    ///
    /// # Errors
    /// `DATASET_NOT_FOUND`, `DATASET_EMPTY` when it has no version yet.
    async fn latest(&self, ctx: &Ctx, dataset: &DatasetName) -> Result<DatasetSnapshot>;
    /// Writes the version's files below `folder` (which exists and is empty), verified.
    ///
    /// # Errors
    /// `BLOB_CORRUPT` when stored bytes do not match their digest.
    async fn materialize(&self, ctx: &Ctx, version: &DatasetRef, folder: &Path) -> Result<()>;
}
