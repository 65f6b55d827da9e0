//! Experiments, runs and what they log, as plain values.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use pitcrew_kernel::{Digest, Error};

use crate::errors;

/// The tag in which clients keep a run's name.
pub const RUN_NAME_TAG: &str = "mlflow.runName";
/// The tag that names the run above a nested one.
pub const PARENT_RUN_TAG: &str = "mlflow.parentRunId";
/// The tag in which old clients keep the models of a run.
pub const LOGGED_MODELS_TAG: &str = "mlflow.log-model.history";
/// The tag of a data-set input that says what it was for.
pub const DATASET_CONTEXT_TAG: &str = "mlflow.data.context";
/// The tag in which clients keep notes on a run or an experiment, as Markdown.
pub const NOTE_TAG: &str = "mlflow.note.content";
/// The tag that names the run a run is a copy of.
pub const COPIED_FROM_TAG: &str = "pitcrew.copied_from";
/// The experiment that is always there.
pub const DEFAULT_EXPERIMENT: i64 = 0;
/// The scheme of artifact addresses that this server stores.
pub const ARTIFACT_SCHEME: &str = "mlflow-artifacts:/";

/// Names of texts, in a fixed order.
pub type Entries = BTreeMap<String, String>;

/// Whether something was deleted. Deleted things stay until they are restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// In use.
    Active,
    /// Deleted.
    Deleted,
}

impl Lifecycle {
    /// As stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
        }
    }
}

impl FromStr for Lifecycle {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "active" => Ok(Self::Active),
            "deleted" => Ok(Self::Deleted),
            _ => Err(errors::invalid(format!("`{text}` is not a lifecycle stage"))),
        }
    }
}

/// Which of them a search shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// Those in use.
    #[default]
    Active,
    /// Deleted ones.
    Deleted,
    /// Both.
    All,
}

impl View {
    /// The stages it shows.
    pub fn stages(self) -> &'static [Lifecycle] {
        match self {
            Self::Active => &[Lifecycle::Active],
            Self::Deleted => &[Lifecycle::Deleted],
            Self::All => &[Lifecycle::Active, Lifecycle::Deleted],
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// Under way.
    Running,
    /// Waiting.
    Scheduled,
    /// Ended well.
    Finished,
    /// Ended badly.
    Failed,
    /// Ended from outside.
    Killed,
}

impl RunStatus {
    const ALL: [Self; 5] = [Self::Running, Self::Scheduled, Self::Finished, Self::Failed, Self::Killed];

    /// As stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }

    /// Whether nothing more is expected of the run.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Killed)
    }
}

impl FromStr for RunStatus {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| errors::invalid(format!("`{text}` is not a run status")))
    }
}

/// An experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experiment {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Where its artifacts are.
    pub artifact_uri: String,
    /// Whether it was deleted.
    pub lifecycle: Lifecycle,
    /// When it was made, in milliseconds.
    pub created_ms: i64,
    /// When it was changed last, in milliseconds.
    pub updated_ms: i64,
    /// Its tags.
    pub tags: Entries,
}

/// What a run is, without what it logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInfo {
    pub(crate) run_no: i64,
    /// 32 hex digits.
    pub run_id: String,
    /// Its experiment.
    pub experiment_id: i64,
    /// Its name.
    pub name: String,
    /// Who ran it.
    pub user_id: String,
    /// How far it is.
    pub status: RunStatus,
    /// Whether it was deleted.
    pub lifecycle: Lifecycle,
    /// When it began, in milliseconds.
    pub start_ms: i64,
    /// When it ended, in milliseconds.
    pub end_ms: Option<i64>,
    /// Where its artifacts are.
    pub artifact_uri: String,
}

/// A run with everything but the histories of its metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What it is.
    pub info: RunInfo,
    /// Its params.
    pub params: Entries,
    /// Its tags.
    pub tags: Entries,
    /// The latest point of each metric, by key.
    pub metrics: Vec<Metric>,
    /// The data sets it used.
    pub inputs: Vec<DatasetInput>,
    /// The logged models it used.
    pub model_inputs: Vec<String>,
    /// The logged models it made.
    pub model_outputs: Vec<ModelOutput>,
}

/// A run as the tables of what it logged name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) run_no: i64,
    pub(crate) experiment_id: i64,
}

impl RunInfo {
    pub(crate) fn owner(&self) -> Owner {
        Owner { run_no: self.run_no, experiment_id: self.experiment_id }
    }
}

impl Run {
    pub(crate) fn bare(info: RunInfo) -> Self {
        Self {
            info,
            params: Entries::new(),
            tags: Entries::new(),
            metrics: Vec::new(),
            inputs: Vec::new(),
            model_inputs: Vec::new(),
            model_outputs: Vec::new(),
        }
    }
}

/// Which entries of a run are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Keys {
    /// Every one.
    #[default]
    All,
    /// These; none when empty.
    Only(BTreeSet<String>),
}

