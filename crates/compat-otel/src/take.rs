//! `POST /v1/traces`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use pitcrew_kernel::{Ctx, Error, Kind, Result};
use pitcrew_traces::limits::SPANS_PER_REQUEST;
use pitcrew_traces::{Any, Batch, Span, Traces, keys};
use pitcrew_web::{Answer, Caller};

use crate::answer::{failed, taken};
use crate::body::{Encoding, encoding, plain, wrong};
use crate::messages::Request;
use crate::{conventions, json, messages};

/// The experiment of traces that are not there yet.
const EXPERIMENT: &str = "x-mlflow-experiment-id";
/// The workspace that a client means, and the one there is.
const WORKSPACE: &str = "x-mlflow-workspace";
const DEFAULT_WORKSPACE: &str = "default";
/// The run that traces are linked to.
const RUN: &str = "x-mlflow-run-id";

pub(crate) async fn traces(
    State(traces): State<Arc<Traces>>,
    Caller(ctx): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    let encoding = encoding(&headers)?;
    match take(&traces, &ctx, encoding, &headers, body).await {
        Ok(request) => Ok(taken(encoding, request.rejected, request.reason.as_deref())),
        // Our own fault is told and logged on the way out.
        Err(error) if error.kind() == Kind::Internal => Err(error.into()),
        Err(error) => Ok(failed(encoding, &error)),
    }
}

async fn take(traces: &Traces, ctx: &Ctx, encoding: Encoding, headers: &HeaderMap, body: Bytes) -> Result<Request> {
    let experiment_id = experiment(headers)?;
    let run_id = text(headers, RUN).filter(|run_id| !run_id.is_empty());
    let headers = headers.clone();
    // Unpacking and reading take long for large bodies; whoever else is served here must not wait for it.
    let read = tokio::task::spawn_blocking(move || read(encoding, &headers, &body));
    let mut request = read.await.map_err(|source| Error::internal("a request was not read to its end", source))??;
    let spans = std::mem::take(&mut request.arrived);
    if !spans.is_empty() {
        traces.ingest(ctx, Batch { experiment_id, run_id, spans }).await?;
    }
    Ok(request)
}

fn read(encoding: Encoding, headers: &HeaderMap, body: &[u8]) -> Result<Request> {
    let body = plain(headers, body)?;
    let mut request = match encoding {
        Encoding::Proto => messages::request(&body).map_err(|_| malformed("it is no such message"))?,
        Encoding::Json => json::request(&body).map_err(|reason| malformed(&reason))?,
    };
    if request.resources == 0 {
        return Err(wrong("Invalid OpenTelemetry format - no spans found".to_owned()));
    }
    if request.beyond > 0 {
        let spans = request.arrived.len() + request.beyond;
        return Err(wrong(format!("{spans} spans in one request: at most {SPANS_PER_REQUEST}")));
    }
    for one in &mut request.arrived {
        conventions::translate(&mut one.span);
        sign(&mut one.span);
    }
    Ok(request)
}

/// Refuses spans for a workspace that this server has not, as MLflow's door does: they would lie where nobody looks for them.
///
/// # Errors
/// `OTLP_REQUEST_INVALID`.
pub(crate) fn one_workspace(headers: &HeaderMap) -> Result<()> {
    match text(headers, WORKSPACE).as_deref().map(str::trim) {
        None | Some("" | DEFAULT_WORKSPACE) => Ok(()),
        Some(_) => Err(wrong("Workspace APIs are not available: workspaces are not enabled on this server".to_owned())),
    }
}

fn malformed(reason: &str) -> Error {
    wrong(format!("Invalid OpenTelemetry format: {reason}"))
}

fn experiment(headers: &HeaderMap) -> Result<i64> {
    let Some(id) = text(headers, EXPERIMENT) else {
        return Err(wrong(format!("the header `{EXPERIMENT}` is missing"))
            .hint("set it to an experiment's id, for instance with OTEL_EXPORTER_OTLP_TRACES_HEADERS"));
    };
    id.parse().map_err(|_| wrong(format!("`{}` in the header `{EXPERIMENT}` is no experiment's id", id.escape_debug())))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// A span's trace is the one of its id, whatever the sender says of it.
fn sign(span: &mut Span) {
    span.attributes.retain(|(key, _)| key != keys::REQUEST_ID);
    span.attributes.push((keys::REQUEST_ID.to_owned(), Any::Text(span.trace_id.clone())));
}
