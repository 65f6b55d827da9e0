//! OpenTelemetry's door: spans over OTLP/HTTP at `POST /v1/traces`, as protocol buffers or JSON, plain or compressed.
//!
//! Thin on purpose: a body becomes spans, spans go to [`Traces`], and what could not be taken is told as partial success. The few messages are
//! read by hand ([`proto`]): they are eight, only read, and their texts go straight from the body into the span.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod answer;
mod body;
mod conventions;
mod json;
mod messages;
mod proto;
mod take;

use std::sync::Arc;

use pitcrew_kernel::Access;
use pitcrew_traces::Traces;
use pitcrew_web::Api;

/// The largest body as it comes, perhaps compressed.
pub const MAX_BODY_BYTES: usize = 16 << 20;
/// The largest body once decompressed.
pub const MAX_PLAIN_BYTES: usize = 32 << 20;
/// Values in the attributes of one span, its events and links, counting each item of a list or map.
pub const VALUES_PER_SPAN: usize = 100_000;
/// Values of all spans of one request together, events and links counted as such: a few compressed bytes may hide very many.
pub const VALUES_PER_REQUEST: usize = 2_000_000;
/// Events and links of one span.
pub const EVENTS_PER_SPAN: usize = 10_000;

/// The routes of this door.
pub fn routes(traces: Arc<Traces>) -> Api {
    Api::builder::<Arc<Traces>>()
        .errors(answer::otlp_error)
        .demands(take::one_workspace)
        .post_sized("/v1/traces", Access::Write, MAX_BODY_BYTES, take::traces)
        .with_state(traces)
}
