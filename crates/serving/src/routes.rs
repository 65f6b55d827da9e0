//! The native HTTP API of deployments, labels and releases.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use pitcrew_contracts::names::ReleaseId;
use pitcrew_kernel::{Access, Page, PageRequest, Timestamp};
use pitcrew_stats::latency::LatencySummary;
use pitcrew_web::{Answer, Api, Caller, Json, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::arm::{Arm, Figures};
use crate::labels::{LabelCounts, NewLabel};
use crate::model::{ArmKind, Deployment, Evidence, Release};
use crate::service::{Serving, Shown};
use crate::traffic::{MAX_POINTS, Point};

type Shared = State<Arc<Serving>>;

/// Bodies of label calls: 10,000 labels with room.
const LABEL_BYTES: usize = 8 << 20;
const DEFAULT_POINTS: usize = 120;

/// The routes.
pub fn routes(serving: Arc<Serving>) -> Api {
    Api::builder::<Arc<Serving>>()
        .get("/api/v1/deployments", Access::Read, list_deployments)
        .get("/api/v1/deployments/{name}", Access::Read, get_deployment)
        .get("/api/v1/deployments/{name}/traffic", Access::Read, traffic)
        .get("/api/v1/deployments/{name}/predictions", Access::Read, list_predictions)
        .post_sized("/api/v1/deployments/{name}/labels", Access::Write, LABEL_BYTES, add_labels)
        .get("/api/v1/releases", Access::Read, list_releases)
        .get("/api/v1/releases/{id}", Access::Read, get_release)
        .post("/api/v1/releases/{id}/promote", Access::Write, promote_release)
        .post("/api/v1/releases/{id}/abort", Access::Write, abort_release)
        .with_state(serving)
}

#[derive(Serialize)]
struct ArmJson {
    arm: ArmKind,
    version: i64,
    share: f64,
    #[serde(flatten)]
    figures: Figures,
    latency: Option<LatencySummary>,
}

impl ArmJson {
    fn new(arm: &Arm, share: f64) -> Self {
        let (figures, latency) = (arm.figures(), arm.latency().summary());
        Self { arm: arm.kind, version: arm.version, share, figures, latency }
    }
}

#[derive(Serialize)]
struct DeploymentJson {
    name: String,
    model: String,
    alias: String,
    state: &'static str,
    arms: Vec<ArmJson>,
    release: Option<String>,
    watermark: Option<Timestamp>,
    endpoints: BTreeMap<&'static str, String>,
    policy: Value,
}

fn deployment_json(serving: &Serving, deployment: &Deployment, release: Option<ReleaseId>) -> DeploymentJson {
    let name = deployment.name.as_str();
    let route = serving.route(name).ok();
    let mut arms = Vec::new();
    if let Some(route) = &route {
        let share = route.trial.as_ref().map_or(0.0, |trial| trial.share);
        arms.extend(route.champion.as_ref().map(|arm| ArmJson::new(arm, 1.0 - share)));
        arms.extend(route.trial.as_ref().map(|trial| ArmJson::new(&trial.arm, share)));
    }
    let state = match (arms.is_empty(), release) {
        (true, _) if deployment.champion.is_some() || serving.is_loading(&deployment.name) => "loading",
        (true, _) => "empty",
        (false, Some(_)) => "releasing",
        (false, None) => "serving",
    };
    DeploymentJson {
        name: name.to_owned(),
        model: deployment.model.to_string(),
        alias: deployment.alias.to_string(),
        state,
        arms,
        release: release.map(|id| id.to_string()),
        watermark: serving.log.watermark(name),
        endpoints: BTreeMap::from([
            ("oip", format!("/v2/models/{name}/infer")),
            ("mlflow", format!("/deployments/{name}/invocations")),
        ]),
        policy: json!(deployment.policy),
    }
}

async fn list_deployments(State(serving): Shared, caller: Caller) -> Answer<Json<Page<DeploymentJson>>> {
    let found = serving.list_deployments(&caller.0).await?;
    let items = found.iter().map(|(deployment, release)| deployment_json(&serving, deployment, *release));
    Ok(Json(Page::all(items.collect())))
}

async fn get_deployment(
    State(serving): Shared,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<Json<DeploymentJson>> {
    let (deployment, release) = serving.get_deployment(&caller.0, &name.parse()?).await?;
    Ok(Json(deployment_json(&serving, &deployment, release)))
}

#[derive(Deserialize)]
struct Points {
    points: Option<usize>,
}

async fn traffic(
    State(serving): Shared,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<Points>,
) -> Answer<Json<Page<Point>>> {
    let (deployment, _) = serving.get_deployment(&caller.0, &name.parse()?).await?;
    let limit = query.points.unwrap_or(DEFAULT_POINTS).min(MAX_POINTS);
    Ok(Json(Page::all(serving.traffic.points(deployment.name.as_str(), limit))))
}

fn prediction_json(shown: &Shown) -> Value {
    let row = &shown.row;
    let finite = |value: f64| value.is_finite().then_some(value);
    let features: serde_json::Map<String, Value> = row
        .columns
        .features
        .iter()
        .zip(row.features.iter())
        .map(|((name, _), value)| (name.clone(), json!(finite(*value))))
        .collect();
    json!({
        "request_id": &*row.request_id, "event_time": Timestamp::from_micros(row.event_time), "at": Timestamp::from_micros(row.at),
        "arm": row.arm, "version": row.version, "latency_us": row.latency_us, "status": row.status.name(),
        "features": features, "prediction": finite(row.prediction), "label": shown.label,
    })
}

async fn list_predictions(
    State(serving): Shared,
    caller: Caller,
    Path(name): Path<String>,
    Query(page): Query<PageRequest>,
) -> Answer<Json<Page<Value>>> {
    let found = serving.list_predictions(&caller.0, &name.parse()?, &page).await?;
    Ok(Json(Page::all(found.iter().map(prediction_json).collect())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labels {
    labels: Vec<NewLabel>,
}

async fn add_labels(
    State(serving): Shared,
    caller: Caller,
    Path(name): Path<String>,
    Json(body): Json<Labels>,
) -> Answer<Json<LabelCounts>> {
    Ok(Json(serving.add_labels(&caller.0, &name.parse()?, body.labels).await?))
}

fn release_json(release: &Release, evidence: &[Evidence]) -> Value {
    json!({
        "id": release.id, "deployment": release.deployment, "model": release.model, "champion": release.champion, "candidate": release.candidate,
        "alias": release.alias, "candidate_alias": release.candidate_alias, "state": release.state, "step": release.step, "steps": release.steps,
        "started_at": release.started_at, "ended_at": release.ended_at, "event_time": release.event_time, "reason": release.reason,
        "cause": release.cause, "judge": release.policy.judge, "guardrails": release.policy.guardrails, "evidence": evidence,
    })
}

#[derive(Deserialize)]
struct ReleaseQuery {
    deployment: Option<String>,
    limit: Option<usize>,
    page: Option<String>,
}

async fn list_releases(
    State(serving): Shared,
    caller: Caller,
    Query(query): Query<ReleaseQuery>,
) -> Answer<Json<Page<Value>>> {
    let deployment = query.deployment.map(|name| name.parse()).transpose()?;
    let page = PageRequest { limit: query.limit, page: query.page };
    let found = serving.list_releases(&caller.0, deployment.as_ref(), &page).await?;
    let items = found.items.iter().map(|(release, evidence)| release_json(release, evidence)).collect();
    Ok(Json(Page { items, next: found.next }))
}

async fn get_release(State(serving): Shared, caller: Caller, Path(id): Path<String>) -> Answer<Json<Value>> {
    let (release, evidence) = serving.get_release(&caller.0, id.parse()?).await?;
    Ok(Json(release_json(&release, &evidence)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    #[serde(default)]
    reason: String,
}

async fn promote_release(
    State(serving): Shared,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<Reason>,
) -> Answer<Json<Value>> {
    let release = serving.promote_release(&caller.0, id.parse()?, &body.reason).await?;
    let (_, evidence) = serving.get_release(&caller.0, release.id).await?;
    Ok(Json(release_json(&release, &evidence)))
}

async fn abort_release(
    State(serving): Shared,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<Reason>,
) -> Answer<Json<Value>> {
    let release = serving.abort_release(&caller.0, id.parse()?, &body.reason).await?;
    let (_, evidence) = serving.get_release(&caller.0, release.id).await?;
    Ok(Json(release_json(&release, &evidence)))
}
