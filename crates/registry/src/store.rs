//! The registry's tables. Nothing else in this crate knows a column.

use std::collections::{BTreeMap, HashSet};

use pitcrew_contracts::names::{AliasName, GateDecisionId, ModelName, ModelRef};
use pitcrew_contracts::spec::Gate;
use pitcrew_db::{Arg, Row, Tx};
use pitcrew_kernel::{Digest, Error, Result, Timestamp};
use serde::Serialize;

use crate::model::{Alias, AliasChange, GateDecision, ModelDetail, Version};

pub(crate) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|source| Error::internal("a registry value does not serialise", source))
}

fn opt_json(value: Option<&impl Serialize>) -> Result<Option<String>> {
    value.map(json).transpose()
}

fn read_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    row.opt_text(column)?
        .map(|text| {
            serde_json::from_str(&text)
                .map_err(|source| Error::internal("a stored registry value does not read", source))
        })
        .transpose()
}

pub(crate) fn insert_model(tx: &mut Tx<'_>, name: &ModelName, description: &str, now: Timestamp) -> Result<bool> {
    let added = tx.exec(
        "INSERT INTO registry_models (name, description, created_at, updated_at) VALUES ($1, $2, $3, $3) ON CONFLICT (name) DO NOTHING",
        &[name.as_str().into(), description.into(), now.into()],
    )?;
    Ok(added > 0)
}

pub(crate) fn set_declared(
    tx: &mut Tx<'_>,
    name: &ModelName,
    description: &str,
    gate: Option<&Gate>,
    now: Timestamp,
) -> Result<()> {
    tx.exec(
        "INSERT INTO registry_models (name, description, gate, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) \
         ON CONFLICT (name) DO UPDATE SET description = excluded.description, gate = excluded.gate, updated_at = excluded.updated_at",
        &[name.as_str().into(), description.into(), opt_json(gate)?.into(), now.into()],
    )?;
    Ok(())
}

/// Holds the model's row until the end: whoever changes the model or its aliases waits.
pub(crate) fn hold_model(tx: &mut Tx<'_>, name: &ModelName) -> Result<()> {
    tx.exec("UPDATE registry_models SET name = name WHERE name = $1", &[name.as_str().into()])?;
    Ok(())
}

pub(crate) fn touch_model(tx: &mut Tx<'_>, name: &ModelName, now: Timestamp) -> Result<()> {
    tx.exec("UPDATE registry_models SET updated_at = $1 WHERE name = $2", &[now.into(), name.as_str().into()])?;
    Ok(())
}

pub(crate) fn set_description(tx: &mut Tx<'_>, name: &ModelName, description: &str) -> Result<()> {
    tx.exec(
        "UPDATE registry_models SET description = $1 WHERE name = $2",
        &[description.into(), name.as_str().into()],
    )?;
    Ok(())
}

const MODEL: &str = "SELECT m.name, m.description, m.gate, m.created_at, m.updated_at, \
     (SELECT count(*) FROM registry_versions v WHERE v.model = m.name AND v.deleted = 0) FROM registry_models m";

pub(crate) fn model(tx: &mut Tx<'_>, name: &ModelName) -> Result<Option<ModelDetail>> {
    let found = tx.optional(&format!("{MODEL} WHERE m.name = $1"), &[name.as_str().into()], model_row)?;
    found.map(|model| with_parts(tx, model)).transpose()
}

pub(crate) fn models(tx: &mut Tx<'_>, after: &str, limit: usize) -> Result<Vec<ModelDetail>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = tx.all(
        &format!("{MODEL} WHERE m.name > $1 ORDER BY m.name LIMIT $2"),
        &[after.into(), limit.into()],
        model_row,
    )?;
    rows.into_iter().map(|model| with_parts(tx, model)).collect()
}

fn model_row(row: &Row<'_>) -> Result<ModelDetail> {
    Ok(ModelDetail {
        name: row.parsed(0)?,
        description: row.text(1)?,
        gate: read_json(row, 2)?,
        tags: BTreeMap::new(),
        aliases: Vec::new(),
        created_at: row.time(3)?,
        updated_at: row.time(4)?,
        versions: row.int(5)?,
    })
}

