//! Experiment tracking: events and the port through which pipelines open and close runs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use pitcrew_kernel::{Ctx, Result};
use serde::{Deserialize, Serialize};

use crate::event;

/// A run began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunStarted {
    /// MLflow's 32-hex run id.
    pub run_id: String,
    /// Its experiment's name.
    pub experiment: String,
    /// Its name.
    pub name: String,
}
event!(RunStarted, "tracking.run_started", "run", |e| &e.run_id, |e| format!(
    "run {} started in {}",
    e.name, e.experiment
));

/// A run reached a final status.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunFinished {
    /// MLflow's 32-hex run id.
    pub run_id: String,
    /// Its name.
    pub name: String,
    /// `FINISHED`, `FAILED` or `KILLED`.
    pub status: String,
}
event!(RunFinished, "tracking.run_finished", "run", |e| &e.run_id, |e| format!("run {} ended {}", e.name, e.status));

/// Opening and closing runs for steps of pipelines, so that an unchanged script logs to the right place.
#[async_trait]
pub trait RunTracker: Send + Sync {
    /// Creates a run in `experiment` (made if absent), idempotent by `key`; answers its 32-hex id.
    ///
    /// # Errors
    /// What the database can give.
    async fn open(
        &self,
        ctx: &Ctx,
        key: &str,
        experiment: &str,
        name: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<String>;
    /// Sets the final status unless the run has one already.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`.
    async fn close(&self, ctx: &Ctx, run_id: &str, succeeded: bool) -> Result<()>;
    /// The run's parameters and latest metrics, for lineage.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`.
    async fn summary(&self, ctx: &Ctx, run_id: &str) -> Result<RunSummary>;
}

/// The facts of a run that lineage keeps.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RunSummary {
    /// Logged parameters.
    pub params: BTreeMap<String, String>,
    /// Latest value of each metric.
    pub metrics: BTreeMap<String, f64>,
}
