//! From spans as they come to what is written of each trace: nothing here knows the database.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use pitcrew_kernel::Result;

use crate::limits::{MODEL_CHARS, SESSION_CHARS, SPAN_NAME_CHARS, TAG_KEY_CHARS, TAG_VALUE_CHARS, TRACE_NAME_CHARS};
use crate::model::{Entries, Span, SpanStatus, State, keys};
use crate::payload::{Payload, pack};
use crate::preview;
use crate::store::spans::Narrow;
use crate::usage::{costs_of, tokens_of};
use crate::value::Any;

const NANOS_PER_MILLI: i64 = 1_000_000;

/// A span and the attributes of what it comes from: a service, a machine.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The span.
    pub span: Span,
    /// Its resource.
    pub resource: Arc<Vec<(String, Any)>>,
}

/// What is written of one trace.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) trace_id: String,
    pub(super) narrow: Vec<Narrow>,
    pub(super) payload: Payload,
    pub(super) start_ms: i64,
    pub(super) end_ms: Option<i64>,
    pub(super) root: Option<Root>,
    pub(super) session_id: Option<String>,
    pub(super) user: Option<String>,
    pub(super) name: Option<String>,
    pub(super) tags: Entries,
    pub(super) tells_tokens: bool,
    pub(super) tells_costs: bool,
}

/// What the root tells of the whole trace.
#[derive(Debug)]
pub(super) struct Root {
    /// What the trace is called unless somebody named it.
    pub(super) name: String,
    pub(super) state: State,
    pub(super) request_preview: Option<String>,
    pub(super) response_preview: Option<String>,
}

/// Spans of many traces, each trace by itself, in the order of their ids.
pub(super) fn by_trace(arrived: Vec<Arrived>) -> Result<Vec<Prepared>> {
    let mut traces: BTreeMap<String, Vec<Arrived>> = BTreeMap::new();
    for one in arrived {
        traces.entry(one.span.trace_id.clone()).or_default().push(one);
    }
    traces.into_iter().map(|(trace_id, arrived)| prepared(trace_id, arrived)).collect()
}

fn prepared(trace_id: String, arrived: Vec<Arrived>) -> Result<Prepared> {
    let mut tags = Entries::new();
    for one in &arrived {
        if tags.is_empty() {
            tags.extend(one.resource.iter().filter_map(|(key, value)| resource_tag(key, value)));
        }
    }
    let spans = last_of_each(arrived);
    let (mut root, mut name) = (None, None);
    for span in spans.iter().filter(|span| span.parent_id.is_none()) {
        root = Some(root_of(span));
        for (key, value) in span.attributes.iter().filter_map(trace_tag) {
            match key.as_str() {
                keys::NAME => name = Some(preview::shortened(value, TRACE_NAME_CHARS)),
                _ => drop(tags.insert(key, value)),
            }
        }
    }
    let narrow: Vec<Narrow> = spans.iter().map(narrow).collect();
    let first = |names: &[&str]| {
        let of_span = |span: &Span| names.iter().find_map(|name| text_of(span.attribute(name)?));
        spans.iter().find_map(of_span)
    };
    Ok(Prepared {
        trace_id,
        payload: pack(&spans)?,
        start_ms: spans.iter().map(|span| span.start_ns).min().unwrap_or(0).div_euclid(NANOS_PER_MILLI),
        end_ms: spans.iter().filter_map(|span| span.end_ns).max().map(|end| end.div_euclid(NANOS_PER_MILLI)),
        root,
        session_id: first(&["session.id", "gen_ai.conversation.id"]).map(|id| id.chars().take(SESSION_CHARS).collect()),
        user: first(&["user.id"]),
        name,
        tags,
        tells_tokens: narrow.iter().any(|span| span.usage_json.is_some()),
        tells_costs: narrow.iter().any(|span| span.costs.is_some()),
        narrow,
    })
}

/// A span that comes twice in one request counts once: as it came last.
fn last_of_each(arrived: Vec<Arrived>) -> Vec<Span> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut spans: Vec<Span> = Vec::with_capacity(arrived.len());
    for one in arrived {
        match places.get(&one.span.span_id).and_then(|at| spans.get_mut(*at)) {
            Some(earlier) => *earlier = one.span,
            None => {
                places.insert(one.span.span_id.clone(), spans.len());
                spans.push(one.span);
            }
        }
    }
    spans
}

fn root_of(span: &Span) -> Root {
    Root {
        name: preview::shortened(span.name.clone(), TRACE_NAME_CHARS),
        state: if span.status == SpanStatus::Error { State::Error } else { State::Ok },
        request_preview: span.attribute(keys::INPUTS).map(preview::of_request),
        response_preview: span.attribute(keys::OUTPUTS).map(preview::of_response),
    }
}

fn narrow(span: &Span) -> Narrow {
    let short =
        |name: &str| span.attribute(name).and_then(Any::as_text).map(|text| text.chars().take(MODEL_CHARS).collect());
    let usage = span.attribute(keys::CHAT_USAGE).filter(|value| tokens_of(value).is_some());
    Narrow {
        span_id: span.span_id.clone(),
        parent_id: span.parent_id.clone(),
        name: span.name.chars().take(SPAN_NAME_CHARS).collect(),
        kind: span.kind().map(|kind| kind.chars().take(MODEL_CHARS).collect()),
        status: span.status,
        start_ns: span.start_ns,
        end_ns: span.end_ns,
        model_name: short(keys::MODEL),
        model_provider: short(keys::PROVIDER),
        usage_json: usage.map(Any::to_json),
        costs: span.attribute(keys::LLM_COST).and_then(costs_of),
    }
}

/// What a resource tells becomes tags, except what tells of the sender's own library and what is reserved.
fn resource_tag(key: &str, value: &Any) -> Option<(String, String)> {
    let skipped = key.starts_with("telemetry.sdk.") || key.starts_with("mlflow.");
    if skipped { None } else { tag(key, text_of(value)?) }
}

/// Tags travel over OpenTelemetry as attributes of the root.
fn trace_tag((key, value): &(String, Any)) -> Option<(String, String)> {
    let key = key.strip_prefix(keys::TAG_PREFIX)?;
    if matches!(key, keys::SPANS_LOCATION | keys::ARTIFACT_LOCATION) {
        return None;
    }
    tag(key, text_of(value)?)
}

/// A tag, its value cut where it is too long; none when its key is no key.
fn tag(key: &str, value: String) -> Option<(String, String)> {
    let fits = !key.is_empty() && key.chars().nth(TAG_KEY_CHARS).is_none() && !key.chars().any(char::is_control);
    fits.then(|| (key.to_owned(), value.chars().take(TAG_VALUE_CHARS).collect()))
}

/// A text as it is, everything else as JSON, nothing as nothing.
fn text_of(value: &Any) -> Option<String> {
    match value {
        Any::Null => None,
        Any::Text(text) if text.is_empty() => None,
        Any::Text(text) => Some(text.clone()),
        value => Some(value.to_json()),
    }
}