fn with_parts(tx: &mut Tx<'_>, mut model: ModelDetail) -> Result<ModelDetail> {
    let name = model.name.as_str().to_owned();
    model.tags = pairs(tx, "SELECT key, value FROM registry_model_tags WHERE model = $1", &[name.as_str().into()])?;
    model.aliases = tx.all(
        "SELECT alias, version FROM registry_aliases WHERE model = $1 ORDER BY alias",
        &[name.as_str().into()],
        |row| Ok(Alias { alias: row.parsed(0)?, version: row.int(1)? }),
    )?;
    Ok(model)
}

fn pairs(tx: &mut Tx<'_>, sql: &str, args: &[Arg<'_>]) -> Result<BTreeMap<String, String>> {
    Ok(tx.all(sql, args, |row| Ok((row.text(0)?, row.text(1)?)))?.into_iter().collect())
}

pub(crate) fn set_model_tag(tx: &mut Tx<'_>, name: &ModelName, key: &str, value: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO registry_model_tags (model, key, value) VALUES ($1, $2, $3) ON CONFLICT (model, key) DO UPDATE SET value = excluded.value",
        &[name.as_str().into(), key.into(), value.into()],
    )?;
    Ok(())
}

pub(crate) fn delete_model_tag(tx: &mut Tx<'_>, name: &ModelName, key: &str) -> Result<()> {
    tx.exec("DELETE FROM registry_model_tags WHERE model = $1 AND key = $2", &[name.as_str().into(), key.into()])?;
    Ok(())
}

/// Everything of a model but its decisions and history, which stay as evidence, and the last number it gave.
pub(crate) fn delete_model(tx: &mut Tx<'_>, name: &ModelName) -> Result<()> {
    for table in ["registry_model_tags", "registry_version_tags", "registry_aliases", "registry_versions"] {
        tx.exec(&format!("DELETE FROM {table} WHERE model = $1"), &[name.as_str().into()])?;
    }
    tx.exec("DELETE FROM registry_models WHERE name = $1", &[name.as_str().into()])?;
    Ok(())
}

pub(crate) fn rename_model(tx: &mut Tx<'_>, from: &ModelName, to: &ModelName) -> Result<()> {
    tx.exec("UPDATE registry_models SET name = $1 WHERE name = $2", &[to.as_str().into(), from.as_str().into()])?;
    for table in ["registry_model_tags", "registry_version_tags", "registry_aliases", "registry_versions"] {
        tx.exec(
            &format!("UPDATE {table} SET model = $1 WHERE model = $2"),
            &[to.as_str().into(), from.as_str().into()],
        )?;
    }
    // A model that had the new name before has left its history there: this one's follows it.
    let past = tx.one(
        "SELECT coalesce(max(seq), 0) FROM registry_alias_history WHERE model = $1",
        &[to.as_str().into()],
        |row| row.int(0),
    )?;
    tx.exec(
        "UPDATE registry_alias_history SET model = $1, seq = seq + $2 WHERE model = $3",
        &[to.as_str().into(), past.into(), from.as_str().into()],
    )?;
    // The old name keeps its numbers as well.
    tx.exec(
        "INSERT INTO registry_version_numbers (model, last_version) SELECT $1, last_version FROM registry_version_numbers WHERE model = $2 \
         ON CONFLICT (model) DO UPDATE SET last_version = excluded.last_version \
         WHERE registry_version_numbers.last_version < excluded.last_version",
        &[to.as_str().into(), from.as_str().into()],
    )?;
    Ok(())
}

/// A number that no version under this name has had, also none of a model that was deleted.
pub(crate) fn next_version(tx: &mut Tx<'_>, model: &ModelName) -> Result<i64> {
    tx.one(
        "INSERT INTO registry_version_numbers (model, last_version) VALUES ($1, 1) \
         ON CONFLICT (model) DO UPDATE SET last_version = registry_version_numbers.last_version + 1 RETURNING last_version",
        &[model.as_str().into()],
        |row| row.int(0),
    )
}

