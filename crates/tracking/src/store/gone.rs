//! What was removed for good: the row that people see goes at once, what hangs on it goes in slices.

use pitcrew_db::{Arg, Tx};
use pitcrew_kernel::Result;

use crate::model::{Lifecycle, RunInfo};

/// The tables whose rows belong to a run, each with the columns that name a row of a run.
const OF_A_RUN: &[(&str, &str)] = &[
    ("tracking_points", "key, at_ms, step, value, nan"),
    ("tracking_latest", "key"),
    ("tracking_params", "key"),
    ("tracking_tags", "key"),
    ("tracking_input_tags", "dataset_id, key"),
    ("tracking_inputs", "dataset_id"),
    ("tracking_run_models", "direction, model_id"),
    ("tracking_alerts", "alert_no"),
];

/// The same for a logged model.
const OF_A_MODEL: &[(&str, &str)] = &[
    ("tracking_model_metrics", "key, at_ms, step, run_id"),
    ("tracking_model_params", "key"),
    ("tracking_model_tags", "key"),
];

/// A run is no more; what hangs on it waits to be removed.
pub(crate) fn bury_run(tx: &mut Tx<'_>, info: &RunInfo) -> Result<()> {
    bury(tx, info.run_no, &info.artifact_uri)?;
    tx.exec("DELETE FROM tracking_runs WHERE run_no = $1", &[info.run_no.into()]).map(drop)
}

/// What hangs on this number waits to be removed.
pub(crate) fn bury(tx: &mut Tx<'_>, run_no: i64, artifact_uri: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_gone_runs (run_no, artifact_uri) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[run_no.into(), artifact_uri.into()],
    )
    .map(drop)
}

/// An experiment is no more; what is in it waits to be removed.
pub(crate) fn bury_experiment(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    tx.exec("INSERT INTO tracking_gone_experiments (experiment_id) VALUES ($1) ON CONFLICT DO NOTHING", &[id.into()])?;
    for table in ["tracking_retention", "tracking_experiment_tags", "tracking_views"] {
        tx.exec(&format!("DELETE FROM {table} WHERE experiment_id = $1"), &[id.into()])?;
    }
    tx.exec("DELETE FROM tracking_experiments WHERE id = $1", &[id.into()]).map(drop)
}

