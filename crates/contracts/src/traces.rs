//! Traces: events, and the port through which they learn of the experiment they belong to.

use async_trait::async_trait;
use pitcrew_kernel::{Ctx, Result};
use serde::{Deserialize, Serialize};

use crate::event;

/// Traces and all they held were deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TracesDeleted {
    /// The experiment they belonged to.
    pub experiment_id: String,
    /// How many.
    pub traces: u64,
}
event!(TracesDeleted, "traces.deleted", "experiment", |e| &e.experiment_id, |e| format!(
    "{} traces of experiment {} deleted",
    e.traces, e.experiment_id
));

/// What a trace must know of its experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExperimentHome {
    /// Its number.
    pub id: i64,
    /// Where its artifacts are; a trace's attachments lie below.
    pub artifact_uri: String,
}

/// Finding the experiment that traces are written to.
#[async_trait]
pub trait Experiments: std::fmt::Debug + Send + Sync {
    /// The experiment, if it may be written to.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`.
    async fn home(&self, ctx: &Ctx, id: i64) -> Result<ExperimentHome>;
}
