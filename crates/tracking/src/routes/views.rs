//! Saved views: how somebody wants to see the table of an experiment's runs.

use axum::extract::{Path, State};
use pitcrew_kernel::{Page, Timestamp};
use pitcrew_web::{Answer, Caller, Json};
use serde::Serialize;
use serde_json::Value;

use super::Service;
use crate::model::SavedView;
use crate::service::experiment_id;

#[derive(Debug, Serialize)]
pub(super) struct SavedViewView {
    name: String,
    document: Value,
    updated_at: Timestamp,
}

impl From<SavedView> for SavedViewView {
    fn from(view: SavedView) -> Self {
        Self { name: view.name, document: view.document, updated_at: Timestamp::from_millis(view.updated_ms) }
    }
}

pub(super) async fn list(
    State(service): Service,
    Caller(ctx): Caller,
    Path(id): Path<String>,
) -> Answer<Json<Page<SavedViewView>>> {
    let views = service.views(&ctx, experiment_id(&id)?).await?;
    Ok(Json(Page::all(views.into_iter().map(Into::into).collect())))
}

pub(super) async fn save(
    State(service): Service,
    Caller(ctx): Caller,
    Path((id, name)): Path<(String, String)>,
    Json(document): Json<Value>,
) -> Answer<Json<SavedViewView>> {
    Ok(Json(service.save_view(&ctx, experiment_id(&id)?, &name, document).await?.into()))
}

#[derive(Debug, Serialize)]
pub(super) struct RemovedView {
    name: String,
    document: Option<Value>,
}

pub(super) async fn remove(
    State(service): Service,
    Caller(ctx): Caller,
    Path((id, name)): Path<(String, String)>,
) -> Answer<Json<RemovedView>> {
    service.remove_view(&ctx, experiment_id(&id)?, &name).await?;
    Ok(Json(RemovedView { name, document: None }))
}
