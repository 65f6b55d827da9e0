//! What callers see of pipelines and runs: the shapes of `docs/api.md`.

use std::collections::BTreeMap;

use pitcrew_contracts::names::{DatasetRef, PipelineName, PipelineRunId, StepName};
use pitcrew_kernel::{Cause, Digest, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::model::{Output, Run, RunState, Step, StepState};

/// A declared pipeline.
#[derive(Debug, Clone, Serialize)]
pub struct PipelineView {
    /// Its name.
    pub name: PipelineName,
    /// What it does.
    pub description: String,
    /// The data set it works on.
    pub dataset: Option<String>,
    /// Parameters with their defaults.
    pub params: BTreeMap<String, Value>,
    /// What starts it besides people: `alert bikes-error`, `schedule 0 3 * * *`, `event data.version_created`.
    pub triggers: Vec<String>,
    /// Its steps, each after those it needs.
    pub steps: Vec<StepShape>,
    /// Its newest run.
    pub last_run: Option<RunView>,
}

/// A declared step.
#[derive(Debug, Clone, Serialize)]
pub struct StepShape {
    /// Its name.
    pub name: StepName,
    /// `run`, or the name of the built-in act.
    pub kind: String,
    /// The steps that must end before.
    pub needs: Vec<StepName>,
}

/// A run.
#[derive(Debug, Clone, Serialize)]
pub struct RunView {
    /// Its id.
    pub id: PipelineRunId,
    /// Its pipeline.
    pub pipeline: PipelineName,
    /// Counts the pipeline's runs from 1.
    pub number: i64,
    /// Where it stands.
    pub state: RunState,
    /// All parameters, those not given at their defaults.
    pub params: BTreeMap<String, Value>,
    /// The data it works on; known once it has started.
    pub dataset_version: Option<DatasetRef>,
    /// Why, in a few words.
    pub reason: String,
    /// What led to it.
    pub cause: Option<Cause>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it left the queue.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What went wrong.
    pub error: Option<String>,
    /// Its steps, each after those it needs.
    pub steps: Vec<StepView>,
}

/// A step of a run.
#[derive(Debug, Clone, Serialize)]
pub struct StepView {
    /// Its name.
    pub name: StepName,
    /// `run`, or the name of the built-in act.
    pub kind: String,
    /// Where it stands.
    pub state: StepState,
    /// Attempts begun; 0 when none was needed.
    pub attempt: i64,
    /// The steps that must end before.
    pub needs: Vec<StepName>,
    /// Its content key, once known.
    pub cache: Option<CacheView>,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Processor time of the last attempt, user and system.
    pub cpu_seconds: Option<f64>,
    /// The most memory the last attempt held.
    pub peak_memory_bytes: Option<i64>,
    /// How the last attempt's process ended.
    pub exit_code: Option<i64>,
    /// What went wrong.
    pub error: Option<String>,
    /// The files it made.
    pub outputs: Vec<Output>,
    /// The tracking run of the last attempt.
    pub tracking_run_id: Option<String>,
}

/// What the cache said of a step.
#[derive(Debug, Clone, Serialize)]
pub struct CacheView {
    /// The content key.
    pub key: Digest,
    /// Whether the result was taken over.
    pub hit: bool,
    /// Which part of the key changed, or whose result was taken over.
    pub why: String,
}

impl RunView {
    pub(crate) fn of(run: Run, steps: Vec<Step>) -> Self {
        Self {
            id: run.id,
            pipeline: run.pipeline,
            number: run.number,
            state: run.state,
            params: run.params,
            dataset_version: run.dataset,
            reason: run.reason,
            cause: run.cause,
            created_at: run.created_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            error: run.error,
            steps: steps.into_iter().map(StepView::of).collect(),
        }
    }
}

impl StepView {
    fn of(step: Step) -> Self {
        let why = step.why.unwrap_or_default();
        Self {
            name: step.name,
            kind: step.kind,
            state: step.state,
            attempt: step.attempt,
            needs: step.needs,
            cache: step.cache_key.map(|key| CacheView { key, hit: step.cache_hit, why }),
            started_at: step.started_at,
            finished_at: step.finished_at,
            cpu_seconds: step.cpu_us.map(|micros| micros as f64 / 1e6),
            peak_memory_bytes: step.peak_memory_bytes,
            exit_code: step.exit_code,
            error: step.error,
            outputs: step.outputs,
            tracking_run_id: step.tracking_run_id,
        }
    }
}