impl Keys {
    /// No entries.
    pub fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// These too.
    pub fn add(&mut self, key: &str) {
        if let Self::Only(keys) = self {
            keys.insert(key.to_owned());
        }
    }
}

/// What is read of the runs that a search finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reads {
    /// Which params.
    pub params: Keys,
    /// Which tags.
    pub tags: Keys,
    /// The latest points of which metrics.
    pub metrics: Keys,
    /// Data sets and logged models too?
    pub inputs: bool,
}

impl Default for Reads {
    fn default() -> Self {
        Self { params: Keys::All, tags: Keys::All, metrics: Keys::All, inputs: true }
    }
}

/// The keys that runs of an experiment use, deleted runs too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// Of metrics.
    pub metrics: KeyList,
    /// Of params.
    pub params: KeyList,
    /// Of tags.
    pub tags: KeyList,
}

/// Keys in order, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyList {
    /// As many as fit.
    pub keys: Vec<String>,
    /// Whether there are more.
    pub truncated: bool,
}

/// How somebody wants to see the table of an experiment's runs.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedView {
    /// Its name, once in an experiment.
    pub name: String,
    /// Any JSON.
    pub document: serde_json::Value,
    /// When it was saved last, in milliseconds.
    pub updated_ms: i64,
}

/// One point of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name.
    pub key: String,
    /// Its value; not-a-number and infinities are values too.
    pub value: f64,
    /// When it was measured, in milliseconds.
    pub at_ms: i64,
    /// At which step.
    pub step: i64,
    /// The logged model it is about.
    pub model_id: Option<String>,
    /// The data set it was measured on.
    pub dataset_name: Option<String>,
    /// The digest of that data set.
    pub dataset_digest: Option<String>,
    /// The run that logged it; set where points of several runs stand together.
    pub run_id: Option<String>,
}

impl Metric {
    /// A point that is about its run alone.
    pub fn new(key: impl Into<String>, value: f64, at_ms: i64, step: i64) -> Self {
        Self {
            key: key.into(),
            value,
            at_ms,
            step,
            model_id: None,
            dataset_name: None,
            dataset_digest: None,
            run_id: None,
        }
    }
}

/// A data set as clients describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What kind of source it has.
    pub source_type: String,
    /// Where it is from.
    pub source: String,
    /// Its schema, as JSON.
    pub schema: Option<String>,
    /// Its profile, as JSON.
    pub profile: Option<String>,
}

/// A data set used by a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetInput {
    /// The data set.
    pub dataset: Dataset,
    /// How it was used.
    pub tags: Entries,
}

/// A data set seen in an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetSummary {
    /// The experiment.
    pub experiment_id: i64,
    /// The data set's name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What it was used for.
    pub context: Option<String>,
}

/// A logged model made by a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelOutput {
    /// The model.
    pub model_id: String,
    /// At which step.
    pub step: i64,
}

/// How far a logged model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelStatus {
    /// Its files are on their way.
    Pending,
    /// Complete.
    Ready,
    /// Its files did not arrive.
    UploadFailed,
    /// A client said nothing.
    Unspecified,
}

impl ModelStatus {
    const ALL: [Self; 4] = [Self::Pending, Self::Ready, Self::UploadFailed, Self::Unspecified];

    /// As stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "LOGGED_MODEL_PENDING",
            Self::Ready => "LOGGED_MODEL_READY",
            Self::UploadFailed => "LOGGED_MODEL_UPLOAD_FAILED",
            Self::Unspecified => "LOGGED_MODEL_STATUS_UNSPECIFIED",
        }
    }
}

impl FromStr for ModelStatus {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| errors::invalid(format!("`{text}` is not a status of a logged model")))
    }
}

/// A model logged in an experiment, with its files beside those of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedModel {
    /// `m-` and 32 hex digits.
    pub model_id: String,
    /// Its experiment.
    pub experiment_id: i64,
    /// Its name.
    pub name: String,
    /// What kind of model; empty when not said.
    pub model_type: String,
    /// How far it is.
    pub status: ModelStatus,
    /// The run that made it; empty when none.
    pub source_run_id: String,
    /// Where its files are.
    pub artifact_uri: String,
    /// Whether it was deleted.
    pub lifecycle: Lifecycle,
    /// When it was made, in milliseconds.
    pub created_ms: i64,
    /// When it was changed last, in milliseconds.
    pub updated_ms: i64,
    /// Its params.
    pub params: Entries,
    /// Its tags.
    pub tags: Entries,
    /// Every point logged about it.
    pub metrics: Vec<Metric>,
}

/// One entry of an artifact folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactEntry {
    /// Its name within the folder.
    pub name: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Its size; 0 for folders.
    pub bytes: u64,
}

/// A part of an artifact on its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadPart {
    /// Its place, from 1.
    pub number: i64,
    /// Its digest.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}

impl UploadPart {
    /// What names these bytes to the caller who sent them.
    pub fn tag(&self) -> String {
        self.digest.hex()
    }
}
