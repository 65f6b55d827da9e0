//! Errors on the wire: RFC 9457 problem documents.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pitcrew_kernel::{Error, Kind};
use serde_json::json;
use tracing::{error, warn};

/// Where the pages of the error codes are.
const PAGES: &str = "https://pitcrew.dev/errors/";

/// What a handler answers.
pub type Answer<T> = Result<T, Problem>;

/// How a door writes an error. The native one is [`problem_response`].
pub type ErrorShape = fn(&Error, &str) -> Response;

/// An error on its way to the caller.
#[derive(Debug)]
pub struct Problem(pub Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // The guard writes it in the door's shape, with the request's id; this is what remains when a handler is called without a guard.
        let mut response = problem_response(&self.0, "");
        response.extensions_mut().insert(std::sync::Arc::new(self.0));
        response
    }
}

/// The HTTP status of an error.
pub fn status_of(error: &Error) -> StatusCode {
    match error.kind() {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Precondition => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Limited => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error as `application/problem+json`.
pub fn problem_response(error: &Error, request_id: &str) -> Response {
    let status = status_of(error);
    let mut body = json!({
        "type": format!("{PAGES}{}", error.code()),
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "code": error.code(),
        "detail": error.detail(),
        "request_id": request_id,
    });
    if let Some(hint) = error.hint_text() {
        body["hint"] = json!(hint);
    }
    let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response();
    if let Some(after) = error.retry_after_hint() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    response
}

/// Logged once, at the edge, with the cause that the caller does not see.
pub(crate) fn log(error: &Error, request_id: &str) {
    let caused = std::error::Error::source(error).is_some();
    match error.kind() {
        Kind::Internal => error!(request.id = request_id, error = ?error, "a request failed by our own fault"),
        Kind::Unavailable | Kind::Timeout if caused => {
            warn!(request.id = request_id, error = ?error, "a request failed because a part is not available");
        }
        _ => {}
    }
}
