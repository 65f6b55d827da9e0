//! Traces, spans and assessments as MLflow's messages spell them, in and out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pitcrew_kernel::{Error, Result, Timestamp};
use pitcrew_traces::{
    Any, Assessment, AssessmentError, AssessmentKind, Span, SpanStatus, State, TRACE_PREFIX, Trace, TraceInfo,
};
use pitcrew_tracking::experiment_id;
use serde_json::{Map, Value, json};

use crate::wire::{Fields, wrong};

/// Names of the states, in the order of their numbers.
const STATES: [&str; 4] = ["STATE_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS"];
const SOURCES: [&str; 4] = ["SOURCE_TYPE_UNSPECIFIED", "HUMAN", "LLM_JUDGE", "CODE"];
const JSON_FORMAT: &str = "JSON_FORMAT";

/// `trace.trace_info` of a request.
pub(crate) fn info_of(fields: &Fields, now_ms: i64) -> Result<TraceInfo> {
    let given = fields.required_object("trace")?.required_object("trace_info")?;
    let trace_id = given.required("trace_id")?;
    let location = given.required_object("trace_location")?.required_object("mlflow_experiment")?;
    let state = given.word("state", &STATES)?.unwrap_or(STATES[0]);
    let assessments = given
        .objects("assessments")?
        .iter()
        .map(|(_, assessment)| assessment_of(assessment, &trace_id, now_ms))
        .collect::<Result<_>>()?;
    Ok(TraceInfo {
        experiment_id: experiment_id(&location.required("experiment_id")?)?,
        started_ms: time_of(&given, "request_time")?.unwrap_or(now_ms),
        duration_ms: given.text("execution_duration")?.map(|text| duration_of(&text)).transpose()?,
        state: state.parse().unwrap_or(State::Unspecified),
        client_request_id: given.text("client_request_id")?,
        request_preview: given.text("request_preview")?,
        response_preview: given.text("response_preview")?,
        metadata: given.map("trace_metadata")?,
        tags: given.map("tags")?,
        assessments,
        trace_id,
    })
}

/// A time in milliseconds.
fn time_of(fields: &Fields, name: &str) -> Result<Option<i64>> {
    let read = |text: String| {
        text.parse::<Timestamp>().map(Timestamp::millis).map_err(|_| {
            wrong(format!(
                "Invalid value {text} for parameter '{name}' supplied. It must be a time like '2026-01-02T03:04:05Z'"
            ))
        })
    };
    fields.text(name)?.map(read).transpose()
}

/// `1.234s` in milliseconds, rounded down.
fn duration_of(text: &str) -> Result<i64> {
    let read = || {
        let seconds = text.strip_suffix('s')?;
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        let fits = fraction.len() <= 9 && fraction.bytes().all(|digit| digit.is_ascii_digit());
        let millis: i64 = fits.then(|| format!("{fraction:0<3}")[..3].parse().ok())??;
        let whole: i64 = whole.parse().ok()?;
        whole.checked_mul(1_000)?.checked_add(if text.starts_with('-') { -millis } else { millis })
    };
    read().ok_or_else(|| {
        wrong(format!("Invalid value {text} for parameter 'execution_duration' supplied. It must be like '1.5s'"))
    })
}

/// Milliseconds as protocol buffers print a time: with as many digits after the point as needed, in threes.
fn time(ms: i64) -> String {
    let text = Timestamp::from_millis(ms).to_string();
    match text.strip_suffix("000Z") {
        Some(millis) => match millis.strip_suffix(".000") {
            Some(seconds) => format!("{seconds}Z"),
            None => format!("{millis}Z"),
        },
        None => text,
    }
}

/// The same for a duration.
fn duration(ms: i64) -> String {
    let (seconds, millis) = (ms / 1_000, ms % 1_000);
    if millis == 0 { format!("{seconds}s") } else { format!("{seconds}.{millis:03}s") }
}

/// A trace without its spans.
pub(crate) fn info_json(info: TraceInfo) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    put("trace_id", json!(info.trace_id));
    if let Some(id) = info.client_request_id {
        put("client_request_id", json!(id));
    }
    let experiment = json!({"experiment_id": info.experiment_id.to_string()});
    put("trace_location", json!({"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": experiment}));
    if let Some(text) = info.request_preview {
        put("request_preview", json!(text));
    }
    if let Some(text) = info.response_preview {
        put("response_preview", json!(text));
    }
    put("request_time", json!(time(info.started_ms)));
    if let Some(ms) = info.duration_ms {
        put("execution_duration", json!(duration(ms)));
    }
    put("state", json!(info.state.as_str()));
    // Clients of MLflow expect no longer ones.
    put("trace_metadata", shortened(info.metadata, 250, 250));
    put("tags", shortened(info.tags, 250, 4_096));
    if !info.assessments.is_empty() {
        put("assessments", info.assessments.iter().map(assessment_json).collect());
    }
    out.retain(|_, value| !value.as_object().is_some_and(Map::is_empty));
    Value::Object(out)
}

