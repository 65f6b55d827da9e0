//! The Open Inference Protocol v2 over HTTP.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use pitcrew_kernel::{Access, Ctx, Error, Result};
use pitcrew_serving::{Ask, Served, Serving};
use pitcrew_web::{Answer, Api, Caller};
use serde::Deserialize;
use serde_json::json;

use crate::MAX_INFER_BYTES;
use crate::body::{Body, header, json_body, json_error, oip_error, predicted};
use crate::infer::invalid;
use crate::{answer, infer};

type Shared = State<Arc<Serving>>;

/// Says how much of a body is JSON when raw tensors follow it.
const JSON_LENGTH: &str = "inference-header-content-length";
/// What Triton calls models like ours.
const PLATFORM: &str = "onnxruntime_onnx";

pub(crate) fn routes(serving: Arc<Serving>) -> Api {
    Api::builder::<Arc<Serving>>()
        .errors(oip_error)
        .get("/v2", Access::Public, server)
        .get("/v2/health/live", Access::Public, live)
        .get("/v2/health/ready", Access::Public, ready)
        .get("/v2/models", Access::Read, models)
        .get("/v2/models/{model}", Access::Read, model)
        .get("/v2/models/{model}/versions/{version}", Access::Read, model_version)
        .get("/v2/models/{model}/ready", Access::Read, model_ready)
        .get("/v2/models/{model}/versions/{version}/ready", Access::Read, version_ready)
        .post_sized("/v2/models/{model}/infer", Access::Read, MAX_INFER_BYTES, infer_model)
        .post_sized("/v2/models/{model}/versions/{version}/infer", Access::Read, MAX_INFER_BYTES, infer_version)
        .post("/v2/repository/index", Access::Read, repository_index)
        .with_state(serving)
}

async fn server() -> Response {
    json_body(json!({ "name": "pitcrew", "version": env!("CARGO_PKG_VERSION"), "extensions": ["binary_tensor_data"] }))
        .into_response()
}

async fn live() -> Response {
    json_body(json!({ "live": true })).into_response()
}

async fn ready() -> Response {
    json_body(json!({ "ready": true })).into_response()
}

async fn models(State(serving): Shared, caller: Caller) -> Answer<Response> {
    Ok(json_body(json!({ "models": serving.names(&caller.0)? })).into_response())
}

fn metadata(served: &Served) -> Response {
    let versions: Vec<String> = served.versions.iter().map(ToString::to_string).collect();
    let signature = served.signature.clone().unwrap_or_default();
    json_body(json!({
        "name": served.name, "versions": versions, "platform": PLATFORM, "inputs": signature.inputs, "outputs": signature.outputs,
    }))
    .into_response()
}

async fn model(State(serving): Shared, caller: Caller, Path(model): Path<String>) -> Answer<Response> {
    Ok(metadata(&serving.served(&caller.0, &model, None)?))
}

async fn model_version(
    State(serving): Shared,
    caller: Caller,
    Path((model, version)): Path<(String, String)>,
) -> Answer<Response> {
    Ok(metadata(&serving.served(&caller.0, &model, Some(parse_version(&version)?))?))
}

fn parse_version(text: &str) -> Result<i64> {
    text.parse().map_err(|_| invalid(format!("`{}` is not the number of a version", text.escape_debug())))
}

fn readiness(served: &Served) -> Response {
    let ready = served.signature.is_some();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, json_body(json!({ "name": served.name, "ready": ready }))).into_response()
}

async fn model_ready(State(serving): Shared, caller: Caller, Path(model): Path<String>) -> Answer<Response> {
    Ok(readiness(&serving.served(&caller.0, &model, None)?))
}

async fn version_ready(
    State(serving): Shared,
    caller: Caller,
    Path((model, version)): Path<(String, String)>,
) -> Answer<Response> {
    Ok(readiness(&serving.served(&caller.0, &model, Some(parse_version(&version)?))?))
}

async fn infer_model(
    State(serving): Shared,
    caller: Caller,
    Path(model): Path<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer<Response> {
    Ok(run(&serving, &caller.0, &model, None, &headers, &body).await?)
}

async fn infer_version(
    State(serving): Shared,
    caller: Caller,
    Path((model, version)): Path<(String, String)>,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer<Response> {
    let version = parse_version(&version)?;
    Ok(run(&serving, &caller.0, &model, Some(version), &headers, &body).await?)
}

async fn run(
    serving: &Arc<Serving>,
    ctx: &Ctx,
    model: &str,
    version: Option<i64>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response> {
    if let Some(encoding) = header(headers, "content-encoding").filter(|encoding| *encoding != "identity") {
        return Err(invalid(format!("bodies encoded as `{}` are not taken", encoding.escape_debug())));
    }
    let json_bytes = header(headers, JSON_LENGTH)
        .map(|length| length.parse::<usize>())
        .transpose()
        .map_err(|_| invalid(format!("`{JSON_LENGTH}` is not a number of bytes")))?;
    let mut request = infer::read(body, json_bytes)?;
    if request.outputs.is_some() {
        let served = serving.served(ctx, model, version)?;
        served.signature.map_or(Ok(()), |signature| answer::check_outputs(&request, &signature))?;
    }
    let inputs = std::mem::take(&mut request.inputs);
    let (names, tensors): (Vec<_>, Vec<_>) = inputs.into_iter().unzip();
    let ask = Ask {
        deployment: model,
        version,
        request_id: request.id.as_deref(),
        event_time: request.event_time,
        inputs: names.iter().map(AsRef::as_ref).zip(tensors).collect(),
    };
    let prediction = serving.predict(ctx, ask).await?;
    let answer::Answer { body, json_bytes } = answer::infer(model, &request, &prediction)?;
    let content_type = if json_bytes.is_some() { "application/octet-stream" } else { "application/json" };
    let mut response = predicted(&prediction, content_type, body);
    if let Some(length) = json_bytes {
        response.headers_mut().insert(JSON_LENGTH, HeaderValue::from(length));
    }
    Ok(response)
}

#[derive(Default, Deserialize)]
struct IndexRequest {
    #[serde(default)]
    ready: bool,
}

async fn repository_index(State(serving): Shared, caller: Caller, Body(body): Body) -> Answer<Response> {
    let asked: IndexRequest = match body.is_empty() {
        true => IndexRequest::default(),
        false => serde_json::from_slice(&body).map_err(|error| json_error(&error, &body))?,
    };
    let mut index = Vec::new();
    for name in serving.names(&caller.0)? {
        let served = match serving.served(&caller.0, &name, None) {
            Ok(served) => served,
            // It went between the two looks.
            Err(error) if error.code() == "DEPLOYMENT_NOT_FOUND" => continue,
            Err(error) => return Err(Error::into(error)),
        };
        for version in &served.versions {
            index.push(json!({ "name": name, "version": version.to_string(), "state": "READY", "reason": "" }));
        }
        if served.versions.is_empty() && !asked.ready {
            index.push(json!({ "name": name, "state": "UNAVAILABLE", "reason": "the alias names no version yet" }));
        }
    }
    Ok(json_body(json!(index)).into_response())
}
