//! Simulations: the error rates this crate states, held against thousands of seeded repetitions.
//!
//! Each test prints its figures (`cargo test -- --nocapture` shows them) and asserts bounds wide enough never to fail by
//! chance: the seeds are fixed, so a change of a figure is a change of the code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "tests may stop at the first surprise, and print their figures"
)]

mod drift_alarms;
mod drift_power;
mod guard_rates;
mod release_rates;
mod support;