pub(crate) fn insert_version(tx: &mut Tx<'_>, version: &Version) -> Result<()> {
    let model = version.version.model.as_str();
    tx.exec(
        "INSERT INTO registry_versions (model, version, description, source, tracking_run_id, logged_model_id, digest, bytes, signature, \
         model_signature, reference_digest, lineage, metrics, gate_decision, stage, deleted, created_at, updated_at, created_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, $16, $17, $18)",
        &[
            model.into(),
            version.version.version.into(),
            version.description.as_str().into(),
            version.source.as_str().into(),
            version.tracking_run_id.as_deref().into(),
            version.logged_model_id.as_deref().into(),
            version.digest.into(),
            version.bytes.into(),
            opt_json(version.signature.as_ref())?.into(),
            opt_json(version.model_signature.as_ref())?.into(),
            version.reference.into(),
            opt_json(version.lineage.as_ref())?.into(),
            json(&version.metrics)?.into(),
            Arg::show_opt(version.gate_decision.as_ref()),
            version.stage.as_str().into(),
            version.created_at.into(),
            version.updated_at.into(),
            version.created_by.as_str().into(),
        ],
    )?;
    for (key, value) in &version.tags {
        set_version_tag(tx, &version.version, key, value)?;
    }
    touch_model(tx, &version.version.model, version.created_at)
}

const VERSION: &str = "SELECT model, version, description, source, tracking_run_id, logged_model_id, digest, bytes, signature, model_signature, \
     reference_digest, lineage, metrics, gate_decision, stage, created_at, updated_at, created_by FROM registry_versions";

pub(crate) fn version(tx: &mut Tx<'_>, of: &ModelRef) -> Result<Option<Version>> {
    let sql = format!("{VERSION} WHERE model = $1 AND version = $2 AND deleted = 0");
    let found = tx.optional(&sql, &[of.model.as_str().into(), of.version.into()], version_row)?;
    found.map(|version| with_tags(tx, version)).transpose()
}

/// The versions of one model (all models when `None`) below `before`, newest first.
pub(crate) fn versions(tx: &mut Tx<'_>, model: Option<&ModelName>, before: i64, limit: usize) -> Result<Vec<Version>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = match model {
        Some(model) => tx.all(
            &format!("{VERSION} WHERE model = $1 AND version < $2 AND deleted = 0 ORDER BY version DESC LIMIT $3"),
            &[model.as_str().into(), before.into(), limit.into()],
            version_row,
        )?,
        None => tx.all(
            &format!("{VERSION} WHERE deleted = 0 ORDER BY model, version DESC LIMIT $1"),
            &[limit.into()],
            version_row,
        )?,
    };
    rows.into_iter().map(|version| with_tags(tx, version)).collect()
}

/// Where each version came from: the run it names, and the address of its files.
pub(crate) fn each_origin(tx: &mut Tx<'_>, each: &mut dyn FnMut(Option<&str>, &str)) -> Result<()> {
    tx.for_each("SELECT tracking_run_id, source FROM registry_versions WHERE deleted = 0", &[], &mut |row| {
        each(row.opt_text(0)?.as_deref(), &row.text(1)?);
        Ok(())
    })
}

fn version_row(row: &Row<'_>) -> Result<Version> {
    Ok(Version {
        version: ModelRef { model: row.parsed(0)?, version: row.int(1)? },
        description: row.text(2)?,
        source: row.text(3)?,
        tracking_run_id: row.opt_text(4)?,
        logged_model_id: row.opt_text(5)?,
        digest: row.opt_parsed(6)?,
        bytes: row.int(7)?,
        signature: read_json(row, 8)?,
        model_signature: read_json(row, 9)?,
        reference: row.opt_parsed(10)?,
        lineage: read_json(row, 11)?,
        metrics: row.json(12)?,
        gate_decision: row.opt_parsed(13)?,
        stage: row.text(14)?,
        tags: BTreeMap::new(),
        aliases: Vec::new(),
        created_at: row.time(15)?,
        updated_at: row.time(16)?,
        created_by: row.text(17)?,
    })
}

