//! Runs.

use pitcrew_contracts::names::{PipelineName, PipelineRunId};
use pitcrew_db::{Arg, Row, Tx};
use pitcrew_kernel::{Error, Result, Timestamp};

use crate::model::{Run, RunState};
use crate::store::{from_json, json};

const COLUMNS: &str = "id, pipeline, number, state, plan, git_commit, params, force, reason, cause, ancestry, dataset, dataset_digest, \
                       environments, prepared, cancel, error, created_at, started_at, finished_at";

fn run(row: &Row<'_>) -> Result<Run> {
    Ok(Run {
        id: row.parsed(0)?,
        pipeline: row.parsed(1)?,
        number: row.int(2)?,
        state: row.parsed(3)?,
        plan: row.parsed(4)?,
        git_commit: row.opt_text(5)?,
        params: row.json(6)?,
        force: row.flag(7)?,
        reason: row.text(8)?,
        cause: row.opt_text(9)?.map(|text| from_json(&text)).transpose()?,
        ancestry: row.json(10)?,
        dataset: row.opt_parsed(11)?,
        dataset_digest: row.opt_parsed(12)?,
        environments: row.json(13)?,
        prepared: row.flag(14)?,
        cancel: row.flag(15)?,
        error: row.opt_text(16)?,
        created_at: row.time(17)?,
        started_at: row.opt_time(18)?,
        finished_at: row.opt_time(19)?,
    })
}

/// What makes two runs one: `dedup` is unique over all runs, `cause_key` only among those under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dedup {
    pub(crate) once: Option<String>,
    pub(crate) cause_key: Option<String>,
}

pub(crate) fn insert(tx: &mut Tx<'_>, new: &Run, dedup: &Dedup) -> Result<()> {
    let cause = new.cause.as_ref().map(json).transpose()?;
    tx.exec(
        "INSERT INTO pipelines_runs (id, pipeline, number, state, plan, git_commit, params, force, reason, cause, cause_key, ancestry, dedup, \
         environments, prepared, cancel, revision, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, '{}', 0, 0, 0, $14)",
        &[
            Arg::show(&new.id),
            new.pipeline.as_str().into(),
            new.number.into(),
            new.state.as_str().into(),
            new.plan.into(),
            new.git_commit.as_deref().into(),
            json(&new.params)?.into(),
            new.force.into(),
            new.reason.as_str().into(),
            cause.into(),
            dedup.cause_key.as_deref().into(),
            json(&new.ancestry)?.into(),
            dedup.once.as_deref().into(),
            new.created_at.into(),
        ],
    )?;
    Ok(())
}

/// The run.
///
/// # Errors
/// `PIPELINE_RUN_NOT_FOUND`.
pub(crate) fn get(tx: &mut Tx<'_>, id: PipelineRunId) -> Result<Run> {
    let found = tx.optional(&format!("SELECT {COLUMNS} FROM pipelines_runs WHERE id = $1"), &[Arg::show(&id)], run)?;
    found.ok_or_else(|| Error::not_found("PIPELINE_RUN_NOT_FOUND", format!("there is no pipeline run `{id}`")))
}

/// The run, its row locked until the end of the transaction: every change of a run or its steps goes through here, so that two steps that
/// end at once see each other.
///
/// # Errors
/// `PIPELINE_RUN_NOT_FOUND`.
pub(crate) fn lock(tx: &mut Tx<'_>, id: PipelineRunId) -> Result<Run> {
    tx.exec("UPDATE pipelines_runs SET revision = revision + 1 WHERE id = $1", &[Arg::show(&id)])?;
    get(tx, id)
}

