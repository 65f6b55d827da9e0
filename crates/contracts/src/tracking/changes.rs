//! What people and clients change besides logging: events for the audit log.

use pitcrew_kernel::Digest;
use serde::{Deserialize, Serialize};

use crate::event;
use crate::event::{brief, tagged};

/// A run's status or end changed without its reaching a final status: it was taken up again, or waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunUpdated {
    /// MLflow's 32-hex run id.
    pub run_id: String,
    /// Its name.
    pub name: String,
    /// Its status now.
    pub status: String,
}
event!(RunUpdated, "tracking.run_updated", "run", |e| &e.run_id, |e| format!("run {} is now {}", e.name, e.status));

/// A run got another name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunRenamed {
    /// MLflow's 32-hex run id.
    pub run_id: String,
    /// What it was called.
    pub from: String,
    /// What it is called now.
    pub name: String,
}
event!(RunRenamed, "tracking.run_renamed", "run", |e| &e.run_id, |e| format!("run {} renamed to {}", e.from, e.name));

/// A run was deleted; it can be restored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunDeleted {
    /// MLflow's 32-hex run id.
    pub run_id: String,
    /// Its name.
    pub name: String,
}
event!(RunDeleted, "tracking.run_deleted", "run", |e| &e.run_id, |e| format!("run {} deleted", e.name));

/// A deleted run was restored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunRestored {
    /// MLflow's 32-hex run id.
    pub run_id: String,
    /// Its name.
    pub name: String,
}
event!(RunRestored, "tracking.run_restored", "run", |e| &e.run_id, |e| format!("run {} restored", e.name));

/// A run's tag was set or removed by a call of its own. Tags that come in a batch of logged data are part of that data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunTagged {
    /// MLflow's 32-hex run id.
    pub run_id: String,
    /// The tag.
    pub key: String,
    /// How its value begins; `None` when removed.
    pub value: Option<String>,
}
event!(RunTagged, "tracking.run_tagged", "run", |e| &e.run_id, |e| tagged(
    &format_args!("run {}", e.run_id),
    &e.key,
    e.value.as_ref()
));

/// An experiment was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExperimentCreated {
    /// Its number.
    pub experiment_id: i64,
    /// Its name.
    pub name: String,
}
event!(ExperimentCreated, "tracking.experiment_created", "experiment", |e| &e.name, |e| format!(
    "experiment {} made",
    e.name
));

/// An experiment got another name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExperimentRenamed {
    /// Its number.
    pub experiment_id: i64,
    /// What it was called.
    pub from: String,
    /// What it is called now.
    pub name: String,
}
event!(ExperimentRenamed, "tracking.experiment_renamed", "experiment", |e| &e.name, |e| format!(
    "experiment {} renamed to {}",
    e.from, e.name
));

/// An experiment was deleted with its runs; it can be restored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExperimentDeleted {
    /// Its number.
    pub experiment_id: i64,
    /// Its name.
    pub name: String,
}
event!(ExperimentDeleted, "tracking.experiment_deleted", "experiment", |e| &e.name, |e| format!(
    "experiment {} deleted with its runs",
    e.name
));

/// A deleted experiment was restored with its runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExperimentRestored {
    /// Its number.
    pub experiment_id: i64,
    /// Its name.
    pub name: String,
}
event!(ExperimentRestored, "tracking.experiment_restored", "experiment", |e| &e.name, |e| format!(
    "experiment {} restored with its runs",
    e.name
));

/// An experiment's tag was set or removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExperimentTagged {
    /// Its number.
    pub experiment_id: i64,
    /// Its name.
    pub name: String,
    /// The tag.
    pub key: String,
    /// How its value begins; `None` when removed.
    pub value: Option<String>,
}
event!(ExperimentTagged, "tracking.experiment_tagged", "experiment", |e| &e.name, |e| tagged(
    &format_args!("experiment {}", e.name),
    &e.key,
    e.value.as_ref()
));

/// A view of an experiment's table of runs was saved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ViewSaved {
    /// The experiment's number.
    pub experiment_id: i64,
    /// Its name.
    pub experiment: String,
    /// The view's name.
    pub view: String,
}
event!(ViewSaved, "tracking.view_saved", "experiment", |e| &e.experiment, |e| format!(
    "view {} of experiment {} saved",
    e.view, e.experiment
));

/// A saved view was removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ViewRemoved {
    /// The experiment's number.
    pub experiment_id: i64,
    /// Its name.
    pub experiment: String,
    /// The view's name.
    pub view: String,
}
event!(ViewRemoved, "tracking.view_removed", "experiment", |e| &e.experiment, |e| format!(
    "view {} of experiment {} removed",
    e.view, e.experiment
));

/// A stored file was replaced by other bytes. A file that was not there before is logged data and states nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ArtifactReplaced {
    /// Its path below the root of all artifacts.
    pub path: String,
    /// The bytes before.
    pub from: Digest,
    /// The bytes now.
    pub to: Digest,
}
event!(ArtifactReplaced, "tracking.artifact_replaced", "artifact", |e| &e.path, |e| format!(
    "artifact {} replaced by {}",
    e.path, e.to
));

/// A stored file, or a folder with everything in it, was removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ArtifactDeleted {
    /// Its path below the root of all artifacts.
    pub path: String,
}
event!(ArtifactDeleted, "tracking.artifact_deleted", "artifact", |e| &e.path, |e| format!(
    "artifact {} deleted",
    e.path
));

/// A logged model was made; its files follow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoggedModelCreated {
    /// `m-` and 32 hex digits.
    pub model_id: String,
    /// Its name.
    pub name: String,
    /// The number of its experiment.
    pub experiment_id: i64,
}
event!(LoggedModelCreated, "tracking.logged_model_created", "logged_model", |e| &e.model_id, |e| format!(
    "logged model {} made",
    e.name
));

/// A client said how far a logged model is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoggedModelFinalized {
    /// `m-` and 32 hex digits.
    pub model_id: String,
    /// Its name.
    pub name: String,
    /// Its status now.
    pub status: String,
}
event!(LoggedModelFinalized, "tracking.logged_model_finalized", "logged_model", |e| &e.model_id, |e| format!(
    "logged model {} is now {}",
    e.name, e.status
));

/// A logged model was deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoggedModelDeleted {
    /// `m-` and 32 hex digits.
    pub model_id: String,
    /// Its name.
    pub name: String,
}
event!(LoggedModelDeleted, "tracking.logged_model_deleted", "logged_model", |e| &e.model_id, |e| format!(
    "logged model {} deleted",
    e.name
));

/// Tags of a logged model were set, or one was removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoggedModelTagged {
    /// `m-` and 32 hex digits.
    pub model_id: String,
    /// Its name.
    pub name: String,
    /// The tags.
    pub keys: Vec<String>,
    /// Whether they are gone now.
    pub removed: bool,
}
event!(LoggedModelTagged, "tracking.logged_model_tagged", "logged_model", |e| &e.model_id, |e| format!(
    "logged model {}: tags {} {}",
    e.name,
    brief(&e.keys.join(", ")),
    if e.removed { "removed" } else { "set" }
));
