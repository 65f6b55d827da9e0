//! MLflow's own tables, read as SQLite and PostgreSQL both can.

use std::collections::BTreeMap;

use pitcrew_db::{Row, Tx};
use pitcrew_kernel::Result;
use serde_json::{Value, json};

use super::source::{Entries, Experiment, LoggedModel, Registered, Run, Version};
use crate::cli::runs::folder::Point;

/// Runs on one page.
const RUNS: i64 = 200;
/// Points on one page.
const POINTS: i64 = 10_000;

pub(super) fn experiments(tx: &mut Tx<'_>) -> Result<Vec<Experiment>> {
    let found = tx.all(
        "SELECT CAST(experiment_id AS BIGINT), name FROM experiments WHERE lifecycle_stage = 'active' ORDER BY 1",
        &[],
        |row| Ok((row.int(0)?, row.text(1)?)),
    )?;
    let mut experiments = Vec::new();
    for (id, name) in found {
        let sql = "SELECT key, coalesce(value, '') FROM experiment_tags WHERE CAST(experiment_id AS BIGINT) = $1";
        let tags = tx.all(sql, &[id.into()], pair)?.into_iter().collect();
        experiments.push(Experiment { id: id.to_string(), name, tags });
    }
    Ok(experiments)
}

fn pair(row: &Row<'_>) -> Result<(String, String)> {
    Ok((row.text(0)?, row.text(1)?))
}

pub(super) fn runs(tx: &mut Tx<'_>, experiment: &str, after: &str) -> Result<(Vec<Run>, Option<String>)> {
    let infos = tx.all(
        "SELECT run_uuid, coalesce(name, ''), coalesce(user_id, ''), status, coalesce(start_time, 0), end_time, coalesce(artifact_uri, '') \
         FROM runs WHERE CAST(experiment_id AS TEXT) = $1 AND run_uuid > $2 AND lifecycle_stage = 'active' ORDER BY run_uuid LIMIT $3",
        &[experiment.into(), after.into(), RUNS.into()],
        |row| {
            let head = json!({
                "run_id": row.text(0)?, "name": row.text(1)?, "user": row.text(2)?, "status": row.text(3)?,
                "started_ms": row.int(4)?, "ended_ms": row.opt_int(5)?,
            });
            Ok(Run { run_id: row.text(0)?, head, artifact_uri: row.text(6)?, metrics: Vec::new() })
        },
    )?;
    let mut runs = Vec::new();
    for mut run in infos {
        fill(tx, &mut run)?;
        runs.push(run);
    }
    let full = i64::try_from(runs.len()).is_ok_and(|count| count == RUNS);
    let next = runs.last().filter(|_| full).map(|run| run.run_id.clone());
    Ok((runs, next))
}

fn fill(tx: &mut Tx<'_>, run: &mut Run) -> Result<()> {
    let id = run.run_id.clone();
    let entries = |tx: &mut Tx<'_>, table: &str| -> Result<Entries> {
        let sql = format!("SELECT key, coalesce(value, '') FROM {table} WHERE run_uuid = $1");
        Ok(tx.all(&sql, &[id.as_str().into()], pair)?.into_iter().collect())
    };
    run.head["params"] = json!(entries(tx, "params")?);
    run.head["tags"] = json!(entries(tx, "tags")?);
    run.metrics =
        tx.all("SELECT key FROM latest_metrics WHERE run_uuid = $1 ORDER BY key", &[id.as_str().into()], |row| {
            row.text(0)
        })?;
    run.head["datasets"] = datasets(tx, &id)?;
    let models = tx.all(
        "SELECT destination_type, destination_id, CAST(step AS BIGINT) FROM inputs \
         WHERE source_id = $1 AND source_type IN ('RUN_INPUT', 'RUN_OUTPUT') ORDER BY step, destination_id",
        &[id.as_str().into()],
        |row| Ok((row.text(0)?, row.text(1)?, row.int(2)?)),
    )?;
    let (made, used): (Vec<_>, Vec<_>) = models.into_iter().partition(|(kind, ..)| kind == "MODEL_OUTPUT");
    run.head["model_inputs"] = used.into_iter().map(|(_, id, _)| id).collect();
    run.head["model_outputs"] = made.into_iter().map(|(_, id, step)| json!({ "model_id": id, "step": step })).collect();
    Ok(())
}

fn datasets(tx: &mut Tx<'_>, run_id: &str) -> Result<Value> {
    let found = tx.all(
        "SELECT i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, d.dataset_profile \
         FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id \
         WHERE i.destination_id = $1 AND i.source_type = 'DATASET' AND i.destination_type = 'RUN' ORDER BY d.name, d.digest",
        &[run_id.into()],
        |row| {
            let dataset = json!({
                "name": row.text(1)?, "digest": row.text(2)?, "source_type": row.text(3)?, "source": row.text(4)?,
                "schema": row.opt_text(5)?, "profile": row.opt_text(6)?,
            });
            Ok((row.text(0)?, dataset))
        },
    )?;
    let mut datasets = Vec::new();
    for (input, mut dataset) in found {
        let sql = "SELECT name, value FROM input_tags WHERE input_uuid = $1";
        let tags: Entries = tx.all(sql, &[input.into()], pair)?.into_iter().collect();
        dataset["tags"] = json!(tags);
        datasets.push(dataset);
    }
    Ok(Value::Array(datasets))
}

