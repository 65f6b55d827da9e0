//! Runs within runs, and runs that change their experiment.

use pitcrew_db::Tx;
use pitcrew_kernel::Result;

use crate::model::{Lifecycle, RunInfo};
use crate::store::inputs;
use crate::store::runs::{COLUMNS, info};

/// The runs nested in this one, deleted or not.
pub(crate) fn children(tx: &mut Tx<'_>, run_id: &str) -> Result<Vec<RunInfo>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM tracking_tags t JOIN tracking_runs r ON r.run_no = t.run_no \
         WHERE t.key = 'mlflow.parentRunId' AND substr(t.value, 1, 256) = $1 ORDER BY r.run_no"
    );
    tx.all(&sql, &[run_id.into()], info)
}

/// The numbers of the runs nested in this one that are not deleted.
pub(crate) fn active_children(tx: &mut Tx<'_>, run_id: &str) -> Result<Vec<i64>> {
    let sql = "SELECT r.run_no FROM tracking_tags t JOIN tracking_runs r ON r.run_no = t.run_no \
         WHERE t.key = 'mlflow.parentRunId' AND substr(t.value, 1, 256) = $1 AND r.lifecycle = $2";
    tx.all(sql, &[run_id.into(), Lifecycle::Active.as_str().into()], |row| row.int(0))
}

/// Puts a run, its data sets and the logged models it made into another experiment. `fresh_id` makes ids of data sets.
pub(crate) fn rehome(tx: &mut Tx<'_>, run: &RunInfo, to: i64, fresh_id: &mut dyn FnMut() -> String) -> Result<()> {
    // What a run logged knows its experiment too: searches begin there.
    for table in ["tracking_runs", "tracking_latest", "tracking_params", "tracking_tags"] {
        let sql = format!("UPDATE {table} SET experiment_id = $1 WHERE run_no = $2");
        tx.exec(&sql, &[to.into(), run.run_no.into()])?;
    }
    tx.exec(
        "UPDATE tracking_models SET experiment_id = $1 WHERE experiment_id = $2 AND source_run_id = $3",
        &[to.into(), run.experiment_id.into(), (&run.run_id).into()],
    )?;
    for (old, dataset) in inputs::datasets_of(tx, run.run_no)? {
        let new = inputs::dataset_id(tx, to, &dataset, &fresh_id())?;
        for table in ["tracking_inputs", "tracking_input_tags"] {
            tx.exec(
                &format!("UPDATE {table} SET dataset_id = $1 WHERE run_no = $2 AND dataset_id = $3"),
                &[(&new).into(), run.run_no.into(), (&old).into()],
            )?;
        }
    }
    Ok(())
}
