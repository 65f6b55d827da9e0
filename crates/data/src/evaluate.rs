//! From files to a judged content: list, hash, read, check, profile. Blocking code.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use pitcrew_columnar::{
    CheckResult, ColumnType, CsvFile, ExtraColumns, Field, Profile, Schema, Table, check, infer_csv_schema, profile,
    read_csv,
};
use pitcrew_contracts::spec;
use pitcrew_kernel::{Digest, Error, Result, Timestamp};

use crate::model::{FileEntry, Gate, Manifest, evaluation_key};
use crate::pattern::Pattern;
use crate::source::{self, SourceFile};
use crate::store::{FileStat, SetRow};
use crate::{checks, model};

/// A file is trusted to be unchanged only when it was hashed so long after its last change: within the grain of a file system's clock a
/// second change could leave no trace.
const TRUST_AFTER: Duration = Duration::from_secs(2);

/// Columns listed in an error.
const SHOWN_COLUMNS: usize = 20;

/// What is known before the source is looked at.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) set: SetRow,
    pub(crate) stats: HashMap<String, FileStat>,
}

/// What looking at the source gave.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The files and the checks are those of the last passing evaluation.
    Unchanged(StatChanges),
    /// They are not: this is what they hold now.
    Evaluated(Box<Evaluated>),
}

/// A judged content.
#[derive(Debug)]
pub(crate) struct Evaluated {
    pub(crate) sources: Vec<Hashed>,
    pub(crate) manifest: Manifest,
    /// The columns later files must have.
    pub(crate) pinned: Schema,
    pub(crate) profile: Profile,
    pub(crate) checks: Vec<CheckResult>,
    pub(crate) gate: Gate,
    pub(crate) key: Digest,
    pub(crate) stats: StatChanges,
}

/// A file and its digest.
#[derive(Debug, Clone)]
pub(crate) struct Hashed {
    pub(crate) file: SourceFile,
    pub(crate) digest: Digest,
}

/// What to change in the memory of how files look.
#[derive(Debug, Default)]
pub(crate) struct StatChanges {
    pub(crate) changed: Vec<(String, FileStat)>,
    pub(crate) gone: Vec<String>,
}

impl StatChanges {
    pub(crate) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.gone.is_empty()
    }
}

/// Looks at the source. Only files that look different from before are hashed; nothing is parsed when the content is that of the last
/// passing evaluation.
///
/// # Errors
/// `DATA_SOURCE_*`, `DATA_SCHEMA_CHANGED`, `DATA_TIME_INVALID`, `CSV_*`.
pub(crate) fn evaluate(known: Known, now: Timestamp) -> Result<Outcome> {
    let Known { set, stats } = known;
    let pattern = Pattern::parse(&set.spec.source)?;
    let files = source::list(Path::new(&set.root), &pattern)?;
    let (sources, stats) = hash_all(files, stats, now)?;
    let key = evaluation_key(&set.spec, sources.iter().map(|hashed| (hashed.file.path.as_str(), hashed.digest)))?;
    if set.verified == Some(key) {
        return Ok(Outcome::Unchanged(stats));
    }
    let table = read(&set, &sources)?;
    for hashed in &sources {
        hashed.file.still()?;
    }
    if table.rows() == 0 {
        return Err(Error::precondition("DATA_SOURCE_EMPTY", format!("the files of `{}` hold no rows", set.name))
            .hint("put rows into the files, then refresh again"));
    }
    let report = check(&table, &checks::convert(&set.spec.checks)?);
    let gate = if report.passed() { Gate::Passed } else { Gate::Failed };
    let manifest = Manifest { format: Manifest::FORMAT, files: entries(&sources, &table), schema: described(&table)? };
    Ok(Outcome::Evaluated(Box::new(Evaluated {
        pinned: set.columns.unwrap_or_else(|| manifest.schema.clone()),
        profile: profile(&table),
        checks: report.results,
        gate,
        key,
        stats,
        sources,
        manifest,
    })))
}

fn hash_all(
    files: Vec<SourceFile>,
    mut before: HashMap<String, FileStat>,
    now: Timestamp,
) -> Result<(Vec<Hashed>, StatChanges)> {
    let mut hashed = Vec::with_capacity(files.len());
    let mut stats = StatChanges::default();
    for file in files {
        let known = before.remove(&file.path).filter(|known| known.stat == file.stat);
        let digest = match known {
            Some(known) if is_settled(&known) => known.digest,
            _ => {
                let digest = file.hash()?;
                stats.changed.push((file.path.clone(), FileStat { stat: file.stat, digest, hashed_at: now }));
                digest
            }
        };
        hashed.push(Hashed { file, digest });
    }
    stats.gone = before.into_keys().collect();
    Ok((hashed, stats))
}

