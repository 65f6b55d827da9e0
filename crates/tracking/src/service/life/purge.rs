//! Deleting for good. What people see goes at once, in one command; what hangs on it goes in slices, by a job that a kill does not end, so
//! that a run of a million points holds up nobody.

use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Result};
use pitcrew_work::{enqueue, set_schedules};

use super::jobs::{purging, retention_owner};
use crate::artifact_path::ArtifactPath;
use crate::errors;
use crate::events::{ExperimentPurged, RunPurged};
use crate::limits::ROWS_PER_SLICE;
use crate::model::{DEFAULT_EXPERIMENT, Lifecycle, RunInfo};
use crate::service::{Saying, Tracking};
use crate::store::{self, gone};

/// Runs of an experiment that one command takes.
const RUNS_PER_SLICE: usize = 500;

impl Tracking {
    /// Removes a deleted run for good: its points, params, tags, inputs and the names of its artifacts. Bytes go with the next garbage
    /// collection.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_NOT_DELETED`.
    pub async fn purge_run(&self, ctx: &Ctx, run_id: &str) -> Result<()> {
        ctx.require(Access::Admin)?;
        let (run_id, saying) = (run_id.to_owned(), self.outgoing(ctx));
        self.db
            .write(move |tx| {
                let run = store::runs::by_id(tx, &run_id)?.ok_or_else(|| errors::run_not_found(&run_id))?;
                if run.lifecycle != Lifecycle::Deleted {
                    return Err(errors::run_not_deleted(&run_id));
                }
                purge(tx, &saying, run)
            })
            .await
    }

    /// Removes a deleted experiment for good with its runs, logged models and data sets. Its name is free at once.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_NOT_DELETED`.
    pub async fn purge_experiment(&self, ctx: &Ctx, id: i64) -> Result<()> {
        ctx.require(Access::Admin)?;
        if id == DEFAULT_EXPERIMENT {
            return Err(errors::default_experiment());
        }
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                let found = store::experiments::by_id(tx, id)?.ok_or_else(|| errors::experiment_not_found(id))?;
                if found.lifecycle != Lifecycle::Deleted {
                    return Err(errors::experiment_not_deleted(id, "it is not deleted"));
                }
                if gone::has_active_runs(tx, id)? {
                    return Err(errors::experiment_not_deleted(id, "it has runs that are not deleted"));
                }
                let now = saying.clock.now();
                set_schedules(tx, now, &retention_owner(id), super::RETENTION_JOB, &[], &serde_json::Value::Null)?;
                gone::bury_experiment(tx, id)?;
                enqueue(tx, saying.ids.as_ref(), now, &purging(now))?;
                tx.emit(saying.out(), &ExperimentPurged { experiment_id: id, name: found.name })
            })
            .await
    }

    /// Removes the next slice of what is left of things removed for good; false when nothing is.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn purge_some(&self) -> Result<bool> {
        self.db
            .write(|tx| {
                if let Some((run_no, artifact_uri)) = gone::first_run(tx)? {
                    return shrink_run(tx, run_no, &artifact_uri).map(|()| true);
                }
                match gone::first_experiment(tx)? {
                    Some(id) => shrink_experiment(tx, id).map(|()| true),
                    None => Ok(false),
                }
            })
            .await
    }
}

/// Removes a run for good.
pub(super) fn purge(tx: &mut Tx<'_>, saying: &Saying, run: RunInfo) -> Result<()> {
    let now = saying.clock.now();
    gone::bury_run(tx, &run)?;
    enqueue(tx, saying.ids.as_ref(), now, &purging(now))?;
    tx.emit(saying.out(), &RunPurged { run_id: run.run_id, name: run.name })
}

fn shrink_run(tx: &mut Tx<'_>, run_no: i64, artifact_uri: &str) -> Result<()> {
    let budget = gone::empty_run(tx, run_no, ROWS_PER_SLICE)?;
    if budget > 0 && shrink_artifacts(tx, artifact_uri, budget)? > 0 {
        gone::forget_run(tx, run_no)?;
    }
    Ok(())
}

fn shrink_experiment(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    if gone::bury_runs_of(tx, id, RUNS_PER_SLICE)? > 0 {
        return Ok(());
    }
    if let Some((model_id, artifact_uri)) = gone::model_of(tx, id)? {
        let budget = gone::empty_model(tx, &model_id, ROWS_PER_SLICE)?;
        if budget > 0 && shrink_artifacts(tx, &artifact_uri, budget)? > 0 {
            gone::forget_model(tx, &model_id)?;
        }
        return Ok(());
    }
    if gone::empty_datasets(tx, id, ROWS_PER_SLICE)? > 0 {
        gone::forget_experiment(tx, id)?;
    }
    Ok(())
}

/// Removes the names of artifacts at this address, and the folder that was made for them; answers how much of the budget is left.
fn shrink_artifacts(tx: &mut Tx<'_>, uri: &str, budget: usize) -> Result<usize> {
    // What another store keeps is not ours to remove.
    let Ok(Some(root)) = ArtifactPath::of_uri(uri) else { return Ok(budget) };
    if root.is_root() {
        return Ok(budget);
    }
    let left = gone::empty_folder(tx, root.as_str(), budget)?;
    let (own, _) = root.split();
    if left > 0 && !own.is_empty() && gone::is_empty(tx, own)? {
        let (parent, name) = own.rsplit_once('/').unwrap_or(("", own));
        store::artifacts::remove(tx, parent, name)?;
    }
    Ok(left)
}
