//! The native HTTP API of models, aliases and gate decisions.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use pitcrew_contracts::names::{AliasName, ModelName, ModelRef};
use pitcrew_contracts::serving::TensorSpec;
use pitcrew_kernel::{Access, Page, PageRequest, Timestamp};
use pitcrew_web::{Answer, Api, Caller, Json, Path, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::{GateDecision, ModelDetail, Signature, Version};
use crate::service::Registry;

type Shared = State<Arc<Registry>>;

/// The routes.
pub fn routes(registry: Arc<Registry>) -> Api {
    Api::builder::<Arc<Registry>>()
        .get("/api/v1/models", Access::Read, list_models)
        .get("/api/v1/models/{name}", Access::Read, get_model)
        .get("/api/v1/models/{name}/versions", Access::Read, list_versions)
        .get("/api/v1/models/{name}/versions/{version}", Access::Read, get_version)
        .put("/api/v1/models/{name}/aliases/{alias}", Access::Write, set_alias)
        .delete("/api/v1/models/{name}/aliases/{alias}", Access::Write, remove_alias)
        .get("/api/v1/models/{name}/alias-history", Access::Read, alias_history)
        .get("/api/v1/gate-decisions", Access::Read, list_decisions)
        .get("/api/v1/gate-decisions/{id}", Access::Read, get_decision)
        .with_state(registry)
}

#[derive(Serialize)]
struct VersionJson {
    model: ModelName,
    version: i64,
    r#ref: String,
    digest: Option<String>,
    bytes: i64,
    format: Option<&'static str>,
    signature: Option<Signature>,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    description: String,
    tracking_run_id: Option<String>,
    source: String,
    aliases: Vec<AliasName>,
    tags: BTreeMap<String, String>,
    created_at: Timestamp,
    created_by: String,
    lineage: Option<Value>,
    metrics: BTreeMap<String, f64>,
    gate_decision: Option<String>,
}

impl From<Version> for VersionJson {
    fn from(version: Version) -> Self {
        let (inputs, outputs) =
            version.model_signature.map(|signature| (signature.inputs, signature.outputs)).unwrap_or_default();
        Self {
            r#ref: version.version.to_string(),
            model: version.version.model,
            version: version.version.version,
            format: version.digest.map(|_| "onnx"),
            digest: version.digest.map(|digest| digest.to_string()),
            bytes: version.bytes,
            signature: version.signature,
            inputs,
            outputs,
            description: version.description,
            tracking_run_id: version.tracking_run_id,
            source: version.source,
            aliases: version.aliases,
            tags: version.tags,
            created_at: version.created_at,
            created_by: version.created_by,
            lineage: version.lineage.map(|lineage| json!(lineage)),
            metrics: version.metrics,
            gate_decision: version.gate_decision.map(|id| id.to_string()),
        }
    }
}

async fn model_json(registry: &Registry, caller: &Caller, model: ModelDetail) -> Answer<Value> {
    let newest = PageRequest { limit: Some(1), page: None };
    let latest = registry.list_versions(&caller.0, &model.name, &newest).await?.items.pop().map(VersionJson::from);
    let aliases: BTreeMap<String, i64> =
        model.aliases.iter().map(|alias| (alias.alias.to_string(), alias.version)).collect();
    Ok(json!({
        "name": model.name, "description": model.description, "aliases": aliases, "versions": model.versions, "latest": latest,
        "tags": model.tags, "created_at": model.created_at, "updated_at": model.updated_at, "gate": model.gate,
    }))
}

async fn list_models(
    State(registry): Shared,
    caller: Caller,
    Query(page): Query<PageRequest>,
) -> Answer<Json<Page<Value>>> {
    let found = registry.list_models(&caller.0, &page).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for model in found.items {
        items.push(model_json(&registry, &caller, model).await?);
    }
    Ok(Json(Page { items, next: found.next }))
}

async fn get_model(State(registry): Shared, caller: Caller, Path(name): Path<String>) -> Answer<Json<Value>> {
    let model = registry.get_model(&caller.0, &name.parse()?).await?;
    Ok(Json(model_json(&registry, &caller, model).await?))
}

async fn list_versions(
    State(registry): Shared,
    caller: Caller,
    Path(name): Path<String>,
    Query(page): Query<PageRequest>,
) -> Answer<Json<Page<VersionJson>>> {
    let found = registry.list_versions(&caller.0, &name.parse()?, &page).await?;
    Ok(Json(Page { items: found.items.into_iter().map(VersionJson::from).collect(), next: found.next }))
}

async fn get_version(
    State(registry): Shared,
    caller: Caller,
    Path((name, version)): Path<(String, i64)>,
) -> Answer<Json<VersionJson>> {
    let version = ModelRef { model: name.parse()?, version };
    Ok(Json(registry.get_version(&caller.0, &version).await?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetAlias {
    version: i64,
    #[serde(default)]
    reason: String,
}

async fn set_alias(
    State(registry): Shared,
    caller: Caller,
    Path((name, alias)): Path<(String, String)>,
    Json(body): Json<SetAlias>,
) -> Answer<Json<Value>> {
    let version = ModelRef { model: name.parse()?, version: body.version };
    let reason = if body.reason.is_empty() { "set by hand" } else { &body.reason };
    registry.set_alias(&caller.0, &version, &alias.parse()?, reason).await?;
    Ok(Json(json!({ "model": version.model, "alias": alias, "version": version.version })))
}

async fn remove_alias(
    State(registry): Shared,
    caller: Caller,
    Path((name, alias)): Path<(String, String)>,
) -> Answer<Json<Value>> {
    registry.remove_alias(&caller.0, &name.parse()?, &alias.parse()?, "removed by hand").await?;
    Ok(Json(json!({ "model": name, "alias": alias, "version": null })))
}

async fn alias_history(State(registry): Shared, caller: Caller, Path(name): Path<String>) -> Answer<Json<Value>> {
    let items = registry.alias_history(&caller.0, &name.parse()?).await?;
    Ok(Json(json!({ "items": items, "next": null })))
}

#[derive(Deserialize)]
struct DecisionQuery {
    model: Option<String>,
    limit: Option<usize>,
    page: Option<String>,
}

async fn list_decisions(
    State(registry): Shared,
    caller: Caller,
    Query(query): Query<DecisionQuery>,
) -> Answer<Json<Page<GateDecision>>> {
    let model = query.model.map(|name| name.parse()).transpose()?;
    let page = PageRequest { limit: query.limit, page: query.page };
    Ok(Json(registry.list_decisions(&caller.0, model.as_ref(), &page).await?))
}

async fn get_decision(State(registry): Shared, caller: Caller, Path(id): Path<String>) -> Answer<Json<GateDecision>> {
    Ok(Json(registry.get_decision(&caller.0, id.parse()?).await?))
}
