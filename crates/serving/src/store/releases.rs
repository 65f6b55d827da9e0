//! Releases and their evidence.

use pitcrew_contracts::names::{DeploymentName, ReleaseId};
use pitcrew_db::{Arg, Row, Tx};
use pitcrew_kernel::{Error, Result};

use super::json;
use crate::model::{Evidence, Release, ReleaseState};

const COLUMNS: &str = "SELECT id, deployment, model, alias, candidate_alias, policy, champion, candidate, state, step, steps, options, \
     started_at, ended_at, event_time, reason, cause, trigger_event FROM serving_releases";

/// Writes a new release.
pub(crate) fn insert_release(tx: &mut Tx<'_>, release: &Release) -> Result<()> {
    let cause = release.cause.as_ref().map(json).transpose()?;
    tx.exec(
        "INSERT INTO serving_releases (id, deployment, model, alias, candidate_alias, policy, champion, candidate, state, step, steps, options, \
         started_at, ended_at, event_time, reason, cause, trigger_event) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        &[
            Arg::show(&release.id),
            release.deployment.as_str().into(),
            release.model.as_str().into(),
            release.alias.as_str().into(),
            release.candidate_alias.as_str().into(),
            json(&release.policy)?.into(),
            release.champion.into(),
            release.candidate.into(),
            release.state.name().into(),
            step(release).into(),
            json(&release.steps)?.into(),
            json(&release.options)?.into(),
            release.started_at.into(),
            release.ended_at.into(),
            release.event_time.into(),
            release.reason.as_str().into(),
            cause.into(),
            release.trigger.as_deref().into(),
        ],
    )?;
    Ok(())
}

/// Writes what a transition changed.
pub(crate) fn update_release(tx: &mut Tx<'_>, release: &Release) -> Result<()> {
    tx.exec(
        "UPDATE serving_releases SET state = $1, step = $2, steps = $3, ended_at = $4, reason = $5 WHERE id = $6",
        &[
            release.state.name().into(),
            step(release).into(),
            json(&release.steps)?.into(),
            release.ended_at.into(),
            release.reason.as_str().into(),
            Arg::show(&release.id),
        ],
    )?;
    Ok(())
}

fn step(release: &Release) -> i64 {
    i64::try_from(release.step).unwrap_or(i64::MAX)
}

/// One release.
pub(crate) fn release(tx: &mut Tx<'_>, id: ReleaseId) -> Result<Option<Release>> {
    tx.optional(&format!("{COLUMNS} WHERE id = $1"), &[Arg::show(&id)], read)
}

/// The release that an event started.
pub(crate) fn release_by_trigger(tx: &mut Tx<'_>, event: &str) -> Result<Option<Release>> {
    tx.optional(&format!("{COLUMNS} WHERE trigger_event = $1"), &[event.into()], read)
}

/// The release a deployment is in now.
pub(crate) fn running(tx: &mut Tx<'_>, deployment: &DeploymentName) -> Result<Option<Release>> {
    tx.optional(&format!("{COLUMNS} WHERE deployment = $1 AND state = 'running'"), &[deployment.as_str().into()], read)
}

/// Ids of the running releases of a deployment.
pub(crate) fn running_ids(tx: &mut Tx<'_>, deployment: &DeploymentName) -> Result<Vec<String>> {
    tx.all(
        "SELECT id FROM serving_releases WHERE deployment = $1 AND state = 'running'",
        &[deployment.as_str().into()],
        |row| row.text(0),
    )
}

/// Releases older than `before`, newest first; of one deployment or of all.
pub(crate) fn releases(
    tx: &mut Tx<'_>,
    deployment: Option<&DeploymentName>,
    before: Option<ReleaseId>,
    limit: usize,
) -> Result<Vec<Release>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.all(
        &format!(
            "{COLUMNS} WHERE (CAST($1 AS TEXT) IS NULL OR deployment = $1) AND (CAST($2 AS TEXT) IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
        ),
        &[deployment.map(DeploymentName::as_str).into(), Arg::show_opt(before.as_ref()), limit.into()],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<Release> {
    let cause = row.opt_text(16)?;
    Ok(Release {
        id: row.parsed(0)?,
        deployment: row.parsed(1)?,
        model: row.parsed(2)?,
        alias: row.parsed(3)?,
        candidate_alias: row.parsed(4)?,
        policy: row.json(5)?,
        champion: row.int(6)?,
        candidate: row.int(7)?,
        state: ReleaseState::parse(&row.text(8)?)?,
        step: usize::try_from(row.int(9)?).unwrap_or(0),
        steps: row.json(10)?,
        options: row.json(11)?,
        started_at: row.time(12)?,
        ended_at: row.opt_time(13)?,
        event_time: row.opt_time(14)?,
        reason: row.text(15)?,
        cause: cause
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|source| Error::internal("a stored cause does not read", source))?,
        trigger: row.opt_text(17)?,
    })
}

/// Appends one look at a release.
pub(crate) fn add_evidence(tx: &mut Tx<'_>, id: ReleaseId, evidence: &Evidence) -> Result<()> {
    tx.exec(
        "INSERT INTO serving_evidence (release_id, seq, body) SELECT $1, coalesce(max(seq), 0) + 1, $2 FROM serving_evidence WHERE release_id = $1",
        &[Arg::show(&id), json(evidence)?.into()],
    )?;
    Ok(())
}

/// The last `limit` looks at a release, oldest first.
pub(crate) fn evidence(tx: &mut Tx<'_>, id: ReleaseId, limit: usize) -> Result<Vec<Evidence>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut looks: Vec<Evidence> = tx.all(
        "SELECT body FROM serving_evidence WHERE release_id = $1 ORDER BY seq DESC LIMIT $2",
        &[Arg::show(&id), limit.into()],
        |row| row.json(0),
    )?;
    looks.reverse();
    Ok(looks)
}

/// The last look at a release.
pub(crate) fn last_evidence(tx: &mut Tx<'_>, id: ReleaseId) -> Result<Option<Evidence>> {
    Ok(evidence(tx, id, 1)?.pop())
}
