//! The MLflow door: golden pairs of requests and answers, checked against what MLflow 3.17 answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod absent;
mod artifacts;
mod authz;
mod door;
mod multipart;
mod pairs;
mod sources;
mod traces;

use door::Wire;
