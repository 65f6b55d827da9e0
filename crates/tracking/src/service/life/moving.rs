//! Runs that change their experiment, with those nested in them.

use std::collections::BTreeMap;

use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Result};

use super::each_once;
use crate::errors::{self, invalid};
use crate::events::RunMoved;
use crate::limits::{RUNS_MOVED, RUNS_PER_CALL};
use crate::model::{Lifecycle, RunInfo};
use crate::service::{Tracking, experiments};
use crate::store::{self, nested};

impl Tracking {
    /// Moves runs, those nested in them, their data sets and the logged models they made to another experiment. Addresses of artifacts stay as
    /// they are. Answers the runs that moved; those that are there already do not.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`, `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn move_runs(&self, ctx: &Ctx, run_ids: Vec<String>, to: i64) -> Result<Vec<String>> {
        ctx.require(Access::Write)?;
        let run_ids = each_once(run_ids, RUNS_PER_CALL)?;
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                let experiment = experiments::active(tx, to)?.name;
                let mut moved = Vec::new();
                for run_no in with_nested(tx, &run_ids)?.into_keys() {
                    // What logs to it at this moment has ended then, and what comes later finds it at its new place.
                    let Some(run) = store::runs::held_alone(tx, run_no)?.filter(|run| run.experiment_id != to) else {
                        continue;
                    };
                    nested::rehome(tx, &run, to, &mut || saying.ids.next().simple().to_string())?;
                    moved.push(run.run_id.clone());
                    let (from, experiment) = (run.experiment_id, experiment.clone());
                    let event = RunMoved { run_id: run.run_id, name: run.name, from, to, experiment };
                    tx.emit(saying.out(), &event)?;
                }
                Ok(moved)
            })
            .await
    }
}

/// These runs, which must not be deleted, and all that are nested in them, by number.
fn with_nested(tx: &mut Tx<'_>, run_ids: &[String]) -> Result<BTreeMap<i64, RunInfo>> {
    let mut found = BTreeMap::new();
    let mut waiting = Vec::new();
    for run_id in run_ids {
        let run = store::runs::by_id(tx, run_id)?.ok_or_else(|| errors::run_not_found(run_id))?;
        if run.lifecycle == Lifecycle::Deleted {
            return Err(errors::run_not_active(run_id));
        }
        waiting.push(run);
    }
    while let Some(run) = waiting.pop() {
        if found.contains_key(&run.run_no) {
            continue;
        }
        waiting.extend(nested::children(tx, &run.run_id)?);
        found.insert(run.run_no, run);
        if found.len() > RUNS_MOVED {
            return Err(invalid(format!("with those nested in them, more than {RUNS_MOVED} runs would move")));
        }
    }
    Ok(found)
}
