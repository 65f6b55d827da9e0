//! The native HTTP API of monitors, alerts and the timeline.

use std::sync::Arc;

use axum::extract::{Path, State};
use pitcrew_contracts::names::{AlertId, MonitorName};
use pitcrew_contracts::spec::Notify;
use pitcrew_kernel::{Access, Error, Page, PageRequest, Result, Timestamp};
use pitcrew_web::{Answer, Api, Caller, Json, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::alert::AlertRecord;
use crate::model::Window;
use crate::service::Monitoring;
use crate::store;

type Shared = State<Arc<Monitoring>>;

const EVER: (Timestamp, Timestamp) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
/// Most points and marks of a timeline.
const MAX_POINTS: usize = 2_000;
const MAX_MARKS: i64 = 500;

/// The routes.
pub fn routes(monitoring: Arc<Monitoring>) -> Api {
    Api::builder::<Arc<Monitoring>>()
        .get("/api/v1/monitors", Access::Read, list_monitors)
        .get("/api/v1/monitors/{name}/windows", Access::Read, list_windows)
        .get("/api/v1/alerts", Access::Read, list_alerts)
        .get("/api/v1/alerts/{id}", Access::Read, get_alert)
        .get("/api/v1/alert-rules", Access::Read, list_rules)
        .get("/api/v1/timeline", Access::Read, timeline)
        .with_state(monitoring)
}

async fn list_monitors(State(monitoring): Shared, caller: Caller) -> Answer<Json<Value>> {
    let mut items = Vec::new();
    for (name, spec) in monitoring.list_monitors(&caller.0).await? {
        let latest = monitoring.list_windows(&caller.0, &name, EVER, 1).await?.pop();
        let wanted = name.clone();
        let progress = monitoring.db.read(move |tx| store::progress(tx, &wanted)).await?;
        items.push(json!({
            "name": name, "deployment": spec.deployment, "every": spec.every, "window": spec.window, "label_delay": spec.label_delay,
            "min_samples": spec.min_samples, "objectives": spec.objectives, "watermark": progress.map(|progress| progress.watermark), "latest": latest,
        }));
    }
    Ok(Json(json!({ "items": items, "next": null })))
}

#[derive(Deserialize)]
struct WindowQuery {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<usize>,
}

async fn list_windows(
    State(monitoring): Shared,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<WindowQuery>,
) -> Answer<Json<Page<Window>>> {
    let limit = PageRequest { limit: query.limit, page: None }.limit()?;
    let span = (query.from.unwrap_or(EVER.0), query.to.unwrap_or(EVER.1));
    Ok(Json(Page::all(monitoring.list_windows(&caller.0, &name.parse()?, span, limit).await?)))
}

#[derive(Deserialize)]
struct AlertQuery {
    state: Option<String>,
    limit: Option<usize>,
    page: Option<String>,
}

async fn list_alerts(
    State(monitoring): Shared,
    caller: Caller,
    Query(query): Query<AlertQuery>,
) -> Answer<Json<Page<Value>>> {
    caller.0.require(Access::Read)?;
    let limit = PageRequest { limit: query.limit, page: None }.limit()?;
    let (state, before) = (query.state.unwrap_or_default(), query.page.unwrap_or_default());
    if !["", "pending", "firing", "resolved"].contains(&state.as_str()) {
        return Err(
            Error::invalid("QUERY_INVALID", format!("`{}` is not a state of an alert", state.escape_debug())).into()
        );
    }
    let items = monitoring
        .db
        .read(move |tx| {
            store::alerts(tx, &state, &before, limit + 1)?
                .into_iter()
                .map(|alert| alert_json(tx, &alert))
                .collect::<Result<Vec<_>>>()
        })
        .await?;
    Ok(Json(Page::from_overfull(items, limit, |alert| alert["id"].as_str().unwrap_or_default().to_owned())))
}

async fn get_alert(State(monitoring): Shared, caller: Caller, Path(id): Path<String>) -> Answer<Json<Value>> {
    caller.0.require(Access::Read)?;
    let id: AlertId = id.parse()?;
    let found = monitoring
        .db
        .read(move |tx| store::alert(tx, &id.to_string())?.map(|alert| alert_json(tx, &alert)).transpose())
        .await?;
    Ok(Json(found.ok_or_else(|| Error::not_found("ALERT_NOT_FOUND", format!("no alert has the id `{id}`")))?))
}

fn alert_json(tx: &mut pitcrew_db::Tx<'_>, alert: &AlertRecord) -> Result<Value> {
    let notifications = store::notifications(tx, &alert.id.to_string())?;
    let action = alert.action_run.as_ref().map(|run| json!({ "run": run, "pipeline_run": alert.pipeline_run }));
    Ok(json!({
        "id": alert.id, "rule": alert.rule, "monitor": alert.monitor, "metric": alert.metric, "state": alert.state, "value": alert.value,
        "threshold": alert.threshold, "event_time": alert.event_time, "pending_at": alert.pending_at, "fired_at": alert.fired_at,
        "resolved_at": alert.resolved_at, "summary": alert.summary, "action": action, "notifications": notifications,
    }))
}

async fn list_rules(State(monitoring): Shared, caller: Caller) -> Answer<Json<Value>> {
    caller.0.require(Access::Read)?;
    let rules = monitoring.db.read(store::rules).await?;
    let items: Vec<Value> = rules
        .into_iter()
        .map(|(name, spec)| {
            let shown = |Notify::Webhook(target): Notify| Notify::Webhook(pitcrew_outbound::shown(&target));
            let notify: Vec<Notify> = spec.notify.into_iter().map(shown).collect();
            json!({ "name": name, "monitor": spec.monitor, "metric": spec.metric, "for": spec.for_windows, "notify": notify, "action": spec.action })
        })
        .collect();
    Ok(Json(json!({ "items": items, "next": null })))
}

#[derive(Deserialize)]
struct TimelineQuery {
    monitor: Option<String>,
}

async fn timeline(
    State(monitoring): Shared,
    caller: Caller,
    Query(query): Query<TimelineQuery>,
) -> Answer<Json<Value>> {
    let monitors = monitoring.list_monitors(&caller.0).await?;
    let wanted: Option<MonitorName> = query.monitor.map(|name| name.parse()).transpose()?;
    let chosen = monitors.into_iter().find(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name));
    let Some((name, spec)) = chosen else {
        return match wanted {
            Some(name) => Err(Error::not_found("MONITOR_NOT_FOUND", format!("there is no monitor `{name}`")).into()),
            None => {
                Ok(Json(json!({ "monitor": null, "metric": null, "objective": null, "points": [], "annotations": [] })))
            }
        };
    };
    let objective = spec.objectives.first();
    let metric = objective.map_or("mae".to_owned(), |objective| objective.metric.clone());
    let windows = monitoring.list_windows(&caller.0, &name, EVER, MAX_POINTS).await?;
    let points: Vec<Value> = windows.iter().map(|window| point(window, &metric)).collect();
    let progress_of = name.clone();
    let annotations = monitoring
        .db
        .read(move |tx| {
            let first = store::progress(tx, &progress_of)?.map(|progress| progress.first_at);
            store::annotations(tx, first, MAX_MARKS)
        })
        .await?;
    Ok(Json(json!({
        "monitor": name, "metric": metric, "objective": objective.and_then(|objective| objective.max.or(objective.min)), "points": points,
        "annotations": annotations,
    })))
}

fn point(window: &Window, metric: &str) -> Value {
    let found = window.metrics.get(metric);
    json!({ "t": window.end, "value": found.map(|found| found.value), "n": window.labels, "state": window.state })
}
