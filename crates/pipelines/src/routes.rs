//! The native HTTP API of pipelines.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use pitcrew_contracts::names::{PipelineName, PipelineRunId, StepName};
use pitcrew_kernel::{Access, Page, PageRequest};
use pitcrew_web::{Answer, Api, Caller, Json, Query};
use serde::Deserialize;
use serde_json::Value;

use crate::model::RunState;
use crate::service::{Follow, Pipelines, RunFilter};
use crate::view::{PipelineView, RunView};

/// The reason of a run that gives none.
const NO_REASON: &str = "asked for by a user";

type Service = State<Arc<Pipelines>>;

/// The routes of this crate.
pub fn routes(service: Arc<Pipelines>) -> Api {
    Api::builder::<Arc<Pipelines>>()
        .get("/api/v1/pipelines", Access::Read, list_pipelines)
        .get("/api/v1/pipelines/{name}", Access::Read, get_pipeline)
        .post("/api/v1/pipelines/{name}/runs", Access::Write, start_run)
        .get("/api/v1/pipeline-runs", Access::Read, list_runs)
        .get("/api/v1/pipeline-runs/{id}", Access::Read, get_run)
        .post("/api/v1/pipeline-runs/{id}/cancel", Access::Write, cancel_run)
        .get("/api/v1/pipeline-runs/{id}/steps/{step}/log", Access::Read, read_log)
        .get("/api/v1/pipeline-runs/{id}/log/stream", Access::Read, follow_log)
        .with_state(service)
}

async fn list_pipelines(
    State(service): Service,
    Caller(ctx): Caller,
    Query(page): Query<PageRequest>,
) -> Answer<Json<Page<PipelineView>>> {
    Ok(Json(service.pipelines(&ctx, page).await?))
}

async fn get_pipeline(
    State(service): Service,
    Caller(ctx): Caller,
    Path(name): Path<String>,
) -> Answer<Json<PipelineView>> {
    Ok(Json(service.pipeline(&ctx, &name.parse()?).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct StartRun {
    params: BTreeMap<String, Value>,
    reason: Option<String>,
    force: bool,
}

async fn start_run(
    State(service): Service,
    Caller(ctx): Caller,
    Path(name): Path<String>,
    Json(body): Json<StartRun>,
) -> Answer<(StatusCode, Json<RunView>)> {
    let name: PipelineName = name.parse()?;
    let reason = body.reason.filter(|reason| !reason.trim().is_empty()).unwrap_or_else(|| NO_REASON.to_owned());
    let run = service.start(&ctx, &name, body.params, reason, body.force).await?;
    Ok((StatusCode::ACCEPTED, Json(run)))
}

#[derive(Deserialize)]
struct ListRuns {
    pipeline: Option<String>,
    state: Option<String>,
    // Numbers do not pass through a flattened struct of a query string, so the page is spelled out.
    limit: Option<usize>,
    page: Option<String>,
}

async fn list_runs(
    State(service): Service,
    Caller(ctx): Caller,
    Query(query): Query<ListRuns>,
) -> Answer<Json<Page<RunView>>> {
    let filter = RunFilter {
        pipeline: query.pipeline.map(|name| name.parse()).transpose()?,
        state: query.state.map(|state| state.parse::<RunState>()).transpose()?,
    };
    Ok(Json(service.runs(&ctx, filter, PageRequest { limit: query.limit, page: query.page }).await?))
}

async fn get_run(State(service): Service, Caller(ctx): Caller, Path(id): Path<String>) -> Answer<Json<RunView>> {
    Ok(Json(service.run(&ctx, id.parse()?).await?))
}

async fn cancel_run(State(service): Service, Caller(ctx): Caller, Path(id): Path<String>) -> Answer<Json<RunView>> {
    Ok(Json(service.cancel(&ctx, id.parse()?).await?))
}

#[derive(Deserialize)]
struct ReadLog {
    attempt: Option<i64>,
    #[serde(default)]
    offset: u64,
}

async fn read_log(
    State(service): Service,
    Caller(ctx): Caller,
    Path((id, step)): Path<(String, String)>,
    Query(query): Query<ReadLog>,
) -> Answer<Response> {
    let (id, step): (PipelineRunId, StepName) = (id.parse()?, step.parse()?);
    let (lines, next) = service.log(&ctx, id, &step, query.attempt, query.offset).await?;
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.line);
        text.push('\n');
    }
    let headers = [(header::CONTENT_TYPE.as_str(), "text/plain; charset=utf-8"), ("x-next-offset", &next.to_string())];
    Ok((headers, text).into_response())
}

async fn follow_log(State(service): Service, Caller(ctx): Caller, Path(id): Path<String>) -> Answer<Response> {
    let lines = service.follow(&ctx, id.parse()?).await?;
    let events = lines.map(|followed| {
        let event = match followed {
            Follow::Line(line) => Event::default().json_data(line),
            Follow::End => Ok(Event::default().event("end").data("{}")),
        };
        Ok::<Event, Infallible>(event.unwrap_or_else(|_| Event::default().comment("a line that does not serialise")))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}
