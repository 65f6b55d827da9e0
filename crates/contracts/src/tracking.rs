//! Experiment tracking: events and the port through which pipelines open and close runs.

mod changes;

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use pitcrew_kernel::{Ctx, Digest, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event;
pub use changes::{
    ArtifactDeleted, ArtifactReplaced, ExperimentCreated, ExperimentDeleted, ExperimentRenamed, ExperimentRestored,
    ExperimentTagged, LoggedModelCreated, LoggedModelDeleted, LoggedModelFinalized, LoggedModelTagged, RunDeleted,
    RunRenamed, RunRestored, RunTagged, RunUpdated, ViewRemoved, ViewSaved,
};

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

/// What the names of metrics begin with that tell of the machine and not of the model; MLflow's own client uses the same.
pub const SYSTEM_METRICS: &str = "system/";
/// The tag of a tracking run that names the pipeline run it belongs to.
pub const PIPELINE_RUN_TAG: &str = "pitcrew.pipeline_run";
/// The tag of a tracking run that names the step it belongs to.
pub const PIPELINE_STEP_TAG: &str = "pitcrew.pipeline_step";

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
    /// Keeps what was in use at a moment as metrics of the run, each under [`SYSTEM_METRICS`] and its name; `count` is their step.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`.
    async fn observe(
        &self,
        ctx: &Ctx,
        run_id: &str,
        at: Timestamp,
        count: i64,
        readings: Vec<(String, f64)>,
    ) -> Result<()>;
    /// The run's parameters and latest metrics, for lineage; not what the machine did meanwhile.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`.
    async fn summary(&self, ctx: &Ctx, run_id: &str) -> Result<RunSummary>;
}

/// Whoever needs runs for longer than their experiment keeps them: the registry, for the versions that came from them.
#[async_trait]
pub trait RunUses: Send + Sync {
    /// Those of `run_ids` that are needed.
    ///
    /// # Errors
    /// What the database can give.
    async fn used(&self, ctx: &Ctx, run_ids: HashSet<String>) -> Result<HashSet<String>>;
}

/// The facts of a run that lineage keeps.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RunSummary {
    /// Logged parameters.
    pub params: BTreeMap<String, String>,
    /// Latest value of each metric.
    pub metrics: BTreeMap<String, f64>,
}

/// One stored file of a run or a logged model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactFile {
    /// Its path below the listed address, with `/`.
    pub path: String,
    /// Its bytes in the object store.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}

/// Reading the artifacts of runs and logged models, so that the registry can find the servable file of a version made through MLflow.
#[async_trait]
pub trait ArtifactReader: Send + Sync {
    /// Every file, in folders below too, under an artifact address: `mlflow-artifacts:/1/<run_id>/artifacts/model`, `runs:/<run_id>/model` or
    /// `models:/m-<id>`. Empty when nothing lies there or the address is not ours (`s3://...`). At most [`ARTIFACT_FILES_MAX`] files.
    ///
    /// # Errors
    /// `ARTIFACT_PATH_INVALID`, `RUN_NOT_FOUND`, `LOGGED_MODEL_NOT_FOUND`.
    async fn list(&self, ctx: &Ctx, address: &str) -> Result<Vec<ArtifactFile>>;
    /// The file at exactly this address; `None` when there is none.
    ///
    /// # Errors
    /// As [`ArtifactReader::list`].
    async fn digest_of(&self, ctx: &Ctx, address: &str) -> Result<Option<ArtifactFile>>;
}

/// The most files [`ArtifactReader::list`] answers.
pub const ARTIFACT_FILES_MAX: usize = 10_000;
