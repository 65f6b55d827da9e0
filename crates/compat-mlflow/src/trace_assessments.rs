//! Assessments of traces: `/traces/{trace_id}/assessments/...`.

use axum::extract::State;
use pitcrew_kernel::Result;
use pitcrew_traces::AssessmentChange;
use pitcrew_web::{Answer, Caller, Json, Path};
use serde_json::{Value, json};

use crate::Door;
use crate::trace_wire::{assessment_json, assessment_of, expectation_of, feedback_of};
use crate::wire::{Fields, Nothing};

pub(crate) async fn create(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(trace_id): Path<String>,
    fields: Fields,
) -> Answer<Json<Value>> {
    let given = fields.required_object("assessment")?;
    let assessment = assessment_of(&given, &trace_id, door.traces.now_ms())?;
    let made = door.traces.assess(&ctx, assessment).await?;
    Ok(Json(json!({"assessment": assessment_json(&made)})))
}

pub(crate) async fn get(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path((trace_id, assessment_id)): Path<(String, String)>,
) -> Answer<Json<Value>> {
    let found = door.traces.assessment(&ctx, &trace_id, &assessment_id).await?;
    Ok(Json(json!({"assessment": assessment_json(&found)})))
}

pub(crate) async fn update(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path((trace_id, assessment_id)): Path<(String, String)>,
    fields: Fields,
) -> Answer<Json<Value>> {
    let given = fields.required_object("assessment")?;
    let mask = fields.required("update_mask")?;
    let change = change(&given, &mask)?;
    let changed = door.traces.reassess(&ctx, &trace_id, &assessment_id, change).await?;
    Ok(Json(json!({"assessment": assessment_json(&changed)})))
}

/// What the mask names; a word it does not know changes nothing.
fn change(given: &Fields, mask: &str) -> Result<AssessmentChange> {
    let mut change = AssessmentChange::default();
    for path in mask.split(',').map(str::trim) {
        match path {
            "assessment_name" | "assessmentName" => change.name = Some(given.text_or_empty("assessment_name")?),
            "rationale" => change.rationale = Some(given.text_or_empty("rationale")?),
            "metadata" => change.metadata = given.map("metadata")?,
            "feedback" => change.feedback = Some(feedback_of(&given.required_object("feedback")?)?),
            "expectation" => change.expectation = Some(expectation_of(&given.required_object("expectation")?)?),
            _ => {}
        }
    }
    Ok(change)
}

pub(crate) async fn delete(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path((trace_id, assessment_id)): Path<(String, String)>,
) -> Answer<Json<Nothing>> {
    door.traces.unassess(&ctx, &trace_id, &assessment_id).await?;
    Ok(Json(Nothing {}))
}
