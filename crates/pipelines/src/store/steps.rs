//! Steps of runs, and the results by content key.

use pitcrew_contracts::names::{PipelineName, PipelineRunId, StepName};
use pitcrew_db::{Arg, Row, Tx};
use pitcrew_kernel::{Digest, Error, Result, Timestamp};

use crate::key::KeyParts;
use crate::model::{Output, Run, Step};
use crate::store::{from_json, json};

const COLUMNS: &str = "run, name, kind, needs, state, attempt, failures, cache_key, cache_hit, why, parts, exit_code, cpu_us, \
                       peak_memory_bytes, error, outputs, tracking_run_id, started_at, finished_at";

fn step(row: &Row<'_>) -> Result<Step> {
    Ok(Step {
        run: row.parsed(0)?,
        name: row.parsed(1)?,
        kind: row.text(2)?,
        needs: row.json(3)?,
        state: row.parsed(4)?,
        attempt: row.int(5)?,
        failures: row.int(6)?,
        cache_key: row.opt_parsed(7)?,
        cache_hit: row.flag(8)?,
        why: row.opt_text(9)?,
        parts: row.opt_text(10)?.map(|text| from_json(&text)).transpose()?,
        exit_code: row.opt_int(11)?,
        cpu_us: row.opt_int(12)?,
        peak_memory_bytes: row.opt_int(13)?,
        error: row.opt_text(14)?,
        outputs: row.json(15)?,
        tracking_run_id: row.opt_text(16)?,
        started_at: row.opt_time(17)?,
        finished_at: row.opt_time(18)?,
    })
}

/// Inserts a new step at place `ord` of the run's order.
pub(crate) fn insert(tx: &mut Tx<'_>, new: &Step, ord: i64) -> Result<()> {
    tx.exec(
        "INSERT INTO pipelines_steps (run, name, ord, kind, needs, state, attempt, failures, cache_hit, outputs) \
         VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, '[]')",
        &[
            Arg::show(&new.run),
            new.name.as_str().into(),
            ord.into(),
            new.kind.as_str().into(),
            json(&new.needs)?.into(),
            new.state.as_str().into(),
        ],
    )?;
    Ok(())
}

/// Writes what may change.
pub(crate) fn update(tx: &mut Tx<'_>, changed: &Step) -> Result<()> {
    tx.exec(
        "UPDATE pipelines_steps SET state = $1, attempt = $2, failures = $3, cache_key = $4, cache_hit = $5, why = $6, parts = $7, exit_code = $8, \
         cpu_us = $9, peak_memory_bytes = $10, error = $11, outputs = $12, tracking_run_id = $13, started_at = $14, finished_at = $15 \
         WHERE run = $16 AND name = $17",
        &[
            changed.state.as_str().into(),
            changed.attempt.into(),
            changed.failures.into(),
            changed.cache_key.into(),
            changed.cache_hit.into(),
            changed.why.as_deref().into(),
            changed.parts.as_ref().map(json).transpose()?.into(),
            changed.exit_code.into(),
            changed.cpu_us.into(),
            changed.peak_memory_bytes.into(),
            changed.error.as_deref().into(),
            json(&changed.outputs)?.into(),
            changed.tracking_run_id.as_deref().into(),
            changed.started_at.into(),
            changed.finished_at.into(),
            Arg::show(&changed.run),
            changed.name.as_str().into(),
        ],
    )?;
    Ok(())
}

/// The steps of a run, each after those it needs.
pub(crate) fn of_run(tx: &mut Tx<'_>, run: PipelineRunId) -> Result<Vec<Step>> {
    tx.all(&format!("SELECT {COLUMNS} FROM pipelines_steps WHERE run = $1 ORDER BY ord"), &[Arg::show(&run)], step)
}

/// The step.
///
/// # Errors
/// `STEP_NOT_FOUND`.
pub(crate) fn get(tx: &mut Tx<'_>, run: PipelineRunId, name: &StepName) -> Result<Step> {
    let found = tx.optional(
        &format!("SELECT {COLUMNS} FROM pipelines_steps WHERE run = $1 AND name = $2"),
        &[Arg::show(&run), name.as_str().into()],
        step,
    )?;
    found.ok_or_else(|| Error::not_found("STEP_NOT_FOUND", format!("the run `{run}` has no step `{name}`")))
}

/// The newest success of a step before a run: its run's number, its key's parts.
pub(crate) fn last_success(
    tx: &mut Tx<'_>,
    pipeline: &PipelineName,
    name: &StepName,
    before: i64,
) -> Result<Option<(i64, KeyParts)>> {
    tx.optional(
        "SELECT r.number, s.parts FROM pipelines_steps s JOIN pipelines_runs r ON r.id = s.run WHERE r.pipeline = $1 AND s.name = $2 \
         AND r.number < $3 AND s.state IN ('succeeded', 'cached') AND s.parts IS NOT NULL ORDER BY r.number DESC LIMIT 1",
        &[pipeline.as_str().into(), name.as_str().into(), before.into()],
        |row| Ok((row.int(0)?, row.json(1)?)),
    )
}

/// A result found by its key.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) number: i64,
    pub(crate) outputs: Vec<Output>,
    pub(crate) tracking_run_id: Option<String>,
}

pub(crate) fn cached(tx: &mut Tx<'_>, key: &Digest) -> Result<Option<Hit>> {
    tx.optional(
        "SELECT number, outputs, tracking_run_id FROM pipelines_cache WHERE cache_key = $1",
        &[(*key).into()],
        |row| Ok(Hit { number: row.int(0)?, outputs: row.json(1)?, tracking_run_id: row.opt_text(2)? }),
    )
}

/// Remembers the result of a step under its key.
pub(crate) fn remember(tx: &mut Tx<'_>, run: &Run, done: &Step, now: Timestamp) -> Result<()> {
    let Some(key) = done.cache_key else { return Ok(()) };
    tx.exec(
        "INSERT INTO pipelines_cache (cache_key, run, number, outputs, tracking_run_id, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (cache_key) DO UPDATE SET run = excluded.run, number = excluded.number, outputs = excluded.outputs, \
         tracking_run_id = excluded.tracking_run_id, created_at = excluded.created_at",
        &[
            key.into(),
            Arg::show(&run.id),
            run.number.into(),
            json(&done.outputs)?.into(),
            done.tracking_run_id.as_deref().into(),
            now.into(),
        ],
    )?;
    Ok(())
}

/// Every output of every step and of every remembered result.
pub(crate) fn output_digests(tx: &mut Tx<'_>, found: &mut Vec<Digest>) -> Result<()> {
    for sql in ["SELECT outputs FROM pipelines_steps WHERE outputs <> '[]'", "SELECT outputs FROM pipelines_cache"] {
        tx.for_each(sql, &[], &mut |row| {
            let outputs: Vec<Output> = row.json(0)?;
            found.extend(outputs.into_iter().map(|output| output.digest));
            Ok(())
        })?;
    }
    Ok(())
}
