//! Answers and errors as OTLP has them: `ExportTraceServiceResponse`, and `google.rpc.Status` for what failed.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use pitcrew_kernel::{Error, Kind};
use pitcrew_web::status_of;
use serde_json::json;

use crate::body::Encoding;
use crate::proto::Writer;

/// All spans were taken, or all but some.
pub(crate) fn taken(encoding: Encoding, rejected: usize, reason: Option<&str>) -> Response {
    let reason = reason.unwrap_or_default();
    match encoding {
        Encoding::Json if rejected == 0 => json_response(json!({})),
        Encoding::Json => {
            json_response(json!({"partialSuccess": {"rejectedSpans": rejected.to_string(), "errorMessage": reason}}))
        }
        Encoding::Proto => {
            let mut partial = Writer::default();
            partial.varint_field(1, rejected as u64);
            partial.bytes_field(2, reason.as_bytes());
            let mut answer = Writer::default();
            answer.bytes_field(1, &partial.0);
            proto_response(answer.0)
        }
    }
}

/// Errors before a handler has seen how the request is written: as protocol buffers, which most senders speak.
pub(crate) fn otlp_error(error: &Error, _request_id: &str) -> Response {
    failed(Encoding::Proto, error)
}

/// An error in the encoding of the request.
pub(crate) fn failed(encoding: Encoding, error: &Error) -> Response {
    let code = code_of(error.kind());
    let mut response = match encoding {
        Encoding::Json => json_response(json!({"code": code, "message": error.detail()})),
        Encoding::Proto => {
            let mut status = Writer::default();
            status.varint_field(1, code);
            status.bytes_field(2, error.detail().as_bytes());
            proto_response(status.0)
        }
    };
    *response.status_mut() = status_of(error);
    if let Some(after) = error.retry_after_hint() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    response
}

/// The codes of gRPC.
fn code_of(kind: Kind) -> u64 {
    match kind {
        Kind::Invalid | Kind::TooLarge => 3,
        Kind::Timeout => 4,
        Kind::NotFound => 5,
        Kind::Conflict => 6,
        Kind::Forbidden => 7,
        Kind::Limited => 8,
        Kind::Precondition => 9,
        Kind::Internal => 13,
        Kind::Unavailable => 14,
        Kind::Unauthenticated => 16,
    }
}

fn json_response(body: serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn proto_response(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/x-protobuf")], body).into_response()
}
