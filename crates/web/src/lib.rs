//! The glue between axum and the slices: routes that know who may call them, callers, problems, JSON with precise errors.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod api;
mod extract;
mod guard;
mod problem;

pub use api::{Api, ApiBuilder, Demand, MAX_BODY_BYTES, RouteInfo};
pub use extract::{Caller, Json, Path, Query};
pub use guard::{GuardOptions, guarded, named, nothing_here};
pub use problem::{Answer, ErrorShape, Problem, problem_response, status_of};
