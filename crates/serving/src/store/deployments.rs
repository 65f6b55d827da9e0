//! Deployments.

use pitcrew_contracts::names::DeploymentName;
use pitcrew_db::{Row, Tx};
use pitcrew_kernel::{Error, Result, Timestamp};

use super::json;
use crate::model::Deployment;

const COLUMNS: &str = "SELECT name, model, alias, policy, champion FROM serving_deployments";

/// One deployment.
pub(crate) fn deployment(tx: &mut Tx<'_>, name: &DeploymentName) -> Result<Option<Deployment>> {
    tx.optional(&format!("{COLUMNS} WHERE name = $1"), &[name.as_str().into()], read)
}

/// All of them, by name.
pub(crate) fn deployments(tx: &mut Tx<'_>) -> Result<Vec<Deployment>> {
    tx.all(&format!("{COLUMNS} ORDER BY name"), &[], read)
}

/// Makes or changes a deployment. `keep_champion` is for changes that leave the model as it is.
pub(crate) fn save(tx: &mut Tx<'_>, deployment: &Deployment, now: Timestamp) -> Result<()> {
    let policy = deployment.policy.as_ref().map(json).transpose()?;
    tx.exec(
        "INSERT INTO serving_deployments (name, model, alias, policy, champion, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6) \
         ON CONFLICT (name) DO UPDATE SET model = excluded.model, alias = excluded.alias, policy = excluded.policy, \
         champion = excluded.champion, updated_at = excluded.updated_at",
        &[
            deployment.name.as_str().into(),
            deployment.model.as_str().into(),
            deployment.alias.as_str().into(),
            policy.into(),
            deployment.champion.into(),
            now.into(),
        ],
    )?;
    Ok(())
}

/// The version it serves from now on.
pub(crate) fn set_champion(tx: &mut Tx<'_>, name: &DeploymentName, version: i64, now: Timestamp) -> Result<()> {
    tx.exec(
        "UPDATE serving_deployments SET champion = $1, updated_at = $2 WHERE name = $3",
        &[version.into(), now.into(), name.as_str().into()],
    )?;
    Ok(())
}

/// Removes a deployment that is declared no more. Its releases, labels and log stay.
pub(crate) fn forget(tx: &mut Tx<'_>, name: &DeploymentName) -> Result<()> {
    tx.exec("DELETE FROM serving_deployments WHERE name = $1", &[name.as_str().into()])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Deployment> {
    let policy = row.opt_text(3)?;
    Ok(Deployment {
        name: row.parsed(0)?,
        model: row.parsed(1)?,
        alias: row.parsed(2)?,
        policy: policy
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|source| Error::internal("a stored release policy does not read", source))?,
        champion: row.opt_int(4)?,
    })
}
