//! The native HTTP API of runs.

mod download;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use pitcrew_kernel::{Access, Error, Page, PageRequest, Timestamp};
use pitcrew_web::{Answer, Api, Caller, Json, Query};
use serde::{Deserialize, Serialize};

pub use self::download::{download, download_bytes};
use crate::artifact_path::ArtifactPath;
use crate::limits::POINTS_PER_SAMPLE;
use crate::model::{Experiment, Metric, PARENT_RUN_TAG, PIPELINE_RUN_TAG, Run, STEP_TAG};
use crate::service::{ExperimentSearch, RunSearch, Tracking};

const DEFAULT_MAX_POINTS: usize = 1_000;

type Service = State<Arc<Tracking>>;

/// The routes of this slice.
pub fn routes(service: Arc<Tracking>) -> Api {
    Api::builder::<Arc<Tracking>>()
        .get("/api/v1/experiments", Access::Read, experiments)
        .get("/api/v1/runs", Access::Read, runs)
        .get("/api/v1/runs/{run_id}", Access::Read, run)
        .get("/api/v1/runs/{run_id}/metrics/{*key}", Access::Read, metric)
        .get("/api/v1/runs/{run_id}/artifacts", Access::Read, artifacts)
        .get("/api/v1/runs/{run_id}/artifacts/content", Access::Read, artifact_content)
        .with_state(service)
}

#[derive(Debug, Serialize)]
struct ExperimentView {
    experiment_id: String,
    name: String,
    artifact_uri: String,
    lifecycle: &'static str,
    created_at: Timestamp,
    updated_at: Timestamp,
    tags: BTreeMap<String, String>,
}

impl From<Experiment> for ExperimentView {
    fn from(experiment: Experiment) -> Self {
        Self {
            experiment_id: experiment.id.to_string(),
            name: experiment.name,
            artifact_uri: experiment.artifact_uri,
            lifecycle: experiment.lifecycle.as_str(),
            created_at: Timestamp::from_millis(experiment.created_ms),
            updated_at: Timestamp::from_millis(experiment.updated_ms),
            tags: experiment.tags,
        }
    }
}

#[derive(Debug, Serialize)]
struct RunView {
    run_id: String,
    experiment_id: String,
    experiment: String,
    name: String,
    status: &'static str,
    lifecycle: &'static str,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    user: String,
    artifact_uri: String,
    params: BTreeMap<String, String>,
    metrics: BTreeMap<String, PointView>,
    tags: BTreeMap<String, String>,
    parent_run_id: Option<String>,
    pipeline_run: Option<PipelineRunView>,
}

#[derive(Debug, Serialize)]
struct PipelineRunView {
    id: String,
    step: Option<String>,
}

#[derive(Debug, Serialize)]
struct PointView {
    step: i64,
    at: Timestamp,
    value: Value,
}

/// A metric's value: a number, or the name of what JSON has no number for.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Value {
    Number(f64),
    Name(&'static str),
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        match value {
            value if value.is_nan() => Self::Name("NaN"),
            f64::INFINITY => Self::Name("Infinity"),
            f64::NEG_INFINITY => Self::Name("-Infinity"),
            value => Self::Number(value),
        }
    }
}

impl From<&Metric> for PointView {
    fn from(metric: &Metric) -> Self {
        Self { step: metric.step, at: Timestamp::from_millis(metric.at_ms), value: metric.value.into() }
    }
}

impl RunView {
    fn new(run: Run, experiment: String) -> Self {
        let tag = |name: &str| run.tags.get(name).cloned();
        Self {
            experiment_id: run.info.experiment_id.to_string(),
            experiment,
            status: run.info.status.as_str(),
            lifecycle: run.info.lifecycle.as_str(),
            started_at: Timestamp::from_millis(run.info.start_ms),
            ended_at: run.info.end_ms.map(Timestamp::from_millis),
            parent_run_id: tag(PARENT_RUN_TAG),
            pipeline_run: tag(PIPELINE_RUN_TAG).map(|id| PipelineRunView { id, step: tag(STEP_TAG) }),
            metrics: run.metrics.iter().map(|metric| (metric.key.clone(), metric.into())).collect(),
            run_id: run.info.run_id,
            name: run.info.name,
            user: run.info.user_id,
            artifact_uri: run.info.artifact_uri,
            params: run.params,
            tags: run.tags,
        }
    }
}

async fn experiments(
    State(service): Service,
    Caller(ctx): Caller,
    Query(page): Query<PageRequest>,
) -> Answer<Json<Page<ExperimentView>>> {
    let search = ExperimentSearch { limit: page.limit()?, page: page.page, ..ExperimentSearch::default() };
    let found = service.search_experiments(&ctx, search).await?;
    Ok(Json(Page { items: found.items.into_iter().map(Into::into).collect(), next: found.next }))
}