/// Points by time, step and value. A page is where it begins: a place in that order.
pub(super) fn points(
    tx: &mut Tx<'_>,
    run_id: &str,
    key: &str,
    page: Option<String>,
) -> Result<(Vec<Point>, Option<String>)> {
    let offset: i64 = page.and_then(|page| page.parse().ok()).unwrap_or_default();
    let points = tx.all(
        "SELECT CAST(value AS DOUBLE PRECISION), CAST(step AS BIGINT), CAST(\"timestamp\" AS BIGINT), CAST(CASE WHEN is_nan THEN 1 ELSE 0 END AS BIGINT) \
         FROM metrics WHERE run_uuid = $1 AND key = $2 ORDER BY \"timestamp\", step, value, is_nan LIMIT $3 OFFSET $4",
        &[run_id.into(), key.into(), POINTS.into(), offset.into()],
        |row| {
            let value = if row.flag(3)? { json!("NaN") } else { number(row.float(0)?) };
            Ok(Point { key: key.to_owned(), value, step: row.int(1)?, at_ms: row.int(2)? })
        },
    )?;
    let full = i64::try_from(points.len()).is_ok_and(|count| count == POINTS);
    Ok((points, full.then(|| (offset + POINTS).to_string())))
}

/// A number as a point has it.
pub(super) fn number(value: f64) -> Value {
    match value {
        value if value.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        value => json!(value),
    }
}

const STATUS: [&str; 4] =
    ["LOGGED_MODEL_STATUS_UNSPECIFIED", "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"];

pub(super) fn logged_models(tx: &mut Tx<'_>, experiment: &str) -> Result<Vec<LoggedModel>> {
    let found = tx.all(
        "SELECT model_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, CAST(status AS BIGINT), \
         coalesce(model_type, ''), coalesce(source_run_id, '') \
         FROM logged_models WHERE CAST(experiment_id AS TEXT) = $1 AND lifecycle_stage = 'active' ORDER BY model_id",
        &[experiment.into()],
        |row| {
            let status = usize::try_from(row.int(5)?).ok().and_then(|at| STATUS.get(at)).unwrap_or(&STATUS[0]);
            let head = json!({
                "model_id": row.text(0)?, "name": row.text(1)?, "created_ms": row.int(3)?, "updated_ms": row.int(4)?, "status": status,
                "model_type": row.text(6)?, "source_run_id": row.text(7)?,
            });
            Ok(LoggedModel { model_id: row.text(0)?, artifact_uri: row.text(2)?, head })
        },
    )?;
    let mut models = Vec::new();
    for mut model in found {
        let id = model.model_id.clone();
        for (what, table, key, value) in [
            ("params", "logged_model_params", "param_key", "param_value"),
            ("tags", "logged_model_tags", "tag_key", "tag_value"),
        ] {
            let sql = format!("SELECT {key}, {value} FROM {table} WHERE model_id = $1");
            let entries: Entries = tx.all(&sql, &[id.as_str().into()], pair)?.into_iter().collect();
            model.head[what] = json!(entries);
        }
        model.head["metrics"] = model_metrics(tx, &id)?;
        models.push(model);
    }
    Ok(models)
}

fn model_metrics(tx: &mut Tx<'_>, model_id: &str) -> Result<Value> {
    let found = tx.all(
        "SELECT metric_name, CAST(metric_value AS DOUBLE PRECISION), metric_step, metric_timestamp_ms, run_id, dataset_name, dataset_digest \
         FROM logged_model_metrics WHERE model_id = $1 AND metric_value IS NOT NULL",
        &[model_id.into()],
        |row| {
            Ok(json!({
                "key": row.text(0)?, "value": number(row.float(1)?), "step": row.int(2)?, "at_ms": row.int(3)?, "run_id": row.text(4)?,
                "dataset_name": row.opt_text(5)?, "dataset_digest": row.opt_text(6)?,
            }))
        },
    )?;
    Ok(Value::Array(found))
}

pub(super) fn registered(tx: &mut Tx<'_>) -> Result<Vec<Registered>> {
    let mut models: BTreeMap<String, Registered> = BTreeMap::new();
    let all = tx.all("SELECT name, coalesce(description, '') FROM registered_models", &[], pair)?;
    for (name, description) in all {
        models.insert(name.clone(), Registered { name, description, ..Registered::default() });
    }
    let tags = tx.all("SELECT name, key, coalesce(value, '') FROM registered_model_tags", &[], |row| {
        Ok((row.text(0)?, row.text(1)?, row.text(2)?))
    })?;
    for (name, key, value) in tags {
        models.entry(name).or_default().tags.insert(key, value);
    }
    let aliases = tx.all("SELECT name, alias, CAST(version AS BIGINT) FROM registered_model_aliases", &[], |row| {
        Ok((row.text(0)?, row.text(1)?, row.int(2)?))
    })?;
    for (name, alias, version) in aliases {
        models.entry(name).or_default().aliases.insert(alias, version);
    }
    let versions = tx.all(
        "SELECT name, CAST(version AS BIGINT), coalesce(description, ''), coalesce(source, ''), coalesce(run_id, '') \
         FROM model_versions WHERE current_stage <> 'Deleted_Internal' ORDER BY name, version",
        &[],
        |row| {
            let version = Version {
                version: row.int(1)?,
                description: row.text(2)?,
                source: row.text(3)?,
                run_id: row.text(4)?,
                tags: Entries::new(),
            };
            Ok((row.text(0)?, version))
        },
    )?;
    for (name, mut version) in versions {
        let sql =
            "SELECT key, coalesce(value, '') FROM model_version_tags WHERE name = $1 AND CAST(version AS BIGINT) = $2";
        version.tags = tx.all(sql, &[name.as_str().into(), version.version.into()], pair)?.into_iter().collect();
        models.entry(name).or_default().versions.push(version);
    }
    Ok(models.into_values().filter(|model| !model.name.is_empty()).collect())
}
