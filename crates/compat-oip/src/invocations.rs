//! MLflow's scoring server: `/invocations` and `/ping`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header as names};
use axum::response::{IntoResponse, Response};
use pitcrew_kernel::{Access, Ctx, Error, Result};
use pitcrew_serving::{Ask, Serving};
use pitcrew_web::{Answer, Api, Caller};

use crate::body::{Body, event_time, header, mlflow_error, predicted};
use crate::{MAX_INFER_BYTES, answer, frame};

type Shared = State<Arc<Serving>>;

/// Names the deployment where the path does not.
const DEPLOYMENT: &str = "x-pitcrew-deployment";
/// The moment predicted for, RFC 3339.
const EVENT_TIME: &str = "x-event-time";
/// What labels are joined by; row `i` of several has `-i` behind it.
const REQUEST_ID: &str = "x-request-id";

pub(crate) fn routes(serving: Arc<Serving>) -> Api {
    Api::builder::<Arc<Serving>>()
        .errors(mlflow_error)
        .get("/ping", Access::Public, ping)
        .post_sized("/invocations", Access::Read, MAX_INFER_BYTES, invocations)
        .post_sized("/deployments/{name}/invocations", Access::Read, MAX_INFER_BYTES, deployment_invocations)
        .with_state(serving)
}

async fn ping() -> &'static str {
    "\n"
}

async fn invocations(State(serving): Shared, caller: Caller, headers: HeaderMap, Body(body): Body) -> Answer<Response> {
    let name = match header(&headers, DEPLOYMENT) {
        Some(name) => name.to_owned(),
        None => only_deployment(serving.names(&caller.0)?)?,
    };
    Ok(score(&serving, &caller.0, &name, &headers, &body).await?)
}

fn only_deployment(mut names: Vec<String>) -> Result<String> {
    match (names.pop(), names.len()) {
        (Some(name), 0) => Ok(name),
        (None, _) => Err(Error::not_found("DEPLOYMENT_NOT_FOUND", "there is no deployment")
            .hint("declare one under `deployments:` in `pitcrew.yaml` and apply it")),
        (Some(last), _) => {
            names.push(last);
            Err(Error::invalid("SERVING_INPUT_INVALID", "there are several deployments, and the request names none")
                .hint(format!("send the header `{DEPLOYMENT}` with one of {}", names.join(", "))))
        }
    }
}

async fn deployment_invocations(
    State(serving): Shared,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer<Response> {
    Ok(score(&serving, &caller.0, &name, &headers, &body).await?)
}

async fn score(serving: &Arc<Serving>, ctx: &Ctx, name: &str, headers: &HeaderMap, body: &[u8]) -> Result<Response> {
    if let Some(refused) = wrong_type(headers) {
        return Ok(refused);
    }
    let served = serving.served(ctx, name, None)?;
    let signature = served.signature.ok_or_else(|| {
        Error::unavailable("SERVING_NOT_READY", format!("deployment `{name}` serves no version yet"))
            .retry_after(std::time::Duration::from_secs(1))
    })?;
    let scoring = frame::read(body, &signature)?;
    if scoring.table_rows == Some(0) {
        return Err(Error::invalid("SERVING_INPUT_INVALID", "the table has no rows"));
    }
    let (input_names, tensors): (Vec<String>, Vec<_>) = scoring.inputs.into_iter().unzip();
    let ask = Ask {
        deployment: name,
        version: None,
        // Without one of the caller's, it is the id that the answer carries in the same header.
        request_id: header(headers, REQUEST_ID).or(Some(ctx.request_id.as_str()).filter(|id| !id.is_empty())),
        event_time: event_time(header(headers, EVENT_TIME))?,
        inputs: input_names.iter().map(String::as_str).zip(tensors).collect(),
    };
    let prediction = serving.predict(ctx, ask).await?;
    let body = match scoring.table_rows {
        Some(rows) => answer::records(&prediction, rows)?,
        None => answer::tensors(&prediction)?,
    };
    Ok(predicted(&prediction, "application/json", body))
}

/// MLflow answers content types it does not read with 415 and plain text.
fn wrong_type(headers: &HeaderMap) -> Option<Response> {
    let sent = headers.get(names::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (kind, parameters) = sent.split_once(';').unwrap_or((sent, ""));
    let parameter = parameters.trim().to_ascii_lowercase();
    let text = if !kind.trim().eq_ignore_ascii_case("application/json") {
        format!(
            "This predictor only supports the following content types: Types: ['application/json']. Got '{}'.",
            sent.escape_debug()
        )
    } else if !parameter.is_empty() && parameter != "charset=utf-8" {
        format!("The scoring server only supports UTF-8 encoding. Got '{}'.", sent.escape_debug())
    } else {
        return None;
    };
    Some((StatusCode::UNSUPPORTED_MEDIA_TYPE, [(names::CONTENT_TYPE, "text/plain")], text).into_response())
}
