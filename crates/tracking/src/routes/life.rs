//! What becomes of runs and experiments after they were logged.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use pitcrew_kernel::{Access, Timestamp};
use pitcrew_web::{Answer, Api, Caller, Json, Query};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::runs::RunView;
use super::{ExperimentView, import};
use crate::model::{Lifecycle, RunInfo};
use crate::service::{Going, Patch, Retention, Rule, Tracking, experiment_id};

type Service = State<Arc<Tracking>>;
type Rules = State<Arc<Retention>>;

/// The routes that change runs and experiments, bring them in and keep them for a time.
pub fn life_routes(retention: Arc<Retention>) -> Api {
    let service = Arc::clone(retention.tracking());
    let runs = Api::builder::<Arc<Tracking>>()
        .patch("/api/v1/runs/{run_id}", Access::Write, patch_run)
        .delete("/api/v1/runs/{run_id}", Access::Write, delete_run)
        .post("/api/v1/runs/{run_id}/restore", Access::Write, restore_run)
        .post("/api/v1/runs/delete", Access::Write, delete_runs)
        .post("/api/v1/runs/restore", Access::Write, restore_runs)
        .post("/api/v1/runs/move", Access::Write, move_runs)
        .post("/api/v1/runs/copy", Access::Write, copy_runs)
        .patch("/api/v1/experiments/{id}", Access::Write, patch_experiment)
        .delete("/api/v1/experiments/{id}", Access::Write, delete_experiment)
        .post("/api/v1/experiments/{id}/restore", Access::Write, restore_experiment)
        .with_state(Arc::clone(&service));
    let rules = Api::builder::<Arc<Retention>>()
        .get("/api/v1/experiments/{id}/retention", Access::Read, rule)
        .put("/api/v1/experiments/{id}/retention", Access::Write, set_rule)
        .delete("/api/v1/experiments/{id}/retention", Access::Write, remove_rule)
        .with_state(retention);
    runs.merge(rules).merge(import::routes(service))
}

/// A change: absent stays, `null` removes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchBody {
    name: Option<String>,
    #[serde(default, deserialize_with = "said")]
    notes: Option<Option<String>>,
    #[serde(default)]
    tags: BTreeMap<String, Option<String>>,
}

/// Tells `null` from what is not there.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl From<PatchBody> for Patch {
    fn from(body: PatchBody) -> Self {
        Self { name: body.name, notes: body.notes, tags: body.tags.into_iter().collect() }
    }
}

async fn patch_run(
    State(service): Service,
    Caller(ctx): Caller,
    Path(run_id): Path<String>,
    Json(body): Json<PatchBody>,
) -> Answer<Json<RunView>> {
    let run = service.patch_run(&ctx, &run_id, body.into()).await?;
    let experiment = service.experiment(&ctx, run.info.experiment_id).await?;
    Ok(Json(RunView::new(run, experiment.name)))
}

async fn patch_experiment(
    State(service): Service,
    Caller(ctx): Caller,
    Path(id): Path<String>,
    Json(body): Json<PatchBody>,
) -> Answer<Json<ExperimentView>> {
    Ok(Json(service.patch_experiment(&ctx, experiment_id(&id)?, body.into()).await?.into()))
}

#[derive(Debug, Deserialize)]
struct Deleting {
    #[serde(default)]
    permanently: bool,
}

async fn delete_run(
    State(service): Service,
    Caller(ctx): Caller,
    Path(run_id): Path<String>,
    Query(how): Query<Deleting>,
) -> Answer<Json<Value>> {
    if how.permanently {
        service.purge_run(&ctx, &run_id).await?;
    } else {
        service.delete_run(&ctx, &run_id).await?;
    }
    Ok(Json(json!({ "run_id": run_id, "deleted": true, "permanently": how.permanently })))
}

async fn restore_run(State(service): Service, Caller(ctx): Caller, Path(run_id): Path<String>) -> Answer<Json<Value>> {
    service.restore_run(&ctx, &run_id).await?;
    Ok(Json(json!({ "run_id": run_id, "deleted": false })))
}

async fn delete_experiment(
    State(service): Service,
    Caller(ctx): Caller,
    Path(id): Path<String>,
    Query(how): Query<Deleting>,
) -> Answer<Json<Value>> {
    let number = experiment_id(&id)?;
    if how.permanently {
        service.purge_experiment(&ctx, number).await?;
    } else if service.experiment(&ctx, number).await?.lifecycle == Lifecycle::Active {
        service.delete_experiment(&ctx, number).await?;
    }
    Ok(Json(json!({ "experiment_id": id, "deleted": true, "permanently": how.permanently })))
}

