//! Bodies and error shapes.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use pitcrew_kernel::{Error, Kind, Result, Timestamp};
use pitcrew_serving::Prediction;
use pitcrew_web::Problem;
use serde_json::json;

/// A whole body.
#[derive(Debug)]
pub(crate) struct Body(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| {
            Problem(if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Error::too_large("BODY_TOO_LARGE", "the body is larger than this route takes")
            } else {
                Error::invalid("BODY_INCOMPLETE", "the body did not arrive whole").with_source(rejection)
            })
        })
    }
}

/// A header as text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// An event time told by the caller.
pub(crate) fn event_time(text: Option<&str>) -> Result<Option<Timestamp>> {
    text.map(|text| text.parse::<Timestamp>().map_err(|error| error.context("the event time"))).transpose()
}

/// JSON that did not read, told so that the sender finds the place.
pub(crate) fn json_error(error: &serde_json::Error, body: &[u8]) -> Error {
    let code = if error.is_data() { "JSON_UNEXPECTED" } else { "JSON_INVALID" };
    let problem = Error::invalid(code, format!("the body is not a request for predictions: {error}"));
    let literal = |wanted: &[u8]| body.windows(wanted.len()).any(|window| window == wanted);
    if error.is_syntax() && (literal(b"NaN") || literal(b"Infinity")) {
        return problem.hint("JSON has no NaN and no infinity: write `null` for a missing number");
    }
    problem
}

/// Errors as Triton writes and numbers them.
pub(crate) fn oip_error(error: &Error, _request_id: &str) -> Response {
    let status = match error.kind() {
        Kind::Conflict | Kind::Precondition | Kind::Invalid => StatusCode::BAD_REQUEST,
        _ => pitcrew_web::status_of(error),
    };
    let text = match error.hint_text() {
        Some(hint) => format!("{} (hint: {hint})", error.detail()),
        None => error.detail().to_owned(),
    };
    with_retry(error, (status, json_body(json!({ "error": text, "code": error.code() }))).into_response())
}

/// Errors as MLflow's scoring server writes them.
pub(crate) fn mlflow_error(error: &Error, _request_id: &str) -> Response {
    let status = match error.kind() {
        Kind::Invalid | Kind::Conflict | Kind::Precondition => StatusCode::BAD_REQUEST,
        _ => pitcrew_web::status_of(error),
    };
    let code = match error.kind() {
        Kind::NotFound => "RESOURCE_DOES_NOT_EXIST",
        Kind::Unauthenticated => "UNAUTHENTICATED",
        Kind::Forbidden => "PERMISSION_DENIED",
        Kind::Limited => "REQUEST_LIMIT_EXCEEDED",
        Kind::Unavailable => "TEMPORARILY_UNAVAILABLE",
        Kind::Internal | Kind::Timeout => "INTERNAL_ERROR",
        _ => "BAD_REQUEST",
    };
    let text = match error.hint_text() {
        Some(hint) => format!("{} (hint: {hint})", error.detail()),
        None => error.detail().to_owned(),
    };
    let body = json!({ "error_code": code, "message": text, "code": error.code() });
    with_retry(error, (status, json_body(body)).into_response())
}

fn with_retry(error: &Error, mut response: Response) -> Response {
    if let Some(after) = error.retry_after_hint() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    response
}

/// A JSON body.
pub(crate) fn json_body(value: serde_json::Value) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string())
}

/// An answer that says which arm and version gave it.
pub(crate) fn predicted(prediction: &Prediction, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert("x-pitcrew-arm", HeaderValue::from_static(prediction.arm.name()));
    headers.insert("x-pitcrew-version", HeaderValue::from(prediction.version));
    response
}
