//! Data sets over HTTP.

use std::sync::Arc;

use axum::extract::{Path, State};
use pitcrew_contracts::names::{DatasetName, DatasetRef};
use pitcrew_kernel::{Access, Page, PageRequest, Result};
use pitcrew_web::{Answer, Api, Caller, Json, Query};
use serde::Deserialize;

use crate::model::{CheckReport, Dataset, DatasetVersion, Refreshed};
use crate::service::Data;

type Service = State<Arc<Data>>;

/// The routes of this slice.
pub fn routes(service: Arc<Data>) -> Api {
    Api::builder::<Arc<Data>>()
        .get("/api/v1/datasets", Access::Read, list)
        .get("/api/v1/datasets/{name}", Access::Read, get)
        .get("/api/v1/datasets/{name}/versions", Access::Read, versions)
        .post("/api/v1/datasets/{name}/versions", Access::Write, refresh)
        .get("/api/v1/datasets/{name}/versions/{version}", Access::Read, version)
        .get("/api/v1/datasets/{name}/check-reports", Access::Read, check_reports)
        .with_state(service)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RefreshBody {
    dry_run: bool,
}

async fn list(
    State(data): Service,
    Caller(ctx): Caller,
    Query(page): Query<PageRequest>,
) -> Answer<Json<Page<Dataset>>> {
    Ok(Json(data.list(&ctx, &page).await?))
}

async fn get(State(data): Service, Caller(ctx): Caller, Path(name): Path<String>) -> Answer<Json<Dataset>> {
    Ok(Json(data.get(&ctx, &parse(&name)?).await?))
}

async fn versions(
    State(data): Service,
    Caller(ctx): Caller,
    Path(name): Path<String>,
    Query(page): Query<PageRequest>,
) -> Answer<Json<Page<DatasetVersion>>> {
    Ok(Json(data.versions(&ctx, &parse(&name)?, &page).await?))
}

async fn refresh(
    State(data): Service,
    Caller(ctx): Caller,
    Path(name): Path<String>,
    Json(body): Json<RefreshBody>,
) -> Answer<Json<Refreshed>> {
    Ok(Json(data.refresh(&ctx, &parse(&name)?, body.dry_run).await?))
}

async fn version(
    State(data): Service,
    Caller(ctx): Caller,
    Path((name, version)): Path<(String, String)>,
) -> Answer<Json<DatasetVersion>> {
    let reference: DatasetRef = format!("{}@{version}", parse(&name)?).parse()?;
    Ok(Json(data.version(&ctx, &reference).await?))
}

async fn check_reports(
    State(data): Service,
    Caller(ctx): Caller,
    Path(name): Path<String>,
    Query(page): Query<PageRequest>,
) -> Answer<Json<Page<CheckReport>>> {
    Ok(Json(data.check_reports(&ctx, &parse(&name)?, &page).await?))
}

fn parse(name: &str) -> Result<DatasetName> {
    name.parse()
}
