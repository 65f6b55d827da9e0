//! The native HTTP API of runs.

mod download;
mod fields;
mod import;
mod life;
mod runs;
mod views;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use pitcrew_kernel::{Access, Error, Page, PageRequest, Timestamp};
use pitcrew_web::{Answer, Api, Caller, Json, Query};
use serde::{Deserialize, Serialize};

pub use self::download::{download, download_bytes};
pub use self::life::life_routes;
use crate::alerts::Fired;
use crate::artifact_path::ArtifactPath;
use crate::limits::{POINTS_PER_SAMPLE, VIEW_BYTES};
use crate::model::{Experiment, Metric};
use crate::service::{ExperimentSearch, Tracking};

const DEFAULT_MAX_POINTS: usize = 1_000;

type Service = State<Arc<Tracking>>;

/// The routes of this slice.
pub fn routes(service: Arc<Tracking>) -> Api {
    Api::builder::<Arc<Tracking>>()
        .get("/api/v1/experiments", Access::Read, experiments)
        .get("/api/v1/experiments/{id}/columns", Access::Read, runs::columns)
        .get("/api/v1/experiments/{id}/views", Access::Read, views::list)
        .put_sized("/api/v1/experiments/{id}/views/{name}", Access::Write, VIEW_BYTES, views::save)
        .delete("/api/v1/experiments/{id}/views/{name}", Access::Write, views::remove)
        .get("/api/v1/runs", Access::Read, runs::search)
        .get("/api/v1/runs/count", Access::Read, runs::count)
        .get("/api/v1/run-alerts", Access::Read, run_alerts)
        .get("/api/v1/runs/{run_id}", Access::Read, runs::one)
        .get("/api/v1/runs/{run_id}/metrics/{*key}", Access::Read, metric)
        .get("/api/v1/runs/{run_id}/artifacts", Access::Read, artifacts)
        .get("/api/v1/runs/{run_id}/artifacts/content", Access::Read, artifact_content)
        .with_state(service)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertsQuery {
    run_id: Option<String>,
    limit: Option<usize>,
    page: Option<String>,
}

async fn run_alerts(
    State(tracking): Service,
    caller: Caller,
    Query(query): Query<AlertsQuery>,
) -> Answer<Json<Page<Fired>>> {
    let page = PageRequest { limit: query.limit, page: query.page };
    Ok(Json(tracking.run_alerts(&caller.0, query.run_id, &page).await?))
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