fn shortened(entries: pitcrew_traces::Entries, key_chars: usize, value_chars: usize) -> Value {
    let cut = |text: String, most: usize| text.chars().take(most).collect::<String>();
    entries
        .into_iter()
        .map(|(key, value)| (cut(key, key_chars), json!(cut(value, value_chars))))
        .collect::<Map<_, _>>()
        .into()
}

/// A trace with its spans.
pub(crate) fn trace_json(trace: Trace) -> Value {
    let mut out = json!({"trace_info": info_json(trace.info)});
    if !trace.spans.is_empty() {
        out["spans"] = trace.spans.iter().map(span_json).collect();
    }
    out
}

fn span_json(span: &Span) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    put("trace_id", json!(of_hex(&span.trace_id)));
    put("span_id", json!(of_hex(&span.span_id)));
    if let Some(parent) = &span.parent_id {
        put("parent_span_id", json!(of_hex(parent)));
    }
    put("name", json!(span.name));
    put("start_time_unix_nano", json!(span.start_ns));
    if let Some(end) = span.end_ns {
        put("end_time_unix_nano", json!(end));
    }
    put("attributes", attributes_json(&span.attributes));
    put(
        "events",
        span.events
            .iter()
            .map(|event| {
                let attributes = attributes_json(&event.attributes);
                without_empty(json!({"time_unix_nano": event.at_ns, "name": event.name, "attributes": attributes}))
            })
            .collect(),
    );
    put("links", span.links.iter().map(|link| {
        let attributes = attributes_json(&link.attributes);
        without_empty(json!({"trace_id": of_hex(&link.trace_id), "span_id": of_hex(&link.span_id), "attributes": attributes}))
    }).collect());
    let mut status = Map::new();
    match span.status {
        SpanStatus::Unset => {}
        SpanStatus::Ok => drop(status.insert("code".to_owned(), json!("STATUS_CODE_OK"))),
        SpanStatus::Error => drop(status.insert("code".to_owned(), json!("STATUS_CODE_ERROR"))),
    }
    if !span.message.is_empty() {
        status.insert("message".to_owned(), json!(span.message));
    }
    put("status", Value::Object(status));
    without_empty(Value::Object(out))
}

/// Lists that hold nothing are left out.
fn without_empty(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| !field.as_array().is_some_and(Vec::is_empty));
    }
    value
}

fn attributes_json(attributes: &[(String, Any)]) -> Value {
    attributes.iter().map(|(key, value)| keyed(key, value)).collect()
}

fn keyed(key: &str, value: &Any) -> Value {
    match value {
        Any::Null => json!({"key": key}),
        value => json!({"key": key, "value": any_json(value)}),
    }
}

fn any_json(value: &Any) -> Value {
    match value {
        Any::Null => json!({}),
        Any::Bool(value) => json!({"bool_value": value}),
        Any::Int(value) => json!({"int_value": value}),
        Any::Double(value) => json!({"double_value": value}),
        Any::Text(text) => json!({"string_value": text}),
        Any::List(items) => {
            let values: Vec<Value> = items.iter().map(any_json).collect();
            json!({"array_value": without_empty(json!({"values": values}))})
        }
        Any::Map(entries) => {
            let values: Vec<Value> = entries.iter().map(|(key, value)| keyed(key, value)).collect();
            json!({"kvlist_value": without_empty(json!({"values": values}))})
        }
    }
}

/// Bytes in JSON are base64.
fn of_hex(id: &str) -> String {
    let hex = id.strip_prefix(TRACE_PREFIX).unwrap_or(id);
    let byte = |at: usize| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
    bytes.map_or_else(|| hex.to_owned(), |bytes| STANDARD.encode(bytes))
}

/// An assessment of a request about this trace.
pub(crate) fn assessment_of(given: &Fields, trace_id: &str, now_ms: i64) -> Result<Assessment> {
    let (kind, value, error) = value_of(given)?;
    let source = given.object("source")?.unwrap_or_default();
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(Assessment {
        assessment_id: given.text_or_empty("assessment_id")?,
        trace_id: trace_id.to_owned(),
        name: given.text_or_empty("assessment_name")?,
        kind,
        value,
        error,
        source_type: source.word("source_type", &SOURCES)?.unwrap_or(SOURCES[0]).to_owned(),
        source_id: source.text_or_empty("source_id")?,
        span_id: some(given.text("span_id")?),
        rationale: some(given.text("rationale")?),
        metadata: given.map("metadata")?,
        overrides: some(given.text("overrides")?),
        valid: true,
        created_ms: time_of(given, "create_time")?.unwrap_or(now_ms),
        updated_ms: time_of(given, "last_update_time")?.unwrap_or(now_ms),
    })
}

