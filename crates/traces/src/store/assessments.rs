//! Assessments.

use std::collections::HashMap;

use pitcrew_db::{Arg, Row, Tx};
use pitcrew_filter::sql::each_of;
use pitcrew_kernel::{Error, Result};

use crate::model::{Assessment, AssessmentKind, keys};
use crate::value::Any;

const COLUMNS: &str = "a.assessment_id, t.trace_id, a.kind, a.name, a.value, a.error_json, a.source_type, a.source_id, a.span_id, a.rationale, \
     a.metadata_json, a.overrides, a.valid, a.created_ms, a.updated_ms";
const COLUMN_COUNT: usize = 15;
const FROM: &str = "FROM traces_assessments a JOIN traces_traces t ON t.trace_no = a.trace_no";

fn assessment(row: &Row<'_>) -> Result<Assessment> {
    let error: Option<String> = row.opt_text(5)?;
    let unread = |source| Error::internal("a kept assessment does not read", source);
    Ok(Assessment {
        assessment_id: row.text(0)?,
        trace_id: row.text(1)?,
        kind: row.parsed(2)?,
        name: row.text(3)?,
        value: row.json(4)?,
        error: error.map(|json| serde_json::from_str(&json).map_err(unread)).transpose()?,
        source_type: row.text(6)?,
        source_id: row.text(7)?,
        span_id: row.opt_text(8)?,
        rationale: row.opt_text(9)?,
        metadata: row.json(10)?,
        overrides: row.opt_text(11)?,
        valid: row.flag(12)?,
        created_ms: row.int(13)?,
        updated_ms: row.int(14)?,
    })
}

/// What is averaged of a value, and whether it is a number by itself.
fn score(value: &Any) -> (Option<f64>, bool) {
    match value {
        Any::Bool(yes) => (Some(f64::from(u8::from(*yes))), false),
        Any::Text(text) => match text.trim().to_lowercase().as_str() {
            "yes" => (Some(1.0), false),
            "no" => (Some(0.0), false),
            _ => (None, false),
        },
        value => (value.as_number(), value.as_number().is_some()),
    }
}

/// What is written of an assessment, in the order of both statements below.
struct Written {
    value: String,
    score: Option<f64>,
    numeric: bool,
    error_json: Option<String>,
    metadata_json: String,
    of_session: bool,
}

impl Written {
    fn of(assessment: &Assessment) -> Result<Self> {
        let unwritten = |source| Error::internal("an assessment does not serialise", source);
        let (score, numeric) = match assessment.kind {
            AssessmentKind::Issue => (None, false),
            _ => score(&assessment.value),
        };
        Ok(Self {
            value: assessment.value.to_json(),
            score,
            numeric,
            error_json: assessment.error.as_ref().map(serde_json::to_string).transpose().map_err(unwritten)?,
            metadata_json: serde_json::to_string(&assessment.metadata).map_err(unwritten)?,
            of_session: assessment.metadata.contains_key(keys::SESSION),
        })
    }
}

/// Writes an assessment; one of the same id of the same trace anew. False when the id belongs to another trace.
pub(crate) fn put(tx: &mut Tx<'_>, no: i64, assessment: &Assessment) -> Result<bool> {
    let written = Written::of(assessment)?;
    let touched = tx.exec(
        "INSERT INTO traces_assessments (assessment_id, trace_no, kind, name, value, score, numeric, error_json, source_type, source_id, \
         span_id, rationale, metadata_json, of_session, overrides, valid, created_ms, updated_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
         ON CONFLICT (assessment_id) DO UPDATE SET kind = excluded.kind, name = excluded.name, value = excluded.value, \
         score = excluded.score, numeric = excluded.numeric, error_json = excluded.error_json, source_type = excluded.source_type, \
         source_id = excluded.source_id, span_id = excluded.span_id, rationale = excluded.rationale, \
         metadata_json = excluded.metadata_json, of_session = excluded.of_session, overrides = excluded.overrides, \
         valid = excluded.valid, created_ms = excluded.created_ms, updated_ms = excluded.updated_ms \
         WHERE traces_assessments.trace_no = excluded.trace_no",
        &[
            (&assessment.assessment_id).into(),
            no.into(),
            assessment.kind.as_str().into(),
            (&assessment.name).into(),
            (&written.value).into(),
            written.score.into(),
            written.numeric.into(),
            written.error_json.as_deref().into(),
            (&assessment.source_type).into(),
            (&assessment.source_id).into(),
            assessment.span_id.as_deref().into(),
            assessment.rationale.as_deref().into(),
            (&written.metadata_json).into(),
            written.of_session.into(),
            assessment.overrides.as_deref().into(),
            assessment.valid.into(),
            assessment.created_ms.into(),
            assessment.updated_ms.into(),
        ],
    )?;
    Ok(touched > 0)
}

pub(crate) fn by_id(tx: &mut Tx<'_>, no: i64, assessment_id: &str) -> Result<Option<Assessment>> {
    let sql = format!("SELECT {COLUMNS} {FROM} WHERE a.trace_no = $1 AND a.assessment_id = $2");
    tx.optional(&sql, &[no.into(), assessment_id.into()], assessment)
}

/// Whether there is such an assessment.
pub(crate) fn set_valid(tx: &mut Tx<'_>, no: i64, assessment_id: &str, valid: bool) -> Result<bool> {
    let touched = tx.exec(
        "UPDATE traces_assessments SET valid = $1 WHERE trace_no = $2 AND assessment_id = $3",
        &[Arg::from(valid), no.into(), assessment_id.into()],
    )?;
    Ok(touched > 0)
}

pub(crate) fn delete(tx: &mut Tx<'_>, no: i64, assessment_id: &str) -> Result<()> {
    tx.exec(
        "DELETE FROM traces_assessments WHERE trace_no = $1 AND assessment_id = $2",
        &[no.into(), assessment_id.into()],
    )
    .map(drop)
}

/// The assessments of many traces, oldest first.
pub(crate) fn of_traces(tx: &mut Tx<'_>, numbers: &[i64]) -> Result<HashMap<i64, Vec<Assessment>>> {
    let mut found: HashMap<i64, Vec<Assessment>> = HashMap::new();
    let head = format!("SELECT {COLUMNS}, a.trace_no {FROM} WHERE a.trace_no IN");
    each_of(tx, numbers, &head, "ORDER BY a.created_ms, a.assessment_id", &mut |row| {
        found.entry(row.int(COLUMN_COUNT)?).or_default().push(assessment(row)?);
        Ok(())
    })?;
    Ok(found)
}