fn with_tags(tx: &mut Tx<'_>, mut version: Version) -> Result<Version> {
    let model = version.version.model.as_str().to_owned();
    let args = [model.as_str().into(), version.version.version.into()];
    version.tags = pairs(tx, "SELECT key, value FROM registry_version_tags WHERE model = $1 AND version = $2", &args)?;
    version.aliases =
        tx.all("SELECT alias FROM registry_aliases WHERE model = $1 AND version = $2 ORDER BY alias", &args, |row| {
            row.parsed(0)
        })?;
    Ok(version)
}

pub(crate) fn set_version_tag(tx: &mut Tx<'_>, of: &ModelRef, key: &str, value: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO registry_version_tags (model, version, key, value) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (model, version, key) DO UPDATE SET value = excluded.value",
        &[of.model.as_str().into(), of.version.into(), key.into(), value.into()],
    )?;
    Ok(())
}

pub(crate) fn delete_version_tag(tx: &mut Tx<'_>, of: &ModelRef, key: &str) -> Result<()> {
    tx.exec(
        "DELETE FROM registry_version_tags WHERE model = $1 AND version = $2 AND key = $3",
        &[of.model.as_str().into(), of.version.into(), key.into()],
    )?;
    Ok(())
}

pub(crate) fn update_version(
    tx: &mut Tx<'_>,
    of: &ModelRef,
    description: Option<&str>,
    stage: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    tx.exec(
        "UPDATE registry_versions SET description = coalesce($1, description), stage = coalesce($2, stage), updated_at = $3 \
         WHERE model = $4 AND version = $5",
        &[description.into(), stage.into(), now.into(), of.model.as_str().into(), of.version.into()],
    )?;
    Ok(())
}

pub(crate) fn delete_version(tx: &mut Tx<'_>, of: &ModelRef, now: Timestamp) -> Result<()> {
    tx.exec(
        "UPDATE registry_versions SET deleted = 1, source = '', tracking_run_id = NULL, updated_at = $1 WHERE model = $2 AND version = $3",
        &[now.into(), of.model.as_str().into(), of.version.into()],
    )?;
    Ok(())
}

pub(crate) fn alias(tx: &mut Tx<'_>, model: &ModelName, alias: &AliasName) -> Result<Option<i64>> {
    tx.optional(
        "SELECT version FROM registry_aliases WHERE model = $1 AND alias = $2",
        &[model.as_str().into(), alias.as_str().into()],
        |row| row.int(0),
    )
}

/// Points the alias elsewhere and writes its history.
pub(crate) fn set_alias(tx: &mut Tx<'_>, model: &ModelName, change: &AliasChange) -> Result<()> {
    match change.to {
        Some(version) => tx.exec(
            "INSERT INTO registry_aliases (model, alias, version) VALUES ($1, $2, $3) ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version",
            &[model.as_str().into(), change.alias.as_str().into(), version.into()],
        )?,
        None => {
            tx.exec("DELETE FROM registry_aliases WHERE model = $1 AND alias = $2", &[model.as_str().into(), change.alias.as_str().into()])?
        }
    };
    tx.exec(
        "INSERT INTO registry_alias_history (model, seq, alias, from_version, to_version, at, actor, cause, reason) \
         SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6, $7, $8 FROM registry_alias_history WHERE model = $1",
        &[
            model.as_str().into(),
            change.alias.as_str().into(),
            change.from.into(),
            change.to.into(),
            change.at.into(),
            change.actor.as_str().into(),
            opt_json(change.cause.as_ref())?.into(),
            change.reason.as_str().into(),
        ],
    )?;
    Ok(())
}

