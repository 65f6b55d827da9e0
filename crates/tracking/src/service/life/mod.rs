//! What becomes of runs after they were logged: changed, deleted for a time or for good, moved, copied, brought in, kept by a rule.

mod change;
mod copying;
mod head;
mod importing;
mod jobs;
mod models;
mod moving;
mod purge;
mod retention;

use std::collections::BTreeSet;

use pitcrew_db::Tx;
use pitcrew_kernel::Result;

use super::Saying;
use crate::artifact_path::ArtifactPath;
use crate::errors::{self, invalid};
use crate::model::{ARTIFACT_SCHEME, Experiment, Lifecycle, RunInfo};
use crate::store;

pub use change::Patch;
pub use copying::Copied;
pub use head::Importing;
pub use importing::ImportState;
pub use jobs::{RETENTION_JOB, jobs};
pub use models::{ImportedLoggedModel, ImportingModel};
pub use retention::{Going, Retention, Rule};

/// The runs that a call names, each once.
fn each_once(run_ids: Vec<String>, most: usize) -> Result<Vec<String>> {
    let mut seen = BTreeSet::new();
    let once: Vec<String> = run_ids.into_iter().filter(|id| seen.insert(id.clone())).collect();
    if (1..=most).contains(&once.len()) {
        return Ok(once);
    }
    Err(invalid(format!("`run_ids` must name between 1 and {most} runs")))
}

/// Where this server keeps the artifacts of a run that it brings into an experiment, also of one whose own runs have theirs elsewhere.
fn own_address(experiment: &Experiment, run_id: &str) -> Result<String> {
    let own = format!("{}/{run_id}/artifacts", experiment.artifact_uri);
    match ArtifactPath::of_uri(&own)? {
        Some(_) => Ok(own),
        None => Ok(format!("{ARTIFACT_SCHEME}{}/{run_id}/artifacts", experiment.id)),
    }
}

/// Deletes or restores a run; answers whether that changed anything.
pub(super) fn set_lifecycle(
    tx: &mut Tx<'_>,
    saying: &Saying,
    run_id: &str,
    lifecycle: Lifecycle,
    now_ms: i64,
) -> Result<bool> {
    let run = store::runs::by_id(tx, run_id)?.ok_or_else(|| errors::run_not_found(run_id))?;
    // Deleting what is deleted is no error, and no change: the day it went stays.
    if run.lifecycle == lifecycle {
        return Ok(false);
    }
    if lifecycle == Lifecycle::Active && store::experiments::by_id(tx, run.experiment_id)?.is_none() {
        // Its experiment was removed for good, and the run is about to be.
        return Err(errors::run_not_found(run_id));
    }
    store::runs::set_lifecycle(tx, run.run_no, lifecycle, now_ms)?;
    say_lifecycle(tx, saying, run, lifecycle)?;
    Ok(true)
}

fn say_lifecycle(tx: &mut Tx<'_>, saying: &Saying, run: RunInfo, lifecycle: Lifecycle) -> Result<()> {
    use pitcrew_contracts::tracking::{RunDeleted, RunRestored};
    let RunInfo { run_id, name, .. } = run;
    match lifecycle {
        Lifecycle::Deleted => tx.emit(saying.out(), &RunDeleted { run_id, name }),
        Lifecycle::Active => tx.emit(saying.out(), &RunRestored { run_id, name }),
    }
}
