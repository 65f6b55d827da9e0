//! The laws of the simulated city, and the lap against a server of the test's own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests may stop at the first surprise, and own the tasks they start"
)]

mod city;
mod fake;
mod lap;
