//! Serving as a whole: deployments, the log, labels, releases, on both databases, with models that are lines of JSON.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod cut_off;
mod deployments;
mod labels;
mod load;
mod log;
mod releases;
mod routes;
mod support;
