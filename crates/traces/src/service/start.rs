//! A client tells of a trace as a whole.

use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Error, Result};

use super::{Traces, bare, checked_count, checked_id, held_or_made};
use crate::errors;
use crate::limits::{
    ASSESSMENTS_PER_REQUEST, ENTRIES_PER_TRACE, METADATA_KEY_CHARS, METADATA_VALUE_CHARS, PREVIEW_CHARS, SESSION_CHARS,
    TAG_KEY_CHARS, TAG_VALUE_CHARS, TRACE_ID_CHARS, TRACE_NAME_CHARS,
};
use crate::model::{Entries, TraceInfo, keys};
use crate::preview::shortened;
use crate::store::assessments;
use crate::store::traces::{self as store, Kept};
use crate::usage::{costs_of, tokens_of};
use crate::value::Any;

impl Traces {
    /// Writes what a client tells of a trace as a whole; what spans told before is replaced, and what they tell later changes it no more.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`, `TRACE_VALUE_INVALID`.
    pub async fn start(&self, ctx: &Ctx, info: TraceInfo) -> Result<TraceInfo> {
        ctx.require(Access::Write)?;
        let told = self.checked(info)?;
        let home = self.experiments.home(ctx, told.experiment_id).await?;
        let saying = self.saying(ctx);
        self.db
            .write(move |tx| {
                let fresh = bare(&told.trace_id, home.id, told.started_ms);
                let (trace, _) = held_or_made(tx, &saying, &home, fresh)?;
                tell(tx, trace, told)
            })
            .await
    }

    fn checked(&self, mut info: TraceInfo) -> Result<TraceInfo> {
        checked_id(&info.trace_id)?;
        checked_count("tags", info.tags.len(), ENTRIES_PER_TRACE)?;
        checked_count("metadata entries", info.metadata.len(), ENTRIES_PER_TRACE)?;
        checked_count("assessments", info.assessments.len(), ASSESSMENTS_PER_REQUEST)?;
        if info.client_request_id.as_ref().is_some_and(|id| id.chars().nth(TRACE_ID_CHARS).is_some()) {
            return Err(errors::invalid(format!("`client_request_id` is longer than {TRACE_ID_CHARS} characters")));
        }
        if info.duration_ms.is_some_and(|duration| duration < 0) {
            return Err(errors::invalid("`execution_duration` is negative"));
        }
        info.tags = info.tags.into_iter().map(|(key, value)| checked_tag(&key, value)).collect::<Result<_>>()?;
        info.metadata = info.metadata.into_iter().map(metadata).collect::<Result<_>>()?;
        info.request_preview = info.request_preview.map(|text| shortened(text, PREVIEW_CHARS));
        info.response_preview = info.response_preview.map(|text| shortened(text, PREVIEW_CHARS));
        for assessment in &mut info.assessments {
            assessment.trace_id.clone_from(&info.trace_id);
            if assessment.assessment_id.is_empty() {
                assessment.assessment_id = self.assessment_id();
            }
            super::assessments::checked(assessment)?;
        }
        Ok(info)
    }
}

fn tell(tx: &mut Tx<'_>, mut trace: Kept, mut told: TraceInfo) -> Result<TraceInfo> {
    trace.experiment_id = told.experiment_id;
    trace.started_ms = told.started_ms;
    trace.duration_ms = told.duration_ms;
    trace.state = told.state;
    trace.client_request_id = told.client_request_id.take();
    trace.told = true;
    trace.name = told.tags.remove(keys::NAME).or(trace.name);
    trace.request_preview = told.request_preview.take().or(trace.request_preview);
    trace.response_preview = told.response_preview.take().or(trace.response_preview);
    columns(&mut trace, &mut told.metadata)?;
    // Both say what this server knows better.
    told.tags.remove(keys::SPANS_LOCATION);
    told.tags.remove(keys::ARTIFACT_LOCATION);
    store::update(tx, &trace)?;
    store::set_tags(tx, trace.no, &told.tags)?;
    store::set_metadata(tx, trace.no, &told.metadata)?;
    for assessment in &told.assessments {
        if !assessments::put(tx, trace.no, assessment)? {
            return Err(taken(&assessment.assessment_id));
        }
    }
    let mut infos = store::infos(tx, vec![trace])?;
    infos.pop().ok_or_else(|| Error::internal("a trace that was written is gone", told.trace_id))
}

/// Metadata that have columns of their own move there: session, tokens and costs.
fn columns(trace: &mut Kept, metadata: &mut Entries) -> Result<()> {
    metadata.remove(keys::TOLD);
    if let Some(session) = metadata.remove(keys::SESSION) {
        if session.chars().nth(SESSION_CHARS).is_some() {
            return Err(errors::invalid(format!(
                "Session ID exceeds the maximum length of {SESSION_CHARS} characters"
            )));
        }
        trace.session_id = Some(session);
    }
    if let Some(tokens) = metadata.remove(keys::TOKEN_USAGE).and_then(|json| tokens_of(&Any::of_json(&json)?)) {
        for (kept, told) in trace.tokens.iter_mut().zip(tokens) {
            *kept = told.or(*kept);
        }
    }
    if let Some(costs) = metadata.remove(keys::COST).and_then(|json| costs_of(&Any::of_json(&json)?)) {
        for (kept, told) in trace.costs.iter_mut().zip(costs) {
            *kept = told.or(*kept);
        }
    }
    Ok(())
}

/// A tag, its value cut where it is too long.
pub(super) fn checked_tag(key: &str, value: String) -> Result<(String, String)> {
    if key.is_empty() || key.chars().nth(TAG_KEY_CHARS).is_some() || key.chars().any(char::is_control) {
        return Err(errors::invalid(format!("Invalid tag name: '{}'", key.escape_debug())));
    }
    if key == keys::NAME && value.chars().nth(TRACE_NAME_CHARS).is_some() {
        return Err(errors::invalid(format!("Trace name exceeds the maximum length of {TRACE_NAME_CHARS} characters")));
    }
    Ok((key.to_owned(), value.chars().take(TAG_VALUE_CHARS).collect()))
}

fn metadata((key, value): (String, String)) -> Result<(String, String)> {
    if key.is_empty() || key.chars().nth(METADATA_KEY_CHARS).is_some() {
        return Err(errors::invalid(format!("Invalid metadata key: '{}'", key.escape_debug())));
    }
    Ok((key, value.chars().take(METADATA_VALUE_CHARS).collect()))
}

pub(super) fn taken(assessment_id: &str) -> Error {
    Error::conflict("ASSESSMENT_EXISTS", format!("the assessment `{assessment_id}` belongs to another trace"))
        .hint("leave the id out: the server gives one")
}