/// Writes what may change after a run was made.
pub(crate) fn update(tx: &mut Tx<'_>, changed: &Run) -> Result<()> {
    tx.exec(
        "UPDATE pipelines_runs SET state = $1, dataset = $2, dataset_digest = $3, environments = $4, prepared = $5, cancel = $6, error = $7, \
         started_at = $8, finished_at = $9 WHERE id = $10",
        &[
            changed.state.as_str().into(),
            Arg::show_opt(changed.dataset.as_ref()),
            changed.dataset_digest.into(),
            json(&changed.environments)?.into(),
            changed.prepared.into(),
            changed.cancel.into(),
            changed.error.as_deref().into(),
            changed.started_at.into(),
            changed.finished_at.into(),
            Arg::show(&changed.id),
        ],
    )?;
    Ok(())
}

/// Which runs a list shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) pipeline: Option<PipelineName>,
    pub(crate) state: Option<RunState>,
    /// Only runs older than this one.
    pub(crate) before: Option<(Timestamp, String)>,
}

/// Newest first.
pub(crate) fn list(tx: &mut Tx<'_>, filter: &Filter, limit: usize) -> Result<Vec<Run>> {
    let mut sql = format!("SELECT {COLUMNS} FROM pipelines_runs WHERE 1 = 1");
    let mut args: Vec<Arg<'_>> = Vec::new();
    if let Some(pipeline) = &filter.pipeline {
        args.push(pipeline.as_str().into());
        sql.push_str(&format!(" AND pipeline = ${}", args.len()));
    }
    if let Some(state) = filter.state {
        args.push(state.as_str().into());
        sql.push_str(&format!(" AND state = ${}", args.len()));
    }
    if let Some((at, id)) = &filter.before {
        args.push((*at).into());
        args.push(id.into());
        let (at, id) = (args.len() - 1, args.len());
        sql.push_str(&format!(" AND (created_at < ${at} OR (created_at = ${at} AND id < ${id}))"));
    }
    args.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    sql.push_str(&format!(" ORDER BY created_at DESC, id DESC LIMIT ${}", args.len()));
    tx.all(&sql, &args, run)
}

/// The pipeline's newest run.
pub(crate) fn last(tx: &mut Tx<'_>, pipeline: &PipelineName) -> Result<Option<Run>> {
    tx.optional(
        &format!("SELECT {COLUMNS} FROM pipelines_runs WHERE pipeline = $1 ORDER BY number DESC LIMIT 1"),
        &[pipeline.as_str().into()],
        run,
    )
}

/// The pipeline's runs that are not over, oldest first.
pub(crate) fn active(tx: &mut Tx<'_>, pipeline: &PipelineName) -> Result<Vec<Run>> {
    tx.all(
        &format!("SELECT {COLUMNS} FROM pipelines_runs WHERE pipeline = $1 AND state IN ('queued', 'running') ORDER BY number"),
        &[pipeline.as_str().into()],
        run,
    )
}

/// Every run that is not over, oldest first.
pub(crate) fn all_active(tx: &mut Tx<'_>) -> Result<Vec<Run>> {
    tx.all(
        &format!("SELECT {COLUMNS} FROM pipelines_runs WHERE state IN ('queued', 'running') ORDER BY created_at, id"),
        &[],
        run,
    )
}

/// How many runs are not over.
pub(crate) fn count_active(tx: &mut Tx<'_>) -> Result<i64> {
    tx.one("SELECT count(*) FROM pipelines_runs WHERE state IN ('queued', 'running')", &[], |row| row.int(0))
}

/// Whether a run with this once-key exists, or one under way with this cause.
pub(crate) fn exists(tx: &mut Tx<'_>, pipeline: &PipelineName, dedup: &Dedup) -> Result<bool> {
    let found = tx.one(
        "SELECT count(*) FROM pipelines_runs WHERE dedup = $1 OR (pipeline = $2 AND cause_key = $3 AND state IN ('queued', 'running'))",
        &[dedup.once.as_deref().into(), pipeline.as_str().into(), dedup.cause_key.as_deref().into()],
        |row| row.int(0),
    )?;
    Ok(found > 0)
}
