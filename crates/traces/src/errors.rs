//! The errors of this slice. Where clients match on the words, the words are MLflow's.

use pitcrew_kernel::Error;

pub(crate) use pitcrew_filter::errors::{filter, order_by};

pub(crate) fn trace_not_found(trace_id: &str) -> Error {
    Error::not_found("TRACE_NOT_FOUND", format!("Trace with ID '{trace_id}' not found."))
}

pub(crate) fn trace_incomplete(trace_id: &str) -> Error {
    Error::not_found(
        "TRACE_INCOMPLETE",
        format!("Trace with ID {trace_id} is not fully exported yet, please try again later."),
    )
    .hint("the client has told of more spans than have arrived: ask again, or ask for what is there")
}

pub(crate) fn spans_elsewhere() -> Error {
    Error::not_found("TRACE_SPANS_ELSEWHERE", "Trace data not stored in tracking store")
        .hint("the spans are a file among the trace's artifacts: download `traces.json`")
}

pub(crate) fn assessment_not_found(assessment_id: &str, trace_id: &str) -> Error {
    Error::not_found(
        "ASSESSMENT_NOT_FOUND",
        format!("Assessment with ID '{assessment_id}' not found for trace '{trace_id}'"),
    )
}

pub(crate) fn tag_not_found(key: &str, trace_id: &str) -> Error {
    Error::not_found("TAG_NOT_FOUND", format!("No trace tag with key '{key}' for trace with ID '{trace_id}'"))
}

pub(crate) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid("TRACE_VALUE_INVALID", detail)
}
