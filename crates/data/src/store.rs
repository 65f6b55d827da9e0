//! The tables of this slice. Nothing else knows their columns.

use std::collections::HashMap;

use pitcrew_contracts::names::{DatasetName, DatasetRef};
use pitcrew_contracts::spec;
use pitcrew_db::{Arg, Row, Tx};
use pitcrew_kernel::{Cause, Digest, Result, Timestamp};

use pitcrew_columnar::Schema;

use crate::model::{CheckReport, DatasetVersion, Gate, Manifest, to_text};
use crate::source::Stat;

/// How many reports are kept for each data set.
pub(crate) const MAX_REPORTS: i64 = 200;

/// A declared data set as stored.
#[derive(Debug, Clone)]
pub(crate) struct SetRow {
    pub(crate) name: DatasetName,
    pub(crate) project: String,
    pub(crate) root: String,
    pub(crate) spec: spec::Dataset,
    pub(crate) declared: bool,
    /// Pinned by the first version.
    pub(crate) columns: Option<Schema>,
    pub(crate) verified: Option<Digest>,
    pub(crate) versions: i64,
}

/// How a file looked and what it held when it was hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileStat {
    pub(crate) stat: Stat,
    pub(crate) digest: Digest,
    pub(crate) hashed_at: Timestamp,
}

const SET: &str = "SELECT name, project, root, spec, declared, columns, verified, \
     (SELECT coalesce(max(version), 0) FROM data_versions WHERE dataset = name) FROM data_sets";

fn set_row(row: &Row<'_>) -> Result<SetRow> {
    let columns = row.opt_text(5)?.map(|_| row.json(5)).transpose()?;
    Ok(SetRow {
        name: row.parsed(0)?,
        project: row.text(1)?,
        root: row.text(2)?,
        spec: row.json(3)?,
        declared: row.flag(4)?,
        columns,
        verified: row.opt_parsed(6)?,
        versions: row.int(7)?,
    })
}

pub(crate) fn set(tx: &mut Tx<'_>, name: &DatasetName) -> Result<Option<SetRow>> {
    tx.optional(&format!("{SET} WHERE name = $1"), &[name.as_str().into()], set_row)
}

/// The declared sets by name, from after `after`.
pub(crate) fn sets(tx: &mut Tx<'_>, after: &str, limit: usize) -> Result<Vec<SetRow>> {
    let sql = format!("{SET} WHERE declared = 1 AND name > $1 ORDER BY name LIMIT $2");
    tx.all(&sql, &[after.into(), count(limit)], set_row)
}

/// Makes `name` be as declared. Its versions and pinned columns stay.
pub(crate) fn declare(
    tx: &mut Tx<'_>,
    project: &str,
    root: &str,
    name: &DatasetName,
    spec: &spec::Dataset,
    now: Timestamp,
) -> Result<()> {
    tx.exec(
        "INSERT INTO data_sets (name, project, root, spec, declared, created_at, updated_at) VALUES ($1, $2, $3, $4, 1, $5, $5) \
         ON CONFLICT (name) DO UPDATE SET project = excluded.project, root = excluded.root, spec = excluded.spec, declared = 1, \
         updated_at = excluded.updated_at",
        &[name.as_str().into(), project.into(), root.into(), to_text(spec)?.into(), now.into()],
    )?;
    Ok(())
}

/// The set is declared no more. Its history stays.
pub(crate) fn undeclare(tx: &mut Tx<'_>, name: &str, now: Timestamp) -> Result<()> {
    tx.exec("UPDATE data_sets SET declared = 0, updated_at = $2 WHERE name = $1", &[name.into(), now.into()])?;
    Ok(())
}

/// Remembers what the last passing evaluation saw, and pins the columns if none are yet.
pub(crate) fn remember(tx: &mut Tx<'_>, name: &DatasetName, verified: Digest, columns: &Schema) -> Result<()> {
    tx.exec(
        "UPDATE data_sets SET verified = $2, columns = coalesce(columns, $3) WHERE name = $1",
        &[name.as_str().into(), verified.into(), to_text(columns)?.into()],
    )?;
    Ok(())
}

const VERSION: &str = "SELECT dataset, version, digest, row_count, bytes, new_bytes, manifest, profile, checks, created_at, created_by, cause \
     FROM data_versions";

