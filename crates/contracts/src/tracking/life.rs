//! What becomes of runs after they were logged: moved, copied, brought in, removed for good, kept for a time; and the port that tells which of
//! them are needed.

use std::collections::HashSet;

use async_trait::async_trait;
use pitcrew_kernel::{Ctx, Result};
use serde::{Deserialize, Serialize};

use crate::event;

/// A deleted run was removed for good.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunPurged {
    /// MLflow's 32-hex run id.
    pub run_id: String,
    /// Its name.
    pub name: String,
}
event!(RunPurged, "tracking.run_purged", "run", |e| &e.run_id, |e| format!("run {} removed for good", e.name));

/// A deleted experiment was removed for good with all of its runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExperimentPurged {
    /// Its number.
    pub experiment_id: i64,
    /// Its name.
    pub name: String,
}
event!(ExperimentPurged, "tracking.experiment_purged", "experiment", |e| &e.name, |e| format!(
    "experiment {} removed for good with its runs",
    e.name
));

/// A run was moved to another experiment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunMoved {
    /// MLflow's 32-hex run id.
    pub run_id: String,
    /// Its name.
    pub name: String,
    /// The number of the experiment it was in.
    pub from: i64,
    /// The number of the experiment it is in.
    pub to: i64,
    /// The name of that experiment.
    pub experiment: String,
}
event!(RunMoved, "tracking.run_moved", "run", |e| &e.run_id, |e| format!("run {} moved to {}", e.name, e.experiment));

/// A run was made as the copy of another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunCopied {
    /// The copy's id.
    pub run_id: String,
    /// Its name.
    pub name: String,
    /// The run it is a copy of.
    pub from: String,
    /// The name of the experiment it is in.
    pub experiment: String,
}
event!(RunCopied, "tracking.run_copied", "run", |e| &e.run_id, |e| format!(
    "run {} copied to {} from {}",
    e.name, e.experiment, e.from
));

/// A run was brought in from elsewhere, or what was missing of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunImported {
    /// MLflow's 32-hex run id.
    pub run_id: String,
    /// Its name.
    pub name: String,
    /// The name of the experiment it is in.
    pub experiment: String,
}
event!(RunImported, "tracking.run_imported", "run", |e| &e.run_id, |e| format!(
    "run {} imported to {}",
    e.name, e.experiment
));

/// An experiment got another rule for how long its runs are kept, or none any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RetentionChanged {
    /// Its number.
    pub experiment_id: i64,
    /// Its name.
    pub name: String,
    /// The rule in words; `None` when there is none any more.
    pub rule: Option<String>,
}
event!(RetentionChanged, "tracking.retention_changed", "experiment", |e| &e.name, |e| match &e.rule {
    Some(rule) => format!("runs of experiment {}: {rule}", e.name),
    None => format!("runs of experiment {} are kept until somebody deletes them", e.name),
});

/// Whoever needs runs for longer than their experiment keeps them: the registry, for the versions that came from them.
#[async_trait]
pub trait RunUses: Send + Sync {
    /// Those of `run_ids` that are needed.
    ///
    /// # Errors
    /// What the database can give.
    async fn used(&self, ctx: &Ctx, run_ids: HashSet<String>) -> Result<HashSet<String>>;
}
