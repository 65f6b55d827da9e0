//! The native HTTP API of traces.

use std::sync::Arc;

use axum::extract::{Path, State};
use pitcrew_kernel::{Access, Error, Page, PageRequest, Timestamp};
use pitcrew_web::{Answer, Api, Caller, Json, Query};
use serde::{Deserialize, Serialize};

use crate::limits::TRACES_PER_PAGE;
use crate::model::{Assessment, AssessmentError, Entries, Span, SpanEvent, SpanLink, Trace, TraceInfo, keys};
use crate::service::{TraceSearch, Traces};
use crate::value::Any;

type Service = State<Arc<Traces>>;

/// The routes of this slice.
pub fn routes(service: Arc<Traces>) -> Api {
    Api::builder::<Arc<Traces>>()
        .get("/api/v1/traces", Access::Read, traces)
        .get("/api/v1/traces/{trace_id}", Access::Read, trace)
        .with_state(service)
}

#[derive(Debug, Serialize)]
struct TraceView {
    trace_id: String,
    experiment_id: String,
    name: Option<String>,
    state: &'static str,
    started_at: Timestamp,
    duration_ms: Option<i64>,
    client_request_id: Option<String>,
    request_preview: Option<String>,
    response_preview: Option<String>,
    tags: Entries,
    metadata: Entries,
    assessments: Vec<AssessmentView>,
}

impl From<TraceInfo> for TraceView {
    fn from(info: TraceInfo) -> Self {
        Self {
            name: info.tags.get(keys::NAME).cloned(),
            trace_id: info.trace_id,
            experiment_id: info.experiment_id.to_string(),
            state: info.state.as_str(),
            started_at: Timestamp::from_millis(info.started_ms),
            duration_ms: info.duration_ms,
            client_request_id: info.client_request_id,
            request_preview: info.request_preview,
            response_preview: info.response_preview,
            tags: info.tags,
            metadata: info.metadata,
            assessments: info.assessments.into_iter().map(Into::into).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct AssessmentView {
    assessment_id: String,
    kind: &'static str,
    name: String,
    value: Any,
    error: Option<AssessmentError>,
    source_type: String,
    source_id: String,
    span_id: Option<String>,
    rationale: Option<String>,
    metadata: Entries,
    overrides: Option<String>,
    valid: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Assessment> for AssessmentView {
    fn from(given: Assessment) -> Self {
        Self {
            assessment_id: given.assessment_id,
            kind: given.kind.as_str(),
            name: given.name,
            value: given.value,
            error: given.error,
            source_type: given.source_type,
            source_id: given.source_id,
            span_id: given.span_id,
            rationale: given.rationale,
            metadata: given.metadata,
            overrides: given.overrides,
            valid: given.valid,
            created_at: Timestamp::from_millis(given.created_ms),
            updated_at: Timestamp::from_millis(given.updated_ms),
        }
    }
}

/// A span for a waterfall: its times count from the beginning of the trace, in nanoseconds, so that a browser's numbers hold them.
#[derive(Debug, Serialize)]
struct SpanView {
    span_id: String,
    parent_id: Option<String>,
    name: String,
    kind: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    offset_ns: i64,
    duration_ns: Option<i64>,
    attributes: Any,
    events: Vec<EventView>,
    links: Vec<LinkView>,
}

#[derive(Debug, Serialize)]
struct EventView {
    name: String,
    offset_ns: i64,
    attributes: Any,
}

#[derive(Debug, Serialize)]
struct LinkView {
    trace_id: String,
    span_id: String,
    attributes: Any,
}

impl SpanView {
    fn new(span: Span, origin_ns: i64) -> Self {
        let event = |event: SpanEvent| EventView {
            name: event.name,
            offset_ns: event.at_ns.saturating_sub(origin_ns),
            attributes: Any::Map(event.attributes),
        };
        let link = |link: SpanLink| LinkView {
            trace_id: link.trace_id,
            span_id: link.span_id,
            attributes: Any::Map(link.attributes),
        };
        Self {
            kind: span.kind().map(ToOwned::to_owned),
            span_id: span.span_id,
            parent_id: span.parent_id,
            name: span.name,
            status: span.status.as_str(),
            message: span.message,
            offset_ns: span.start_ns.saturating_sub(origin_ns),
            duration_ns: span.end_ns.map(|end| end.saturating_sub(span.start_ns)),
            attributes: Any::Map(span.attributes),
            events: span.events.into_iter().map(event).collect(),
            links: span.links.into_iter().map(link).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct WholeView {
    #[serde(flatten)]
    trace: TraceView,
    /// Whether the spans are here; without it they are a file among the artifacts.
    spans_here: bool,
    spans: Vec<SpanView>,
}

impl From<Trace> for WholeView {
    fn from(trace: Trace) -> Self {
        let origin_ns = trace.spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
        Self {
            spans_here: trace.info.tags.contains_key(keys::SPANS_LOCATION),
            trace: trace.info.into(),
            spans: trace.spans.into_iter().map(|span| SpanView::new(span, origin_ns)).collect(),
        }
    }
}

#[derive(Debug, Deserialize)]
struct TracesQuery {
    experiment_id: Option<String>,
    #[serde(default)]
    filter: String,
    /// Terms separated by commas.
    order_by: Option<String>,
    limit: Option<usize>,
    page: Option<String>,
}

async fn traces(
    State(service): Service,
    Caller(ctx): Caller,
    Query(query): Query<TracesQuery>,
) -> Answer<Json<Page<TraceView>>> {
    let experiments = query.experiment_id.map(|id| {
        id.parse()
            .map(|id| vec![id])
            .map_err(|_| Error::invalid("TRACE_VALUE_INVALID", format!("`{id}` is no experiment's id")))
    });
    let terms = query.order_by.unwrap_or_default();
    let order_by = terms.split(',').map(str::trim).filter(|term| !term.is_empty()).map(ToOwned::to_owned).collect();
    let limit = PageRequest { limit: query.limit, page: None }.limit()?.min(TRACES_PER_PAGE);
    let search =
        TraceSearch { experiments: experiments.transpose()?, filter: query.filter, order_by, limit, page: query.page };
    let found = service.search(&ctx, search).await?;
    Ok(Json(Page { items: found.items.into_iter().map(Into::into).collect(), next: found.next }))
}

async fn trace(State(service): Service, Caller(ctx): Caller, Path(trace_id): Path<String>) -> Answer<Json<WholeView>> {
    let found = match service.trace(&ctx, &trace_id, true).await {
        Err(error) if error.code() == "TRACE_SPANS_ELSEWHERE" => {
            Trace { info: service.info(&ctx, &trace_id).await?, spans: Vec::new() }
        }
        found => found?,
    };
    Ok(Json(found.into()))
}
