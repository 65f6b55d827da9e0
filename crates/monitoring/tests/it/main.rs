//! Monitoring from logged predictions to alarms that act, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod alerts;
mod declared;
mod drift;
mod post;
mod routes;
mod timeline;
mod webhooks;
mod windows;