fn version_row(row: &Row<'_>) -> Result<DatasetVersion> {
    let dataset: DatasetName = row.parsed(0)?;
    let version = row.int(1)?;
    let manifest: Manifest = row.json(6)?;
    Ok(DatasetVersion {
        reference: DatasetRef { dataset: dataset.clone(), version },
        dataset,
        version,
        digest: row.parsed(2)?,
        rows: row.int(3)?,
        bytes: row.int(4)?,
        new_bytes: row.int(5)?,
        files: manifest.files,
        schema: manifest.schema,
        profile: row.json(7)?,
        checks: row.json(8)?,
        gate: Gate::Passed,
        created_at: row.time(9)?,
        created_by: row.text(10)?,
        cause: cause(row, 11)?,
    })
}

pub(crate) fn version(tx: &mut Tx<'_>, name: &DatasetName, version: i64) -> Result<Option<DatasetVersion>> {
    let sql = format!("{VERSION} WHERE dataset = $1 AND version = $2");
    tx.optional(&sql, &[name.as_str().into(), version.into()], version_row)
}

pub(crate) fn latest(tx: &mut Tx<'_>, name: &DatasetName) -> Result<Option<DatasetVersion>> {
    let sql = format!("{VERSION} WHERE dataset = $1 ORDER BY version DESC LIMIT 1");
    tx.optional(&sql, &[name.as_str().into()], version_row)
}

/// Digest and rows of the newest version: all a pipeline asks for.
pub(crate) fn latest_brief(tx: &mut Tx<'_>, name: &DatasetName) -> Result<Option<(i64, Digest, i64)>> {
    tx.optional(
        "SELECT version, digest, row_count FROM data_versions WHERE dataset = $1 ORDER BY version DESC LIMIT 1",
        &[name.as_str().into()],
        |row| Ok((row.int(0)?, row.parsed(1)?, row.int(2)?)),
    )
}

/// The manifest of a version, as stored.
pub(crate) fn manifest(tx: &mut Tx<'_>, reference: &DatasetRef) -> Result<Option<Manifest>> {
    tx.optional(
        "SELECT manifest FROM data_versions WHERE dataset = $1 AND version = $2",
        &[reference.dataset.as_str().into(), reference.version.into()],
        |row| row.json(0),
    )
}

/// Versions below `before`, newest first.
pub(crate) fn versions(tx: &mut Tx<'_>, name: &DatasetName, before: i64, limit: usize) -> Result<Vec<DatasetVersion>> {
    let sql = format!("{VERSION} WHERE dataset = $1 AND version < $2 ORDER BY version DESC LIMIT $3");
    tx.all(&sql, &[name.as_str().into(), before.into(), count(limit)], version_row)
}

pub(crate) fn insert_version(tx: &mut Tx<'_>, version: &DatasetVersion, manifest: &Manifest) -> Result<()> {
    tx.exec(
        "INSERT INTO data_versions (dataset, version, digest, row_count, bytes, new_bytes, manifest, profile, checks, created_at, created_by, cause) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &[
            version.dataset.as_str().into(),
            version.version.into(),
            version.digest.into(),
            version.rows.into(),
            version.bytes.into(),
            version.new_bytes.into(),
            manifest.text()?.into(),
            to_text(&version.profile)?.into(),
            to_text(&version.checks)?.into(),
            version.created_at.into(),
            version.created_by.as_str().into(),
            cause_text(version.cause.as_ref())?,
        ],
    )?;
    for digest in version.files.iter().map(|file| file.digest).chain([version.digest]) {
        tx.exec("INSERT INTO data_objects (digest) VALUES ($1) ON CONFLICT (digest) DO NOTHING", &[digest.into()])?;
    }
    Ok(())
}

const REPORT: &str = "SELECT number, id, dataset, at, actor, cause, gate, row_count, version, checks FROM data_reports";

