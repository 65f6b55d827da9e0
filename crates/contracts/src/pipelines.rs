//! Pipelines: events and the port of built-in steps.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use pitcrew_kernel::{Cause, Ctx, Digest, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event;
use crate::names::{DatasetRef, PipelineName, PipelineRunId, StepName};

/// A run was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunCreated {
    /// The run.
    pub run: PipelineRunId,
    /// Its pipeline.
    pub pipeline: PipelineName,
    /// Counts the pipeline's runs from 1.
    pub number: i64,
    /// Why, in a few words.
    pub reason: String,
}
event!(RunCreated, "pipelines.run_created", "pipeline_run", |e| e.run, |e| format!(
    "{} #{} asked for: {}",
    e.pipeline, e.number, e.reason
));

/// A run left the queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunStarted {
    /// The run.
    pub run: PipelineRunId,
    /// Its pipeline.
    pub pipeline: PipelineName,
    /// Counts the pipeline's runs from 1.
    pub number: i64,
    /// The data it works on.
    pub dataset_version: Option<DatasetRef>,
}
event!(RunStarted, "pipelines.run_started", "pipeline_run", |e| e.run, |e| format!(
    "{} #{} started",
    e.pipeline, e.number
));

/// Somebody asked for a run to end. What runs is told; the run has ended when that has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CancelRequested {
    /// The run.
    pub run: PipelineRunId,
    /// Its pipeline.
    pub pipeline: PipelineName,
    /// Counts the pipeline's runs from 1.
    pub number: i64,
}
event!(CancelRequested, "pipelines.cancel_requested", "pipeline_run", |e| e.run, |e| format!(
    "{} #{} is to end",
    e.pipeline, e.number
));

/// A step began an attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepStarted {
    /// The run.
    pub run: PipelineRunId,
    /// Its pipeline.
    pub pipeline: PipelineName,
    /// The step.
    pub step: StepName,
    /// From 1.
    pub attempt: i64,
}
event!(StepStarted, "pipelines.step_started", "pipeline_run", |e| e.run, |e| format!(
    "{}: step {} started",
    e.pipeline, e.step
));

/// A step reached a final state (or failed an attempt that will be tried again).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepFinished {
    /// The run.
    pub run: PipelineRunId,
    /// Its pipeline.
    pub pipeline: PipelineName,
    /// The step.
    pub step: StepName,
    /// From 1.
    pub attempt: i64,
    /// `succeeded`, `cached`, `refused`, `failed`, `skipped`, `cancelled` or `retrying`.
    pub state: String,
}
event!(StepFinished, "pipelines.step_finished", "pipeline_run", |e| e.run, |e| format!(
    "{}: step {} {}",
    e.pipeline, e.step, e.state
));

/// A run ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunFinished {
    /// The run.
    pub run: PipelineRunId,
    /// Its pipeline.
    pub pipeline: PipelineName,
    /// Counts the pipeline's runs from 1.
    pub number: i64,
    /// `succeeded`, `refused`, `failed` or `cancelled`.
    pub state: String,
    /// What went wrong, when it did.
    pub error: Option<String>,
}
event!(RunFinished, "pipelines.run_finished", "pipeline_run", |e| e.run, |e| match &e.error {
    Some(error) => format!("{} #{} {}: {error}", e.pipeline, e.number, e.state),
    None => format!("{} #{} {}", e.pipeline, e.number, e.state),
});

/// What made a run: everything needed to make it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// The data-set version.
    pub dataset: Option<DatasetRef>,
    /// Its digest.
    pub dataset_digest: Option<Digest>,
    /// Digest of the project's code.
    pub code_digest: Digest,
    /// The Git commit, when the project is a clean Git tree.
    pub git_commit: Option<String>,
    /// Digest of the environment (interpreter and locked requirements).
    pub environment_digest: Option<Digest>,
    /// The run.
    pub pipeline_run: PipelineRunId,
    /// The run's parameters.
    pub params: BTreeMap<String, Value>,
}

/// One materialised input of a built-in step.
#[derive(Debug, Clone)]
pub struct StepInput {
    /// Where its bytes lie.
    pub path: PathBuf,
    /// Their digest.
    pub digest: Digest,
    /// The tracking run of the step that made it, if that step had one.
    pub tracking_run_id: Option<String>,
}

/// A call of a built-in step.
#[derive(Debug, Clone)]
pub struct StepCall {
    /// The run.
    pub run: PipelineRunId,
    /// The step.
    pub step: StepName,
    /// `with:` of the declaration.
    pub with: BTreeMap<String, Value>,
    /// Inputs by their declared names.
    pub inputs: BTreeMap<String, StepInput>,
    /// Where outputs are to be written.
    pub output_dir: PathBuf,
    /// What made this run.
    pub lineage: Lineage,
    /// What led to this run.
    pub cause: Option<Cause>,
}

/// A call of a built-in step before anything is materialised.
#[derive(Debug, Clone)]
pub struct StepProbe {
    /// The run.
    pub run: PipelineRunId,
    /// The step.
    pub step: StepName,
    /// `with:` of the declaration.
    pub with: BTreeMap<String, Value>,
    /// Digests of the inputs by their declared names.
    pub inputs: BTreeMap<String, Digest>,
}

/// How a built-in step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// It did its work; outputs lie in the output folder. The sentence goes to the step's log.
    Done(String),
    /// It looked and said no (a gate). The sentence says why. Not a failure.
    Refused(String),
}

/// A step that the platform itself performs (`uses: evaluate`).
///
/// Called at least once per run and step: the effect must be idempotent by `(run, step)`.
#[async_trait]
pub trait StepAction: Send + Sync {
    /// The word after `uses:`.
    fn name(&self) -> &'static str;
    /// The names of the files it writes into `output_dir`.
    fn outputs(&self) -> &'static [&'static str];
    /// What besides `with`, the inputs and the run's parameters decides its result (which champion the gate compares with, the gate's
    /// rules), as one text that is part of the cache key. `None` when nothing else does. It must answer the same as before while a run with
    /// nothing changed shall run nothing: a candidate that has become the champion by its own run still has the champion before it.
    ///
    /// # Errors
    /// What finding out can give; the step then fails.
    async fn cache_salt(&self, _ctx: &Ctx, _probe: &StepProbe) -> Result<Option<String>> {
        Ok(None)
    }
    /// Does it.
    ///
    /// # Errors
    /// What its work can give; the step then fails.
    async fn run(&self, ctx: &Ctx, call: StepCall) -> Result<StepOutcome>;
}
