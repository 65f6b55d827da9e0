//! Runs that come in from elsewhere by parts, and what a run is to be written elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use futures_util::StreamExt as _;
use pitcrew_contracts::tracking::ArtifactFile;
use pitcrew_kernel::{Access, Digest, Error};
use pitcrew_web::{Answer, Api, Caller, Json, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Value as Number;
use crate::limits::{ARTIFACT_BYTES, POINTS_PER_EXPORT};
use crate::model::{Entries, Lifecycle, LoggedModel, Metric};
use crate::service::{ImportState, Importing, ImportingModel, Tracking};

type Service = State<Arc<Tracking>>;

pub(super) fn routes(service: Arc<Tracking>) -> Api {
    Api::builder::<Arc<Tracking>>()
        .get("/api/v1/runs/{run_id}/export", Access::Read, export)
        .get("/api/v1/runs/{run_id}/points", Access::Read, points)
        .post("/api/v1/runs/import", Access::Write, begin)
        .get("/api/v1/runs/import/{run_id}", Access::Read, state)
        .post("/api/v1/runs/import/{run_id}/points", Access::Write, add_points)
        .put_sized(
            "/api/v1/runs/import/{run_id}/artifacts",
            Access::Write,
            usize::try_from(ARTIFACT_BYTES).unwrap_or(usize::MAX),
            add_file,
        )
        .post("/api/v1/runs/import/{run_id}/finish", Access::Write, finish)
        .post("/api/v1/logged-models/import", Access::Write, model)
        .with_state(service)
}

#[derive(Debug, Serialize)]
struct StateView {
    there: bool,
    points: BTreeMap<String, u64>,
    artifacts: Vec<ArtifactFile>,
}

impl From<ImportState> for StateView {
    fn from(state: ImportState) -> Self {
        Self { there: state.there, points: state.points, artifacts: state.files }
    }
}

#[derive(Debug, Serialize)]
struct ExportView {
    #[serde(flatten)]
    head: Importing,
    metrics: BTreeMap<String, u64>,
    artifacts: Vec<ArtifactFile>,
}

async fn export(State(service): Service, Caller(ctx): Caller, Path(run_id): Path<String>) -> Answer<Json<ExportView>> {
    let (head, state) = service.export(&ctx, &run_id).await?;
    Ok(Json(ExportView { head, metrics: state.points, artifacts: state.files }))
}

#[derive(Debug, Deserialize)]
struct PointsQuery {
    key: String,
    limit: Option<usize>,
    page: Option<String>,
}

#[derive(Debug, Serialize)]
struct PointView {
    value: Number,
    step: i64,
    at_ms: i64,
}

async fn points(
    State(service): Service,
    Caller(ctx): Caller,
    Path(run_id): Path<String>,
    Query(query): Query<PointsQuery>,
) -> Answer<Json<pitcrew_kernel::Page<PointView>>> {
    let limit = query.limit.unwrap_or(POINTS_PER_EXPORT);
    if !(1..=POINTS_PER_EXPORT).contains(&limit) {
        let detail = format!("`limit` must be between 1 and {POINTS_PER_EXPORT}");
        return Err(Error::invalid("PAGE_INVALID", detail).into());
    }
    let found = service.metric_history(&ctx, &run_id, &query.key, Some(limit), query.page.as_deref()).await?;
    let view = |point: Metric| PointView { value: point.value.into(), step: point.step, at_ms: point.at_ms };
    Ok(Json(pitcrew_kernel::Page { items: found.items.into_iter().map(view).collect(), next: found.next }))
}

async fn begin(
    State(service): Service,
    Caller(ctx): Caller,
    Query(trying): Query<super::life::Trying>,
    Json(head): Json<Importing>,
) -> Answer<Json<StateView>> {
    Ok(Json(service.begin_import(&ctx, head, trying.dry_run).await?.into()))
}

async fn state(State(service): Service, Caller(ctx): Caller, Path(run_id): Path<String>) -> Answer<Json<StateView>> {
    Ok(Json(service.import_state(&ctx, &run_id).await?.into()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PointsBody {
    points: Vec<PointBody>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PointBody {
    key: String,
    value: Given,
    step: i64,
    at_ms: i64,
}

/// A number, or the name of what JSON has no number for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Given {
    Number(f64),
    Name(Name),
}

#[derive(Debug, Deserialize)]
enum Name {
    #[serde(rename = "NaN")]
    NotANumber,
    Infinity,
    #[serde(rename = "-Infinity")]
    MinusInfinity,
}

impl From<PointBody> for Metric {
    fn from(body: PointBody) -> Self {
        let value = match body.value {
            Given::Number(number) => number,
            Given::Name(Name::NotANumber) => f64::NAN,
            Given::Name(Name::Infinity) => f64::INFINITY,
            Given::Name(Name::MinusInfinity) => f64::NEG_INFINITY,
        };
        Self::new(body.key, value, body.at_ms, body.step)
    }
}

async fn add_points(
    State(service): Service,
    Caller(ctx): Caller,
    Path(run_id): Path<String>,
    Json(body): Json<PointsBody>,
) -> Answer<Json<Value>> {
    let count = body.points.len();
    service.import_points(&ctx, &run_id, body.points.into_iter().map(Metric::from).collect()).await?;
    Ok(Json(json!({ "points": count })))
}

#[derive(Debug, Deserialize)]
struct FileQuery {
    path: String,
    digest: Digest,
}

async fn add_file(
    State(service): Service,
    Caller(ctx): Caller,
    Path(run_id): Path<String>,
    Query(query): Query<FileQuery>,
    body: Body,
) -> Answer<Json<Value>> {
    let mut file = service.import_file(&ctx, &run_id, query.path.parse()?, query.digest).await?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece
            .map_err(|source| Error::invalid("BODY_INCOMPLETE", "the body did not arrive whole").with_source(source))?;
        file.write(piece).await?;
    }
    service.finish_import_file(&ctx, &run_id, file).await?;
    Ok(Json(json!({ "path": query.path, "digest": query.digest })))
}

/// What the run is, and how many points and files it must have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FinishBody {
    run: Importing,
    #[serde(default)]
    points: BTreeMap<String, u64>,
    #[serde(default)]
    artifacts: u64,
}

async fn finish(
    State(service): Service,
    Caller(ctx): Caller,
    Path(run_id): Path<String>,
    Json(body): Json<FinishBody>,
) -> Answer<Json<Value>> {
    if body.run.run_id != run_id {
        let detail = format!("the body is about the run `{}`", body.run.run_id.escape_debug());
        return Err(crate::errors::invalid(detail).into());
    }
    let changed = service.finish_import(&ctx, body.run, body.points, body.artifacts).await?;
    Ok(Json(json!({ "run_id": run_id, "changed": changed })))
}

/// A logged model as another tracker has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelBody {
    model_id: String,
    experiment: String,
    name: String,
    status: String,
    created_ms: i64,
    updated_ms: i64,
    #[serde(default)]
    model_type: String,
    #[serde(default)]
    source_run_id: String,
    #[serde(default)]
    params: Entries,
    #[serde(default)]
    tags: Entries,
    #[serde(default)]
    metrics: Vec<ModelPoint>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelPoint {
    key: String,
    value: Given,
    step: i64,
    at_ms: i64,
    #[serde(default)]
    run_id: String,
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

impl ModelPoint {
    fn about(self, model_id: &str) -> Metric {
        let Self { key, value, step, at_ms, run_id, dataset_name, dataset_digest } = self;
        let (model_id, run_id) = (Some(model_id.to_owned()), Some(run_id));
        let point = Metric::from(PointBody { key, value, step, at_ms });
        Metric { model_id, run_id, dataset_name, dataset_digest, ..point }
    }
}

#[derive(Debug, Serialize)]
struct ModelView {
    model_id: String,
    there: bool,
    /// Below the root of all artifacts.
    root: String,
    artifacts: Vec<ArtifactFile>,
}

async fn model(State(service): Service, Caller(ctx): Caller, Json(body): Json<ModelBody>) -> Answer<Json<ModelView>> {
    let model_id = body.model_id;
    let metrics = body.metrics.into_iter().map(|point| point.about(&model_id)).collect();
    let model = LoggedModel {
        model_id: model_id.clone(),
        experiment_id: 0,
        name: body.name,
        model_type: body.model_type,
        status: body.status.parse()?,
        source_run_id: body.source_run_id,
        artifact_uri: String::new(),
        lifecycle: Lifecycle::Active,
        created_ms: body.created_ms,
        updated_ms: body.updated_ms,
        params: body.params,
        tags: body.tags,
        metrics,
    };
    let came = service.import_model(&ctx, ImportingModel { model, experiment: body.experiment }).await?;
    Ok(Json(ModelView { model_id, there: came.there, root: came.artifacts.to_string(), artifacts: came.files }))
}