/// Whether the file was hashed long enough after its last change.
fn is_settled(known: &FileStat) -> bool {
    let changed_us = known.stat.changed_ns.max(known.stat.modified_ns) / 1_000;
    known.hashed_at.minus(TRUST_AFTER).micros() > changed_us
}

fn read(set: &SetRow, sources: &[Hashed]) -> Result<Table> {
    let files: Vec<CsvFile> =
        sources.iter().map(|hashed| CsvFile::path(hashed.file.path.as_str(), hashed.file.place.as_path())).collect();
    match &set.columns {
        Some(pinned) => {
            let table = read_csv(&files, pinned, ExtraColumns::Refuse).map_err(|error| schema_changed(set, error))?;
            match &set.spec.time {
                Some(time) if timed(time, pinned.clone())? != *pinned => {
                    Err(time_invalid(time, &format!("it holds texts since `{}@1`", set.name)))
                }
                _ => Ok(table),
            }
        }
        None => {
            let inferred = infer_csv_schema(&files)?;
            let schema = match &set.spec.time {
                Some(time) => timed(time, inferred)?,
                None => inferred,
            };
            read_csv(&files, &schema, ExtraColumns::Refuse).map_err(|error| match &set.spec.time {
                // Only the column of event time was given a type that its values did not suggest.
                Some(time) if error.code() == "CSV_VALUE_INVALID" => {
                    time_invalid(time, error.detail()).with_source(error)
                }
                _ => error,
            })
        }
    }
}

/// The schema with the declared column of event time as one. A column of texts is taken for one of times, so that reading names the first
/// value that is none.
fn timed(time: &str, schema: Schema) -> Result<Schema> {
    let mut fields: Vec<Field> = schema.into();
    let names: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
    let field = fields.iter_mut().find(|field| field.name == time);
    let field = field.ok_or_else(|| time_invalid(time, &format!("the columns are {}", names.join(", "))))?;
    match field.kind {
        ColumnType::Date | ColumnType::Timestamp => {}
        ColumnType::String => field.kind = ColumnType::Timestamp,
        kind => return Err(time_invalid(time, &format!("it holds values of type {kind}"))),
    }
    Schema::new(fields)
}

fn time_invalid(column: &str, why: &str) -> Error {
    Error::precondition("DATA_TIME_INVALID", format!("`{column}` is not a column of event times: {why}"))
        .hint("correct the values (like `2011-01-01 05:00:00`), or the `time` of the data set in pitcrew.yaml")
}

/// A file that does not fit the pinned columns, told as such. Other errors pass.
fn schema_changed(set: &SetRow, error: Error) -> Error {
    if !matches!(error.code(), "CSV_COLUMN_MISSING" | "CSV_COLUMN_UNEXPECTED" | "CSV_VALUE_INVALID") {
        return error;
    }
    let columns = set.columns.iter().flat_map(Schema::fields).take(SHOWN_COLUMNS);
    let columns: Vec<String> = columns.map(|field| format!("`{}` {}", field.name, field.kind)).collect();
    let hint = match error.hint_text() {
        Some(own) if error.code() == "CSV_COLUMN_UNEXPECTED" => own.to_owned(),
        Some(own) => format!("{own}; data that has truly changed its shape is declared as a new data set"),
        None => "data that has truly changed its shape is declared as a new data set".to_owned(),
    };
    Error::precondition(
        "DATA_SCHEMA_CHANGED",
        format!("{}; since version 1 `{}` has {}", error.detail(), set.name, columns.join(", ")),
    )
    .hint(hint)
    .with_source(error)
}

/// The columns as this content shows them: pinned names and types, nulls as seen.
fn described(table: &Table) -> Result<Schema> {
    let fields = table.schema().fields().iter().zip(table.columns());
    Schema::new(fields.map(|(field, column)| Field::new(&field.name, field.kind, column.nulls() > 0)).collect())
}

fn entries(sources: &[Hashed], table: &Table) -> Vec<FileEntry> {
    let rows = table.parts().iter().map(|part| model::count(part.rows));
    sources
        .iter()
        .zip(rows)
        .map(|(hashed, rows)| FileEntry {
            path: hashed.file.path.clone(),
            digest: hashed.digest,
            bytes: hashed.file.stat.size,
            rows,
        })
        .collect()
}

/// Whether `spec` could have been evaluated: used by apply before any file is read.
pub(crate) fn check_declaration(spec: &spec::Dataset) -> Result<()> {
    Pattern::parse(&spec.source).map_err(|error| error.context("source"))?;
    checks::convert(&spec.checks).map(|_| ())
}
