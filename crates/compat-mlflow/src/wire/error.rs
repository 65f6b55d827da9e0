//! Errors as MLflow's clients read them: a code, a message, and the statuses they retry on.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pitcrew_kernel::{Error, Kind};
use serde_json::json;

/// The state every MLflow error carries unless it has one of its own.
const SQL_STATE: &str = "KAM00";

/// The code for a feature that this server has not.
pub(crate) const NOT_IMPLEMENTED: &str = "MLFLOW_NOT_IMPLEMENTED";
const FEATURE_DISABLED: &str = "MLFLOW_FEATURE_DISABLED";
const ARTIFACT_PATH_INVALID: &str = "ARTIFACT_PATH_INVALID";
const ENDPOINT_NOT_FOUND: &str = "MLFLOW_ENDPOINT_NOT_FOUND";
/// What the registry says of an alias that is not there; MLflow calls that a wrong parameter.
const ALIAS_NOT_FOUND: &str = "ALIAS_NOT_FOUND";

/// Writes an error in MLflow's shape.
pub(crate) fn mlflow_error(error: &Error, _request_id: &str) -> Response {
    let (code, status) = code_of(error);
    let class = if code == "RESOURCE_DOES_NOT_EXIST" { "RESOURCE_NOT_FOUND" } else { code };
    // Clients know the sentence alone.
    let message = if error.code() == ARTIFACT_PATH_INVALID { "Invalid path" } else { error.detail() };
    let body = json!({"error_code": code, "message": message, "sqlstate": SQL_STATE, "error_class": class});
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
    if let Some(after) = error.retry_after_hint() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    response
}

/// MLflow's code and status. Clients retry 429 and 5xx other than 501, so only what may pass by itself answers with those.
fn code_of(error: &Error) -> (&'static str, StatusCode) {
    match (error.code(), error.kind()) {
        (NOT_IMPLEMENTED, _) => ("NOT_IMPLEMENTED", StatusCode::NOT_IMPLEMENTED),
        (ENDPOINT_NOT_FOUND, _) => ("ENDPOINT_NOT_FOUND", StatusCode::NOT_FOUND),
        // MLflow answers 500 here, which its clients take for something that passes and try again: they must not.
        (FEATURE_DISABLED, _) => ("FEATURE_DISABLED", StatusCode::BAD_REQUEST),
        (ALIAS_NOT_FOUND, _) => ("INVALID_PARAMETER_VALUE", StatusCode::BAD_REQUEST),
        (_, Kind::Invalid | Kind::Precondition) => ("INVALID_PARAMETER_VALUE", StatusCode::BAD_REQUEST),
        (_, Kind::TooLarge) => ("INVALID_PARAMETER_VALUE", StatusCode::PAYLOAD_TOO_LARGE),
        (_, Kind::Conflict) => ("RESOURCE_ALREADY_EXISTS", StatusCode::BAD_REQUEST),
        (_, Kind::Unauthenticated) => ("UNAUTHENTICATED", StatusCode::UNAUTHORIZED),
        (_, Kind::Forbidden) => ("PERMISSION_DENIED", StatusCode::FORBIDDEN),
        (_, Kind::NotFound) => ("RESOURCE_DOES_NOT_EXIST", StatusCode::NOT_FOUND),
        (_, Kind::Limited) => ("RESOURCE_EXHAUSTED", StatusCode::TOO_MANY_REQUESTS),
        (_, Kind::Unavailable) => ("TEMPORARILY_UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE),
        (_, Kind::Timeout) => ("DEADLINE_EXCEEDED", StatusCode::GATEWAY_TIMEOUT),
        (_, Kind::Internal) => ("INTERNAL_ERROR", StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A feature that this server has not.
pub(crate) fn not_implemented(what: &'static str) -> Error {
    Error::precondition("MLFLOW_NOT_IMPLEMENTED", what)
}

/// An address of MLflow's API at which nothing is served.
pub(crate) fn endpoint_not_found(path: &str) -> Error {
    Error::not_found("MLFLOW_ENDPOINT_NOT_FOUND", format!("No endpoint is served at '{path}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_by_itself_is_retried() {
        let status = |error: &Error| code_of(error).1.as_u16();
        assert_eq!(status(&Error::precondition("X", "x")), 400);
        assert_eq!(status(&Error::conflict("X", "x")), 400);
        assert_eq!(status(&not_implemented("x")), 501);
        assert_eq!(status(&Error::unavailable("X", "x")), 503);
    }
}
