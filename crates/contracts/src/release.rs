//! Serving: what it says of releases and labels, and the port through which monitoring reads the inference log.

use async_trait::async_trait;
use pitcrew_kernel::{Ctx, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event;
use crate::names::{AliasName, DeploymentName, ModelName, ModelRef, ReleaseId};

/// A deployment serves a version as its champion.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelLoaded {
    /// The deployment.
    pub deployment: DeploymentName,
    /// The version.
    pub version: ModelRef,
}
event!(ModelLoaded, "serving.model_loaded", "deployment", |e| &e.deployment, |e| format!(
    "{} serves {}",
    e.deployment, e.version
));

/// The facts every release event carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReleaseFacts {
    /// The release.
    pub release: ReleaseId,
    /// The deployment.
    pub deployment: DeploymentName,
    /// The model.
    pub model: ModelName,
    /// The alias that names the version in charge; a promotion moves it.
    pub alias: AliasName,
    /// The alias that named the candidate; the end of the release removes it.
    pub candidate_alias: AliasName,
    /// The version in charge when it started.
    pub champion: i64,
    /// The version on trial.
    pub candidate: i64,
    /// The candidate's share of traffic now, 0 to 1.
    pub share: f64,
    /// The deployment's watermark: the latest event time predicted for.
    pub event_time: Option<Timestamp>,
    /// Why, in one sentence with the figures.
    pub reason: String,
}

/// A candidate gets its first share of traffic.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseStarted(pub ReleaseFacts);
event!(ReleaseStarted, "serving.release_started", "release", |e| e.0.release, |e| format!(
    "{}/{} gets {:.0} % of {}",
    e.0.model,
    e.0.candidate,
    e.0.share * 100.0,
    e.0.deployment
));

/// The candidate's share grew.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseStepped(pub ReleaseFacts);
event!(ReleaseStepped, "serving.release_stepped", "release", |e| e.0.release, |e| format!(
    "{}/{} at {:.0} %: {}",
    e.0.model,
    e.0.candidate,
    e.0.share * 100.0,
    e.0.reason
));

/// The candidate takes over. The registry moves the deployment's alias.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleasePromoted(pub ReleaseFacts);
event!(ReleasePromoted, "serving.release_promoted", "release", |e| e.0.release, |e| format!(
    "{}/{} promoted: {}",
    e.0.model, e.0.candidate, e.0.reason
));

/// The candidate is out, for whatever reason: the champion has all traffic.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseRolledBack(pub ReleaseFacts);
event!(ReleaseRolledBack, "serving.release_rolled_back", "release", |e| e.0.release, |e| format!(
    "{}/{} rolled back: {}",
    e.0.model, e.0.candidate, e.0.reason
));

/// Labels or predictions arrived for a stretch of event time. One for each write batch, never one a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogAdvanced {
    /// The deployment.
    pub deployment: DeploymentName,
    /// Earliest event time touched.
    pub from: Timestamp,
    /// Latest event time touched.
    pub to: Timestamp,
    /// The deployment's watermark after it.
    pub watermark: Timestamp,
    /// Predictions added.
    pub predictions: i64,
    /// Labels added or corrected.
    pub labels: i64,
}
event!(LogAdvanced, "serving.log_advanced", "deployment", |e| &e.deployment, |e| format!(
    "{}: {} predictions, {} labels",
    e.deployment, e.predictions, e.labels
));

/// Whether an answer went to the caller or was only computed beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The caller got this answer.
    Served,
    /// Computed for comparison; nobody got it.
    Shadow,
}

/// One prediction as logged, with its label when that has come.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedPrediction {
    /// The caller's or our request id.
    pub request_id: String,
    /// The moment predicted for.
    pub event_time: Timestamp,
    /// The version that answered.
    pub version: i64,
    /// Served or shadow.
    pub role: Role,
    /// Whether it failed; then `prediction` is NaN.
    pub failed: bool,
    /// The first output.
    pub prediction: f64,
    /// Feature values in the order of [`LogSlice::features`]; NaN is missing.
    pub features: Vec<f64>,
    /// The truth, when it has arrived.
    pub label: Option<f64>,
}

/// A place in a log that is read in parts: everything up to it has been read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogMark {
    /// The moment of the last request read.
    pub event_time: Timestamp,
    /// Its id.
    pub request_id: String,
}

/// A stretch of the inference log, or the part of it that is read at once.
#[derive(Debug, Clone, Default)]
pub struct LogSlice {
    /// The names of the features.
    pub features: Vec<String>,
    /// Rows ordered by event time, then request id, served before shadow. A request is never cut in two.
    pub rows: Vec<LoggedPrediction>,
    /// Where the next part begins; `None` when this one was the last.
    pub next: Option<LogMark>,
}

/// Reading the inference log joined with its labels.
#[async_trait]
pub trait InferenceLog: Send + Sync {
    /// The predictions of `deployment` with `from <= event_time < to` that come after `after`: as many as are read at once, which is at least
    /// one where there is one. A stretch of any length is read part by part, each from where the one before it ended.
    ///
    /// # Errors
    /// `DEPLOYMENT_NOT_FOUND`, and what reading the log can give.
    async fn slice(
        &self,
        ctx: &Ctx,
        deployment: &DeploymentName,
        from: Timestamp,
        to: Timestamp,
        after: Option<&LogMark>,
    ) -> Result<LogSlice>;
    /// The latest event time predicted for; `None` before the first prediction.
    ///
    /// # Errors
    /// `DEPLOYMENT_NOT_FOUND`.
    async fn watermark(&self, ctx: &Ctx, deployment: &DeploymentName) -> Result<Option<Timestamp>>;
    /// The version in charge; `None` while the deployment is empty.
    ///
    /// # Errors
    /// `DEPLOYMENT_NOT_FOUND`.
    async fn champion(&self, ctx: &Ctx, deployment: &DeploymentName) -> Result<Option<ModelRef>>;
}