/// Whether an experiment has a run that is not deleted.
pub(crate) fn has_active_runs(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    let found = tx.optional(
        "SELECT run_no FROM tracking_runs WHERE experiment_id = $1 AND lifecycle = $2 LIMIT 1",
        &[id.into(), Lifecycle::Active.as_str().into()],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

/// A run to be removed: its number and where its artifacts are.
pub(crate) fn first_run(tx: &mut Tx<'_>) -> Result<Option<(i64, String)>> {
    tx.optional("SELECT run_no, artifact_uri FROM tracking_gone_runs ORDER BY run_no LIMIT 1", &[], |row| {
        Ok((row.int(0)?, row.text(1)?))
    })
}

/// Whether artifacts at this address wait to be removed.
pub(crate) fn is_going(tx: &mut Tx<'_>, artifact_uri: &str) -> Result<bool> {
    let sql = "SELECT run_no FROM tracking_gone_runs WHERE artifact_uri = $1 LIMIT 1";
    Ok(tx.optional(sql, &[artifact_uri.into()], |row| row.int(0))?.is_some())
}

/// Nothing is left of a run.
pub(crate) fn forget_run(tx: &mut Tx<'_>, run_no: i64) -> Result<()> {
    tx.exec("DELETE FROM tracking_gone_runs WHERE run_no = $1", &[run_no.into()]).map(drop)
}

/// Removes at most `budget` rows of a run; answers how many of the budget are left.
pub(crate) fn empty_run(tx: &mut Tx<'_>, run_no: i64, budget: usize) -> Result<usize> {
    empty(tx, OF_A_RUN, "run_no", &run_no.into(), budget)
}

fn empty(tx: &mut Tx<'_>, tables: &[(&str, &str)], owner: &str, id: &Arg<'_>, mut budget: usize) -> Result<usize> {
    for (table, key) in tables {
        if budget == 0 {
            break;
        }
        let sql = format!(
            "DELETE FROM {table} WHERE {owner} = $1 AND ({key}) IN (SELECT {key} FROM {table} WHERE {owner} = $1 LIMIT $2)"
        );
        let removed = tx.exec(&sql, &[id.clone(), i64::try_from(budget).unwrap_or(i64::MAX).into()])?;
        budget = budget.saturating_sub(usize::try_from(removed).unwrap_or(usize::MAX));
    }
    Ok(budget)
}

/// An experiment to be removed.
pub(crate) fn first_experiment(tx: &mut Tx<'_>) -> Result<Option<i64>> {
    let sql = "SELECT experiment_id FROM tracking_gone_experiments ORDER BY experiment_id LIMIT 1";
    tx.optional(sql, &[], |row| row.int(0))
}

/// Some runs of an experiment are no more; answers how many.
pub(crate) fn bury_runs_of(tx: &mut Tx<'_>, id: i64, limit: usize) -> Result<usize> {
    let runs = tx.all(
        "SELECT run_no, artifact_uri FROM tracking_runs WHERE experiment_id = $1 LIMIT $2",
        &[id.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        |row| Ok((row.int(0)?, row.text(1)?)),
    )?;
    for (run_no, artifact_uri) in &runs {
        bury(tx, *run_no, artifact_uri)?;
        tx.exec("DELETE FROM tracking_runs WHERE run_no = $1", &[(*run_no).into()])?;
    }
    Ok(runs.len())
}

/// A logged model of an experiment, and where its files are.
pub(crate) fn model_of(tx: &mut Tx<'_>, id: i64) -> Result<Option<(String, String)>> {
    let sql = "SELECT model_id, artifact_uri FROM tracking_models WHERE experiment_id = $1 LIMIT 1";
    tx.optional(sql, &[id.into()], |row| Ok((row.text(0)?, row.text(1)?)))
}

/// Removes at most `budget` rows of a logged model; answers how many of the budget are left.
pub(crate) fn empty_model(tx: &mut Tx<'_>, model_id: &str, budget: usize) -> Result<usize> {
    empty(tx, OF_A_MODEL, "model_id", &model_id.into(), budget)
}

/// Nothing is left of a logged model.
pub(crate) fn forget_model(tx: &mut Tx<'_>, model_id: &str) -> Result<()> {
    tx.exec("DELETE FROM tracking_models WHERE model_id = $1", &[model_id.into()]).map(drop)
}

/// Removes some of the data sets that only an experiment's runs used; answers how many of the budget are left.
pub(crate) fn empty_datasets(tx: &mut Tx<'_>, id: i64, budget: usize) -> Result<usize> {
    empty(tx, &[("tracking_datasets", "dataset_id")], "experiment_id", &id.into(), budget)
}

/// Nothing is left of an experiment.
pub(crate) fn forget_experiment(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    tx.exec("DELETE FROM tracking_gone_experiments WHERE experiment_id = $1", &[id.into()]).map(drop)
}

/// Removes at most `budget` entries of the artifact folder `root` and of those in it, and the folder itself at last; answers how many of the
/// budget are left: none when there may be more.
pub(crate) fn empty_folder(tx: &mut Tx<'_>, root: &str, mut budget: usize) -> Result<usize> {
    let mut folder = root.to_owned();
    while budget > 0 {
        if let Some(below) = folder_in(tx, &folder)? {
            folder = format!("{folder}/{below}");
            continue;
        }
        let sql = "DELETE FROM tracking_artifacts WHERE parent = $1 AND name IN \
             (SELECT name FROM tracking_artifacts WHERE parent = $1 LIMIT $2)";
        let removed = tx.exec(sql, &[folder.as_str().into(), i64::try_from(budget).unwrap_or(i64::MAX).into()])?;
        budget = budget.saturating_sub(usize::try_from(removed).unwrap_or(usize::MAX));
        if budget == 0 {
            break;
        }
        let (parent, name) = folder.rsplit_once('/').unwrap_or(("", &folder));
        super::artifacts::remove(tx, parent, name)?;
        budget -= 1;
        if folder == root {
            break;
        }
        folder = parent.to_owned();
    }
    Ok(budget)
}

fn folder_in(tx: &mut Tx<'_>, folder: &str) -> Result<Option<String>> {
    let sql = "SELECT name FROM tracking_artifacts WHERE parent = $1 AND digest IS NULL LIMIT 1";
    tx.optional(sql, &[folder.into()], |row| row.text(0))
}

/// Whether an artifact folder has no entry.
pub(crate) fn is_empty(tx: &mut Tx<'_>, folder: &str) -> Result<bool> {
    let sql = "SELECT name FROM tracking_artifacts WHERE parent = $1 LIMIT 1";
    Ok(tx.optional(sql, &[folder.into()], |row| row.text(0))?.is_none())
}