async fn restore_experiment(
    State(service): Service,
    Caller(ctx): Caller,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    let number = experiment_id(&id)?;
    if service.experiment(&ctx, number).await?.lifecycle == Lifecycle::Deleted {
        service.restore_experiment(&ctx, number).await?;
    }
    Ok(Json(json!({ "experiment_id": id, "deleted": false })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TheseRuns {
    run_ids: Vec<String>,
}

async fn delete_runs(
    State(service): Service,
    Caller(ctx): Caller,
    Json(these): Json<TheseRuns>,
) -> Answer<Json<Value>> {
    Ok(Json(json!({ "deleted": service.delete_runs(&ctx, these.run_ids).await? })))
}

async fn restore_runs(
    State(service): Service,
    Caller(ctx): Caller,
    Json(these): Json<TheseRuns>,
) -> Answer<Json<Value>> {
    Ok(Json(json!({ "restored": service.restore_runs(&ctx, these.run_ids).await? })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunsTo {
    run_ids: Vec<String>,
    experiment_id: String,
}

async fn move_runs(State(service): Service, Caller(ctx): Caller, Json(body): Json<RunsTo>) -> Answer<Json<Value>> {
    let to = experiment_id(&body.experiment_id)?;
    Ok(Json(json!({ "moved": service.move_runs(&ctx, body.run_ids, to).await? })))
}

async fn copy_runs(State(service): Service, Caller(ctx): Caller, Json(body): Json<RunsTo>) -> Answer<Json<Value>> {
    let to = experiment_id(&body.experiment_id)?;
    let copied = service.copy_runs(&ctx, body.run_ids, to).await?;
    let copied: Vec<Value> = copied.into_iter().map(|one| json!({ "from": one.from, "run_id": one.run_id })).collect();
    Ok(Json(json!({ "copied": copied })))
}

#[derive(Debug, Deserialize)]
pub(super) struct Trying {
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Serialize)]
struct RuleView {
    experiment_id: String,
    #[serde(flatten)]
    rule: Rule,
    /// What it would do now, where that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    would: Option<GoingView>,
}

#[derive(Debug, Serialize)]
struct GoingView {
    delete: ThoseView,
    purge: ThoseView,
}

#[derive(Debug, Serialize)]
struct ThoseView {
    count: usize,
    /// The first of them.
    runs: Vec<OldView>,
}

#[derive(Debug, Serialize)]
struct OldView {
    run_id: String,
    name: String,
    ended_at: Option<Timestamp>,
}

impl From<Going> for GoingView {
    fn from(going: Going) -> Self {
        let those = |count: usize, runs: Vec<RunInfo>| ThoseView {
            count,
            runs: runs
                .into_iter()
                .map(|run| OldView {
                    run_id: run.run_id,
                    name: run.name,
                    ended_at: run.end_ms.map(Timestamp::from_millis),
                })
                .collect(),
        };
        Self { delete: those(going.deletes, going.delete), purge: those(going.purges, going.purge) }
    }
}

async fn rule(
    State(rules): Rules,
    Caller(ctx): Caller,
    Path(id): Path<String>,
    Query(trying): Query<Trying>,
) -> Answer<Json<RuleView>> {
    let rule = rules.rule(&ctx, experiment_id(&id)?).await?;
    view(&rules, &ctx, id, rule, trying.dry_run).await
}

async fn set_rule(
    State(rules): Rules,
    Caller(ctx): Caller,
    Path(id): Path<String>,
    Query(trying): Query<Trying>,
    Json(rule): Json<Rule>,
) -> Answer<Json<RuleView>> {
    let rule = if trying.dry_run { rule } else { rules.set(&ctx, experiment_id(&id)?, rule).await? };
    view(&rules, &ctx, id, rule, trying.dry_run).await
}

async fn view(
    rules: &Retention,
    ctx: &pitcrew_kernel::Ctx,
    id: String,
    rule: Rule,
    dry_run: bool,
) -> Answer<Json<RuleView>> {
    let would = if dry_run { Some(rules.going(ctx, experiment_id(&id)?, &rule).await?.into()) } else { None };
    Ok(Json(RuleView { experiment_id: id, rule, would }))
}

async fn remove_rule(State(rules): Rules, Caller(ctx): Caller, Path(id): Path<String>) -> Answer<Json<Value>> {
    rules.remove(&ctx, experiment_id(&id)?).await?;
    Ok(Json(json!({ "experiment_id": id, "removed": true })))
}