fn value_of(given: &Fields) -> Result<(AssessmentKind, Any, Option<AssessmentError>)> {
    if let Some(feedback) = given.object("feedback")? {
        let (value, error) = feedback_of(&feedback)?;
        return Ok((AssessmentKind::Feedback, value, error));
    }
    if let Some(expectation) = given.object("expectation")? {
        return Ok((AssessmentKind::Expectation, expectation_of(&expectation)?, None));
    }
    if let Some(issue) = given.object("issue")? {
        return Ok((AssessmentKind::Issue, Any::Text(issue.text_or_empty("issue_name")?), None));
    }
    Err(wrong("Unknown assessment type: None".to_owned()))
}

pub(crate) fn feedback_of(feedback: &Fields) -> Result<(Any, Option<AssessmentError>)> {
    let error = feedback.object("error")?.map(|error| {
        Ok::<_, Error>(AssessmentError {
            error_code: error.text_or_empty("error_code")?,
            error_message: error.text("error_message")?,
            stack_trace: error.text("stack_trace")?,
        })
    });
    Ok((feedback.value("value")?.map_or(Any::Null, any_value), error.transpose()?))
}

pub(crate) fn expectation_of(expectation: &Fields) -> Result<Any> {
    let Some(serialized) = expectation.object("serialized_value")? else {
        return Ok(expectation.value("value")?.map_or(Any::Null, any_value));
    };
    let format = serialized.text_or_empty("serialization_format")?;
    if format != JSON_FORMAT {
        return Err(wrong(format!("Unknown serialization format: {format}. Only JSON_FORMAT is supported.")));
    }
    let text = serialized.text_or_empty("value")?;
    Any::of_json(&text).ok_or_else(|| wrong("The serialized value of an expectation is not JSON.".to_owned()))
}

/// A message that may hold any value knows only one kind of number.
fn any_value(value: &Value) -> Any {
    match value {
        Value::Null => Any::Null,
        Value::Bool(value) => Any::Bool(*value),
        Value::Number(number) => number.as_f64().map_or(Any::Null, Any::number),
        Value::String(text) => Any::Text(text.clone()),
        Value::Array(items) => Any::List(items.iter().map(any_value).collect()),
        Value::Object(entries) => {
            Any::Map(entries.iter().map(|(key, value)| (key.clone(), any_value(value))).collect())
        }
    }
}

pub(crate) fn assessment_json(given: &Assessment) -> Value {
    let mut out = json!({
        "assessment_id": given.assessment_id,
        "assessment_name": given.name,
        "trace_id": given.trace_id,
        "source": {"source_type": given.source_type},
        "create_time": time(given.created_ms),
        "last_update_time": time(given.updated_ms),
        "valid": given.valid,
    });
    if !given.source_id.is_empty() {
        out["source"]["source_id"] = json!(given.source_id);
    }
    match given.kind {
        AssessmentKind::Feedback => {
            out["feedback"] = json!({"value": given.value});
            if let Some(error) = &given.error {
                out["feedback"]["error"] = json!(error);
            }
        }
        AssessmentKind::Expectation => {
            out["expectation"] = match &given.value {
                value @ (Any::List(_) | Any::Map(_)) => {
                    json!({"serialized_value": {"serialization_format": JSON_FORMAT, "value": value.to_json()}})
                }
                value => json!({"value": value}),
            };
        }
        AssessmentKind::Issue => out["issue"] = json!({"issue_name": given.value}),
    }
    for (name, text) in [("span_id", &given.span_id), ("rationale", &given.rationale), ("overrides", &given.overrides)]
    {
        if let Some(text) = text {
            out[name] = json!(text);
        }
    }
    if !given.metadata.is_empty() {
        out["metadata"] = json!(given.metadata);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_are_printed_as_protocol_buffers_do() {
        assert_eq!(time(1_767_323_045_678), "2026-01-02T03:04:05.678Z");
        assert_eq!(time(1_767_323_045_000), "2026-01-02T03:04:05Z");
        assert_eq!(duration(1_234), "1.234s");
        assert_eq!(duration(2_000), "2s");
        for (text, ms) in [("1.234s", 1_234), ("2s", 2_000), ("0.5s", 500), ("0.123456789s", 123), ("-1.5s", -1_500)] {
            assert_eq!(duration_of(text).unwrap(), ms, "{text}");
        }
        for bad in ["1", "s", "1.5", "1.+5s", "1.1234567890s", "x.5s", "999999999999999999s"] {
            assert!(duration_of(bad).is_err(), "{bad}");
        }
    }
}