#[derive(Debug, Deserialize)]
struct RunsQuery {
    experiment: Option<String>,
    #[serde(default)]
    filter: String,
    /// Terms separated by commas.
    order_by: Option<String>,
    limit: Option<usize>,
    page: Option<String>,
}

async fn runs(
    State(service): Service,
    Caller(ctx): Caller,
    Query(query): Query<RunsQuery>,
) -> Answer<Json<Page<RunView>>> {
    let experiments = match &query.experiment {
        Some(name) => Some(vec![service.experiment_by_name(&ctx, name).await?.id]),
        None => None,
    };
    let terms = query.order_by.unwrap_or_default();
    let order_by = terms.split(',').map(str::trim).filter(|term| !term.is_empty()).map(ToOwned::to_owned).collect();
    let limit = PageRequest { limit: query.limit, page: None }.limit()?;
    let search =
        RunSearch { experiments, filter: query.filter, order_by, limit, page: query.page, ..RunSearch::default() };
    let found = service.search_runs(&ctx, search).await?;
    let names = service.experiment_names(&ctx, found.items.iter().map(|run| run.info.experiment_id).collect()).await?;
    let view = |run: Run| {
        let name = names.get(&run.info.experiment_id).cloned().unwrap_or_default();
        RunView::new(run, name)
    };
    Ok(Json(Page { items: found.items.into_iter().map(view).collect(), next: found.next }))
}

async fn run(State(service): Service, Caller(ctx): Caller, Path(run_id): Path<String>) -> Answer<Json<RunView>> {
    let run = service.run(&ctx, &run_id).await?;
    let experiment = service.experiment(&ctx, run.info.experiment_id).await?;
    Ok(Json(RunView::new(run, experiment.name)))
}

#[derive(Debug, Deserialize)]
struct PointsQuery {
    max_points: Option<usize>,
}

#[derive(Debug, Serialize)]
struct SeriesView {
    key: String,
    points: Vec<PointView>,
}

async fn metric(
    State(service): Service,
    Caller(ctx): Caller,
    Path((run_id, key)): Path<(String, String)>,
    Query(query): Query<PointsQuery>,
) -> Answer<Json<SeriesView>> {
    let most = query.max_points.unwrap_or(DEFAULT_MAX_POINTS);
    if !(1..=POINTS_PER_SAMPLE).contains(&most) {
        return Err(Error::invalid(
            "TRACKING_VALUE_INVALID",
            format!("`max_points` must be between 1 and {POINTS_PER_SAMPLE}"),
        )
        .into());
    }
    let points = service.metric_sample(&ctx, &run_id, &key, None, most).await?;
    Ok(Json(SeriesView { key, points: points.iter().map(Into::into).collect() }))
}

#[derive(Debug, Deserialize)]
struct ArtifactQuery {
    #[serde(default)]
    path: String,
}

#[derive(Debug, Serialize)]
struct ArtifactView {
    path: String,
    is_dir: bool,
    bytes: u64,
}

async fn artifacts(
    State(service): Service,
    Caller(ctx): Caller,
    Path(run_id): Path<String>,
    Query(query): Query<ArtifactQuery>,
) -> Answer<Json<Page<ArtifactView>>> {
    let below: ArtifactPath = query.path.parse()?;
    let entries = match root(&service, &ctx, &run_id).await? {
        Some(root) => service.list_artifacts(&ctx, root.join(&below)?).await?,
        None => Vec::new(),
    };
    let view = |name: String| if below.is_root() { name } else { format!("{below}/{name}") };
    let items = entries
        .into_iter()
        .map(|entry| ArtifactView { path: view(entry.name), is_dir: entry.is_dir, bytes: entry.bytes })
        .collect();
    Ok(Json(Page::all(items)))
}

async fn artifact_content(
    State(service): Service,
    Caller(ctx): Caller,
    Path(run_id): Path<String>,
    Query(query): Query<ArtifactQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let below: ArtifactPath = query.path.parse()?;
    let root = root(&service, &ctx, &run_id).await?.ok_or_else(|| crate::errors::artifact_not_found(&query.path))?;
    Ok(download(&service, &ctx, root.join(&below)?, &headers).await?)
}

/// Where a run's artifacts hang; `None` when another store keeps them.
async fn root(
    service: &Tracking,
    ctx: &pitcrew_kernel::Ctx,
    run_id: &str,
) -> Result<Option<ArtifactPath>, pitcrew_kernel::Error> {
    ArtifactPath::of_uri(&service.run(ctx, run_id).await?.info.artifact_uri)
}
