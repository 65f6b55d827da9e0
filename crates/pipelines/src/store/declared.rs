//! Pipelines as applied, their plans and code.

use std::collections::BTreeSet;

use pitcrew_contracts::names::PipelineName;
use pitcrew_db::{Arg, Tx};
use pitcrew_kernel::{Digest, Error, Result, Timestamp};
use pitcrew_work::CodeFile;

use crate::model::Plan;
use crate::store::{from_json, json};

/// A pipeline as applied last.
#[derive(Debug, Clone)]
pub(crate) struct Applied {
    pub(crate) name: PipelineName,
    pub(crate) plan_digest: Digest,
    pub(crate) plan: Plan,
    pub(crate) git_commit: Option<String>,
    pub(crate) triggers: Vec<String>,
}

/// Stores a plan under its digest.
pub(crate) fn put_plan(tx: &mut Tx<'_>, plan: &Plan) -> Result<Digest> {
    let text = json(plan)?;
    let digest = Digest::from_bytes(*blake3::hash(text.as_bytes()).as_bytes());
    tx.exec(
        "INSERT INTO pipelines_plans (digest, plan) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING",
        &[digest.into(), text.into()],
    )?;
    Ok(digest)
}

pub(crate) fn plan(tx: &mut Tx<'_>, digest: &Digest) -> Result<Plan> {
    let text = tx.one("SELECT plan FROM pipelines_plans WHERE digest = $1", &[(*digest).into()], |row| row.text(0))?;
    from_json(&text)
}

pub(crate) fn put_code(tx: &mut Tx<'_>, digest: &Digest, files: &[&CodeFile]) -> Result<()> {
    tx.exec(
        "INSERT INTO pipelines_codes (digest, files) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING",
        &[(*digest).into(), json(&files)?.into()],
    )?;
    Ok(())
}

/// The files of some code; none when it is not known.
pub(crate) fn code(tx: &mut Tx<'_>, digest: &Digest) -> Result<Vec<CodeFile>> {
    let text =
        tx.optional("SELECT files FROM pipelines_codes WHERE digest = $1", &[(*digest).into()], |row| row.text(0))?;
    text.map_or_else(|| Ok(Vec::new()), |text| from_json(&text))
}

/// Remembers a pipeline as applied now.
pub(crate) fn put_pipeline(
    tx: &mut Tx<'_>,
    name: &PipelineName,
    plan: &Digest,
    git_commit: Option<&str>,
    triggers: &[String],
    now: Timestamp,
) -> Result<()> {
    tx.exec(
        "INSERT INTO pipelines_pipelines (name, plan, git_commit, triggers, runs, declared, applied_at) VALUES ($1, $2, $3, $4, 0, 1, $5) \
         ON CONFLICT (name) DO UPDATE SET plan = excluded.plan, git_commit = excluded.git_commit, triggers = excluded.triggers, \
         declared = 1, applied_at = excluded.applied_at",
        &[name.as_str().into(), (*plan).into(), git_commit.into(), json(&triggers)?.into(), now.into()],
    )?;
    Ok(())
}

pub(crate) fn withdraw(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    tx.exec("UPDATE pipelines_pipelines SET declared = 0 WHERE name = $1", &[name.into()])?;
    tx.exec("DELETE FROM pipelines_triggers WHERE pipeline = $1", &[name.into()])?;
    Ok(())
}

pub(crate) fn set_triggers(tx: &mut Tx<'_>, name: &PipelineName, events: &BTreeSet<&str>) -> Result<()> {
    tx.exec("DELETE FROM pipelines_triggers WHERE pipeline = $1", &[name.as_str().into()])?;
    for event in events {
        tx.exec(
            "INSERT INTO pipelines_triggers (event, pipeline) VALUES ($1, $2)",
            &[(*event).into(), name.as_str().into()],
        )?;
    }
    Ok(())
}

/// The pipelines that an event starts.
pub(crate) fn started_by(tx: &mut Tx<'_>, event: &str) -> Result<Vec<PipelineName>> {
    tx.all("SELECT pipeline FROM pipelines_triggers WHERE event = $1 ORDER BY pipeline", &[event.into()], |row| {
        row.parsed(0)
    })
}

const APPLIED: &str = "SELECT p.name, p.plan, p.git_commit, p.triggers, d.plan FROM pipelines_pipelines p \
                       JOIN pipelines_plans d ON d.digest = p.plan WHERE p.declared = 1";

/// The pipeline as applied last.
///
/// # Errors
/// `PIPELINE_NOT_FOUND`.
pub(crate) fn pipeline(tx: &mut Tx<'_>, name: &PipelineName) -> Result<Applied> {
    let found = tx.optional(&format!("{APPLIED} AND p.name = $1"), &[name.as_str().into()], applied)?;
    found.ok_or_else(|| {
        Error::not_found("PIPELINE_NOT_FOUND", format!("there is no pipeline `{name}`"))
            .hint("declare it in `pitcrew.yaml` and run `pitcrew apply`; `pitcrew runs` lists what is there")
    })
}

pub(crate) fn pipelines(tx: &mut Tx<'_>, after: &str, limit: i64) -> Result<Vec<Applied>> {
    tx.all(&format!("{APPLIED} AND p.name > $1 ORDER BY p.name LIMIT $2"), &[after.into(), limit.into()], applied)
}

fn applied(row: &pitcrew_db::Row<'_>) -> Result<Applied> {
    Ok(Applied {
        name: row.parsed(0)?,
        plan_digest: row.parsed(1)?,
        git_commit: row.opt_text(2)?,
        triggers: row.json(3)?,
        plan: row.json(4)?,
    })
}

/// Locks the pipeline's row until the end of the transaction; false when there is none.
pub(crate) fn lock(tx: &mut Tx<'_>, name: &PipelineName) -> Result<bool> {
    Ok(tx.exec("UPDATE pipelines_pipelines SET runs = runs WHERE name = $1", &[name.as_str().into()])? > 0)
}

/// Locks the pipeline's row and counts one more run; answers its number.
pub(crate) fn count_run(tx: &mut Tx<'_>, name: &PipelineName) -> Result<i64> {
    tx.one("UPDATE pipelines_pipelines SET runs = runs + 1 WHERE name = $1 RETURNING runs", &[Arg::show(name)], |row| {
        row.int(0)
    })
}

/// Every file of every known code.
pub(crate) fn code_digests(tx: &mut Tx<'_>, found: &mut Vec<Digest>) -> Result<()> {
    tx.for_each("SELECT files FROM pipelines_codes", &[], &mut |row| {
        let files: Vec<CodeFile> = row.json(0)?;
        found.extend(files.into_iter().map(|file| file.digest));
        Ok(())
    })
}
