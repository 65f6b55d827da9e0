//! The data sets and logged models that runs used or made.

use std::collections::HashMap;

use pitcrew_db::{Row, Tx};
use pitcrew_kernel::Result;

use crate::model::{DATASET_CONTEXT_TAG, Dataset, DatasetInput, DatasetSummary, Entries, ModelOutput, Run};
use crate::store::sql::Sql;
use crate::store::sql::each_of;

const IN: &str = "input";
const OUT: &str = "output";

/// The data set of this name and digest in the experiment, made under `fresh_id` when it is new there.
pub(crate) fn dataset_id(tx: &mut Tx<'_>, experiment_id: i64, dataset: &Dataset, fresh_id: &str) -> Result<String> {
    tx.exec(
        "INSERT INTO tracking_datasets (dataset_id, experiment_id, name, digest, source_type, source, schema_json, profile_json) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (experiment_id, name, digest) DO NOTHING",
        &[
            fresh_id.into(),
            experiment_id.into(),
            (&dataset.name).into(),
            (&dataset.digest).into(),
            (&dataset.source_type).into(),
            (&dataset.source).into(),
            dataset.schema.as_deref().into(),
            dataset.profile.as_deref().into(),
        ],
    )?;
    tx.one(
        "SELECT dataset_id FROM tracking_datasets WHERE experiment_id = $1 AND name = $2 AND digest = $3",
        &[experiment_id.into(), (&dataset.name).into(), (&dataset.digest).into()],
        |row| row.text(0),
    )
}

/// Notes that a run used a data set; its tags count only the first time.
pub(crate) fn add_dataset(tx: &mut Tx<'_>, run_no: i64, dataset_id: &str, tags: &Entries) -> Result<()> {
    let new = tx.exec(
        "INSERT INTO tracking_inputs (run_no, dataset_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[run_no.into(), dataset_id.into()],
    )?;
    if new == 0 {
        return Ok(());
    }
    for (key, value) in tags {
        tx.exec(
            "INSERT INTO tracking_input_tags (run_no, dataset_id, key, value) VALUES ($1, $2, $3, $4)",
            &[run_no.into(), dataset_id.into(), key.into(), value.into()],
        )?;
    }
    Ok(())
}

pub(crate) fn add_model_input(tx: &mut Tx<'_>, run_no: i64, model_id: &str) -> Result<()> {
    add_model(tx, run_no, IN, model_id, 0)
}

pub(crate) fn add_model_output(tx: &mut Tx<'_>, run_no: i64, output: &ModelOutput) -> Result<()> {
    add_model(tx, run_no, OUT, &output.model_id, output.step)
}

fn add_model(tx: &mut Tx<'_>, run_no: i64, direction: &str, model_id: &str, step: i64) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_run_models (run_no, direction, model_id, step) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (run_no, direction, model_id) DO UPDATE SET step = excluded.step",
        &[run_no.into(), direction.into(), model_id.into(), step.into()],
    )
    .map(drop)
}

/// Fills in the data sets and logged models of many runs.
pub(crate) fn with_inputs(tx: &mut Tx<'_>, runs: &mut [Run]) -> Result<()> {
    let places: HashMap<i64, usize> = runs.iter().enumerate().map(|(at, run)| (run.info.run_no, at)).collect();
    let numbers: Vec<i64> = runs.iter().map(|run| run.info.run_no).collect();
    let mut tags: HashMap<(i64, String), Entries> = HashMap::new();
    let all_tags = "SELECT run_no, dataset_id, key, value FROM tracking_input_tags WHERE run_no IN";
    each_of(tx, &numbers, all_tags, "", &mut |row| {
        tags.entry((row.int(0)?, row.text(1)?)).or_default().insert(row.text(2)?, row.text(3)?);
        Ok(())
    })?;
    let datasets = "SELECT i.run_no, d.dataset_id, d.name, d.digest, d.source_type, d.source, d.schema_json, d.profile_json \
         FROM tracking_inputs i JOIN tracking_datasets d ON d.dataset_id = i.dataset_id WHERE i.run_no IN";
    each_of(tx, &numbers, datasets, "ORDER BY i.run_no, d.name, d.digest", &mut |row| {
        let run_no = row.int(0)?;
        if let Some(run) = places.get(&run_no).and_then(|at| runs.get_mut(*at)) {
            let tags = tags.remove(&(run_no, row.text(1)?)).unwrap_or_default();
            run.inputs.push(DatasetInput { dataset: dataset(row)?, tags });
        }
        Ok(())
    })?;
    let models = "SELECT run_no, direction, model_id, step FROM tracking_run_models WHERE run_no IN";
    each_of(tx, &numbers, models, "ORDER BY run_no, step, model_id", &mut |row| {
        if let Some(run) = places.get(&row.int(0)?).and_then(|at| runs.get_mut(*at)) {
            if row.text(1)? == IN {
                run.model_inputs.push(row.text(2)?);
            } else {
                run.model_outputs.push(ModelOutput { model_id: row.text(2)?, step: row.int(3)? });
            }
        }
        Ok(())
    })
}

/// The data sets of one run with their ids.
pub(crate) fn datasets_of(tx: &mut Tx<'_>, run_no: i64) -> Result<Vec<(String, Dataset)>> {
    tx.all(
        "SELECT i.run_no, d.dataset_id, d.name, d.digest, d.source_type, d.source, d.schema_json, d.profile_json \
         FROM tracking_inputs i JOIN tracking_datasets d ON d.dataset_id = i.dataset_id WHERE i.run_no = $1",
        &[run_no.into()],
        |row| Ok((row.text(1)?, dataset(row)?)),
    )
}

fn dataset(row: &Row<'_>) -> Result<Dataset> {
    Ok(Dataset {
        name: row.text(2)?,
        digest: row.text(3)?,
        source_type: row.text(4)?,
        source: row.text(5)?,
        schema: row.opt_text(6)?,
        profile: row.opt_text(7)?,
    })
}

/// The data sets that runs of these experiments used.
pub(crate) fn summaries(tx: &mut Tx<'_>, experiments: &[i64], limit: usize) -> Result<Vec<DatasetSummary>> {
    let mut sql = Sql::new(tx);
    let context = sql.bind(DATASET_CONTEXT_TAG);
    let ids = sql.bind_all(experiments.iter().copied());
    let most = sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    sql.push(&format!(
        "SELECT DISTINCT d.experiment_id, d.name, d.digest, t.value FROM tracking_datasets d \
         JOIN tracking_inputs i ON i.dataset_id = d.dataset_id \
         LEFT JOIN tracking_input_tags t ON t.run_no = i.run_no AND t.dataset_id = i.dataset_id AND t.key = {context} \
         WHERE d.experiment_id IN ({ids}) ORDER BY 1, 2, 3, 4 LIMIT {most}"
    ));
    tx.all(&sql.text, &sql.args, |row| {
        Ok(DatasetSummary {
            experiment_id: row.int(0)?,
            name: row.text(1)?,
            digest: row.text(2)?,
            context: row.opt_text(3)?,
        })
    })
}
