//! What this slice says that no other slice acts upon: for the audit log, the feed, and whoever follows events by name.

use pitcrew_contracts::event;
use serde::{Deserialize, Serialize};

/// A deleted run was removed for good.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunPurged {
    /// MLflow's 32-hex run id.
    pub(crate) run_id: String,
    /// Its name.
    pub(crate) name: String,
}
event!(RunPurged, "tracking.run_purged", "run", |e| &e.run_id, |e| format!("run {} removed for good", e.name));

/// A deleted experiment was removed for good with all of its runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ExperimentPurged {
    /// Its number.
    pub(crate) experiment_id: i64,
    /// Its name.
    pub(crate) name: String,
}
event!(ExperimentPurged, "tracking.experiment_purged", "experiment", |e| &e.name, |e| format!(
    "experiment {} removed for good with its runs",
    e.name
));

/// A run was moved to another experiment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunMoved {
    /// MLflow's 32-hex run id.
    pub(crate) run_id: String,
    /// Its name.
    pub(crate) name: String,
    /// The number of the experiment it was in.
    pub(crate) from: i64,
    /// The number of the experiment it is in.
    pub(crate) to: i64,
    /// The name of that experiment.
    pub(crate) experiment: String,
}
event!(RunMoved, "tracking.run_moved", "run", |e| &e.run_id, |e| format!("run {} moved to {}", e.name, e.experiment));

/// A run was made as the copy of another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunCopied {
    /// The copy's id.
    pub(crate) run_id: String,
    /// Its name.
    pub(crate) name: String,
    /// The run it is a copy of.
    pub(crate) from: String,
    /// The name of the experiment it is in.
    pub(crate) experiment: String,
}
event!(RunCopied, "tracking.run_copied", "run", |e| &e.run_id, |e| format!(
    "run {} copied to {} from {}",
    e.name, e.experiment, e.from
));

/// A run was brought in from elsewhere, or what was missing of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunImported {
    /// MLflow's 32-hex run id.
    pub(crate) run_id: String,
    /// Its name.
    pub(crate) name: String,
    /// The name of the experiment it is in.
    pub(crate) experiment: String,
}
event!(RunImported, "tracking.run_imported", "run", |e| &e.run_id, |e| format!(
    "run {} imported to {}",
    e.name, e.experiment
));

/// An experiment got another rule for how long its runs are kept, or none any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RetentionChanged {
    /// Its number.
    pub(crate) experiment_id: i64,
    /// Its name.
    pub(crate) name: String,
    /// The rule in words; `None` when there is none any more.
    pub(crate) rule: Option<String>,
}
event!(RetentionChanged, "tracking.retention_changed", "experiment", |e| &e.name, |e| match &e.rule {
    Some(rule) => format!("runs of experiment {}: {rule}", e.name),
    None => format!("runs of experiment {} are kept until somebody deletes them", e.name),
});

/// A run broke a declared rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunAlertFired {
    /// The rule.
    pub(crate) rule: String,
    /// MLflow's 32-hex run id.
    pub(crate) run_id: String,
    /// The run's name.
    pub(crate) name: String,
    /// What is wrong.
    pub(crate) what: String,
}
event!(RunAlertFired, "tracking.run_alert_fired", "run", |e| &e.run_id, |e| format!("run {}: {}", e.name, e.what));