/// Reports with numbers below `before`, newest first, each with its number.
pub(crate) fn reports(
    tx: &mut Tx<'_>,
    name: &DatasetName,
    before: i64,
    limit: usize,
) -> Result<Vec<(i64, CheckReport)>> {
    let sql = format!("{REPORT} WHERE dataset = $1 AND number < $2 ORDER BY number DESC LIMIT $3");
    tx.all(&sql, &[name.as_str().into(), before.into(), count(limit)], |row| {
        let report = CheckReport {
            id: row.parsed(1)?,
            dataset: row.parsed(2)?,
            at: row.time(3)?,
            actor: row.text(4)?,
            cause: cause(row, 5)?,
            gate: row.parsed(6)?,
            rows: row.int(7)?,
            version: row.opt_int(8)?,
            checks: row.json(9)?,
        };
        Ok((row.int(0)?, report))
    })
}

/// Keeps a report and lets the oldest go.
pub(crate) fn insert_report(tx: &mut Tx<'_>, report: &CheckReport) -> Result<()> {
    let name = report.dataset.as_str();
    let number =
        tx.one("SELECT coalesce(max(number), 0) + 1 FROM data_reports WHERE dataset = $1", &[name.into()], |row| {
            row.int(0)
        })?;
    tx.exec(
        "INSERT INTO data_reports (dataset, number, id, at, actor, cause, gate, row_count, version, checks) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            name.into(),
            number.into(),
            Arg::show(&report.id),
            report.at.into(),
            report.actor.as_str().into(),
            cause_text(report.cause.as_ref())?,
            report.gate.as_str().into(),
            report.rows.into(),
            report.version.into(),
            to_text(&report.checks)?.into(),
        ],
    )?;
    tx.exec(
        "DELETE FROM data_reports WHERE dataset = $1 AND number <= $2",
        &[name.into(), (number - MAX_REPORTS).into()],
    )?;
    Ok(())
}

pub(crate) fn file_stats(tx: &mut Tx<'_>, name: &DatasetName) -> Result<HashMap<String, FileStat>> {
    let rows = tx.all(
        "SELECT path, size, modified_ns, changed_ns, inode, digest, hashed_at FROM data_file_stats WHERE dataset = $1",
        &[name.as_str().into()],
        |row| {
            let stat =
                Stat { size: row.int(1)?, modified_ns: row.int(2)?, changed_ns: row.int(3)?, inode: row.int(4)? };
            Ok((row.text(0)?, FileStat { stat, digest: row.parsed(5)?, hashed_at: row.time(6)? }))
        },
    )?;
    Ok(rows.into_iter().collect())
}

/// Remembers how `changed` files look and forgets the `gone` ones.
pub(crate) fn set_file_stats(
    tx: &mut Tx<'_>,
    name: &DatasetName,
    changed: &[(String, FileStat)],
    gone: &[String],
) -> Result<()> {
    for path in gone {
        tx.exec(
            "DELETE FROM data_file_stats WHERE dataset = $1 AND path = $2",
            &[name.as_str().into(), path.as_str().into()],
        )?;
    }
    for (path, file) in changed {
        tx.exec(
            "INSERT INTO data_file_stats (dataset, path, size, modified_ns, changed_ns, inode, digest, hashed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (dataset, path) DO UPDATE SET size = excluded.size, \
             modified_ns = excluded.modified_ns, changed_ns = excluded.changed_ns, inode = excluded.inode, digest = excluded.digest, \
             hashed_at = excluded.hashed_at",
            &[
                name.as_str().into(),
                path.as_str().into(),
                file.stat.size.into(),
                file.stat.modified_ns.into(),
                file.stat.changed_ns.into(),
                file.stat.inode.into(),
                file.digest.into(),
                file.hashed_at.into(),
            ],
        )?;
    }
    Ok(())
}

/// Every object a version refers to, for garbage collection.
///
/// # Errors
/// What the database can give.
pub fn referenced_digests(tx: &mut Tx<'_>) -> Result<Vec<Digest>> {
    tx.all("SELECT digest FROM data_objects", &[], |row| row.parsed(0))
}

fn count(limit: usize) -> Arg<'static> {
    i64::try_from(limit).unwrap_or(i64::MAX).into()
}

fn cause(row: &Row<'_>, column: usize) -> Result<Option<Cause>> {
    row.opt_text(column)?.map(|_| row.json(column)).transpose()
}

fn cause_text(cause: Option<&Cause>) -> Result<Arg<'static>> {
    Ok(cause.map(to_text).transpose()?.into())
}