pub(crate) fn alias_history(tx: &mut Tx<'_>, model: &ModelName, limit: usize) -> Result<Vec<AliasChange>> {
    tx.all(
        "SELECT alias, from_version, to_version, at, actor, cause, reason FROM registry_alias_history WHERE model = $1 ORDER BY seq DESC LIMIT $2",
        &[model.as_str().into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        |row| {
            Ok(AliasChange {
                alias: row.parsed(0)?,
                from: row.opt_int(1)?,
                to: row.opt_int(2)?,
                at: row.time(3)?,
                actor: row.text(4)?,
                cause: read_json(row, 5)?,
                reason: row.text(6)?,
            })
        },
    )
}

pub(crate) fn insert_decision(tx: &mut Tx<'_>, decision: &GateDecision, step: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO registry_gate_decisions (id, model, pipeline_run, step, verdict, reason, version, champion, row_count, metrics, \
         champion_metrics, rules, cause, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        &[
            Arg::show(&decision.id),
            decision.model.as_str().into(),
            decision.pipeline_run.as_str().into(),
            step.into(),
            decision.verdict.as_str().into(),
            decision.reason.as_str().into(),
            decision.version.into(),
            decision.champion.into(),
            decision.rows.into(),
            json(&decision.metrics)?.into(),
            json(&decision.champion_metrics)?.into(),
            json(&decision.rules)?.into(),
            opt_json(decision.cause.as_ref())?.into(),
            decision.at.into(),
        ],
    )?;
    Ok(())
}

const DECISION: &str = "SELECT id, model, verdict, reason, pipeline_run, at, version, champion, row_count, metrics, champion_metrics, rules, cause \
     FROM registry_gate_decisions";

pub(crate) fn decision(tx: &mut Tx<'_>, id: GateDecisionId) -> Result<Option<GateDecision>> {
    tx.optional(&format!("{DECISION} WHERE id = $1"), &[Arg::show(&id)], decision_row)
}

pub(crate) fn decision_of_step(tx: &mut Tx<'_>, run: &str, step: &str) -> Result<Option<GateDecision>> {
    tx.optional(&format!("{DECISION} WHERE pipeline_run = $1 AND step = $2"), &[run.into(), step.into()], decision_row)
}

/// Newest first; of one model when given, before the id `before` when not empty.
pub(crate) fn decisions(
    tx: &mut Tx<'_>,
    model: Option<&ModelName>,
    before: &str,
    limit: usize,
) -> Result<Vec<GateDecision>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let model = model.map_or("", ModelName::as_str);
    tx.all(
        &format!("{DECISION} WHERE ($1 = '' OR model = $1) AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3"),
        &[model.into(), before.into(), limit.into()],
        decision_row,
    )
}

fn decision_row(row: &Row<'_>) -> Result<GateDecision> {
    let verdict = serde_json::Value::String(row.text(2)?);
    Ok(GateDecision {
        id: row.parsed(0)?,
        model: row.parsed(1)?,
        verdict: serde_json::from_value(verdict)
            .map_err(|source| Error::internal("a stored verdict does not read", source))?,
        reason: row.text(3)?,
        pipeline_run: row.text(4)?,
        at: row.time(5)?,
        version: row.opt_int(6)?,
        champion: row.opt_int(7)?,
        rows: row.int(8)?,
        metrics: row.json(9)?,
        champion_metrics: row.json(10)?,
        rules: row.json(11)?,
        cause: read_json(row, 12)?,
    })
}

/// Every object the registry needs, for garbage collection.
///
/// # Errors
/// What the database can give.
pub fn referenced_digests(tx: &mut Tx<'_>) -> Result<HashSet<Digest>> {
    let mut found = HashSet::new();
    tx.for_each("SELECT digest, reference_digest FROM registry_versions WHERE deleted = 0", &[], &mut |row| {
        found.extend(row.opt_parsed::<Digest>(0)?);
        found.extend(row.opt_parsed::<Digest>(1)?);
        Ok(())
    })?;
    Ok(found)
}
