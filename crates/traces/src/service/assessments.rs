//! Assessments of traces.

use pitcrew_kernel::{Access, Ctx, Error, Result};

use super::start::taken;
use super::{Traces, number_of};
use crate::errors;
use crate::limits::{ASSESSMENT_BYTES, ASSESSMENT_NAME_CHARS};
use crate::model::{Assessment, AssessmentError, AssessmentKind, Entries};
use crate::store::assessments as store;
use crate::store::traces::number;
use crate::value::Any;

/// What changes of an assessment; the rest stays.
#[derive(Debug, Clone, Default)]
pub struct AssessmentChange {
    /// Another name.
    pub name: Option<String>,
    /// Another opinion, with why there is none.
    pub feedback: Option<(Any, Option<AssessmentError>)>,
    /// Another expectation.
    pub expectation: Option<Any>,
    /// Another reason.
    pub rationale: Option<String>,
    /// Further facts, which take the place of those of the same name.
    pub metadata: Entries,
}

impl Traces {
    /// Adds an assessment. One that it overrides is valid no more.
    ///
    /// # Errors
    /// `TRACE_NOT_FOUND`, `ASSESSMENT_NOT_FOUND`, `ASSESSMENT_EXISTS`, `TRACE_VALUE_INVALID`.
    pub async fn assess(&self, ctx: &Ctx, mut assessment: Assessment) -> Result<Assessment> {
        ctx.require(Access::Write)?;
        if assessment.assessment_id.is_empty() {
            assessment.assessment_id = self.assessment_id();
        }
        checked(&assessment)?;
        self.db
            .write(move |tx| {
                let no = number_of(tx, &assessment.trace_id)?;
                if let Some(overridden) = &assessment.overrides {
                    let there = overridden != &assessment.assessment_id && store::set_valid(tx, no, overridden, false)?;
                    if !there {
                        return Err(errors::assessment_not_found(overridden, &assessment.trace_id));
                    }
                }
                if store::by_id(tx, no, &assessment.assessment_id)?.is_some() || !store::put(tx, no, &assessment)? {
                    return Err(taken(&assessment.assessment_id));
                }
                Ok(assessment)
            })
            .await
    }

    /// One assessment.
    ///
    /// # Errors
    /// `TRACE_NOT_FOUND`, `ASSESSMENT_NOT_FOUND`.
    pub async fn assessment(&self, ctx: &Ctx, trace_id: &str, assessment_id: &str) -> Result<Assessment> {
        ctx.require(Access::Read)?;
        let (trace_id, assessment_id) = (trace_id.to_owned(), assessment_id.to_owned());
        self.db.read(move |tx| found(tx, &trace_id, &assessment_id).map(|(_, assessment)| assessment)).await
    }

    /// Changes an assessment.
    ///
    /// # Errors
    /// `TRACE_NOT_FOUND`, `ASSESSMENT_NOT_FOUND`, `TRACE_VALUE_INVALID`.
    pub async fn reassess(
        &self,
        ctx: &Ctx,
        trace_id: &str,
        assessment_id: &str,
        change: AssessmentChange,
    ) -> Result<Assessment> {
        ctx.require(Access::Write)?;
        let (trace_id, assessment_id) = (trace_id.to_owned(), assessment_id.to_owned());
        let now_ms = self.now_ms();
        self.db
            .write(move |tx| {
                let (no, mut assessment) = found(tx, &trace_id, &assessment_id)?;
                apply(&mut assessment, change)?;
                assessment.updated_ms = now_ms;
                checked(&assessment)?;
                store::put(tx, no, &assessment)?;
                Ok(assessment)
            })
            .await
    }

    /// Deletes an assessment, if it is there. One that it overrode is valid again.
    ///
    /// # Errors
    /// `TRACE_NOT_FOUND`.
    pub async fn unassess(&self, ctx: &Ctx, trace_id: &str, assessment_id: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        let (trace_id, assessment_id) = (trace_id.to_owned(), assessment_id.to_owned());
        self.db
            .write(move |tx| {
                let no = number_of(tx, &trace_id)?;
                let Some(assessment) = store::by_id(tx, no, &assessment_id)? else { return Ok(()) };
                if let Some(overridden) = &assessment.overrides {
                    store::set_valid(tx, no, overridden, true)?;
                }
                store::delete(tx, no, &assessment_id)
            })
            .await
    }
}

fn found(tx: &mut pitcrew_db::Tx<'_>, trace_id: &str, assessment_id: &str) -> Result<(i64, Assessment)> {
    let no = number(tx, trace_id)?
        .ok_or_else(|| Error::not_found("TRACE_NOT_FOUND", format!("Trace with request_id '{trace_id}' not found")))?;
    let assessment = store::by_id(tx, no, assessment_id)?;
    Ok((no, assessment.ok_or_else(|| errors::assessment_not_found(assessment_id, trace_id))?))
}

fn apply(assessment: &mut Assessment, change: AssessmentChange) -> Result<()> {
    if change.feedback.is_some() && change.expectation.is_some() {
        return Err(errors::invalid("Cannot specify both `expectation` and `feedback` parameters."));
    }
    if let Some(value) = change.expectation {
        if assessment.kind != AssessmentKind::Expectation {
            return Err(errors::invalid("Cannot update expectation value on a Feedback assessment."));
        }
        assessment.value = value;
    }
    if let Some((value, error)) = change.feedback {
        if assessment.kind != AssessmentKind::Feedback {
            return Err(errors::invalid("Cannot update feedback value on an Expectation assessment."));
        }
        (assessment.value, assessment.error) = (value, error);
    }
    assessment.name = change.name.unwrap_or_else(|| std::mem::take(&mut assessment.name));
    assessment.rationale = change.rationale.or(assessment.rationale.take());
    assessment.metadata.extend(change.metadata);
    Ok(())
}

pub(super) fn checked(assessment: &Assessment) -> Result<()> {
    let Assessment { assessment_id, name, source_type, source_id, .. } = assessment;
    for (what, text) in [
        ("assessment_id", assessment_id),
        ("assessment_name", name),
        ("source_type", source_type),
        ("source_id", source_id),
    ] {
        if text.chars().nth(ASSESSMENT_NAME_CHARS).is_some() {
            return Err(errors::invalid(format!("`{what}` is longer than {ASSESSMENT_NAME_CHARS} characters")));
        }
    }
    let error = assessment.error.as_ref().map_or(0, |error| {
        let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        error.error_code.len() + len(&error.error_message) + len(&error.stack_trace)
    });
    let metadata: usize = assessment.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    let rationale = assessment.rationale.as_ref().map_or(0, String::len);
    if assessment.value.to_json().len() + error + metadata + rationale > ASSESSMENT_BYTES {
        return Err(Error::too_large(
            "TRACE_TOO_LARGE",
            format!("an assessment is larger than {ASSESSMENT_BYTES} bytes"),
        ));
    }
    Ok(())
}
