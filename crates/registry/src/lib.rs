//! The model registry: versions with their lineage, aliases with their history, and the gate no candidate passes unmeasured.
//!
//! The gate is the platform's own: the built-in step `evaluate` scores the candidate and the current champion on the same held-out rows, and
//! `register` applies the declared rules to that report. A version's bytes are named by digest and signed; serving loads them only if both fit.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod declared;
mod evaluate;
mod gate;
mod model;
mod ports;
mod register;
mod require;
mod routes;
mod service;
mod signer;
mod store;
mod subscribers;
mod versions;
mod webhooks;

pub use evaluate::{Evaluate, Report};
pub use gate::{RuleResult, Verdict, decide};
pub use model::{Alias, AliasChange, GateDecision, ModelDetail, NewVersion, ServableFile, Signature, Version};
pub use register::Register;
pub use routes::routes;
pub use service::{Parts, Registry};
pub use signer::Signer;
pub use store::referenced_digests;
pub use subscribers::subscribers;
pub use webhooks::{
    Failure, NewWebhook, Secret, Topic, Trial, Webhook, WebhookChange, WebhookId, Webhooks, webhook_routes,
};

use pitcrew_db::{Migration, Migrations};

/// The tables of this crate.
pub const MIGRATIONS: Migrations = Migrations {
    slice: "registry",
    steps: &[
        Migration { name: "0001_registry", sql: include_str!("../migrations/0001_registry.sql") },
        Migration { name: "0002_version_numbers", sql: include_str!("../migrations/0002_version_numbers.sql") },
        Migration { name: "0003_webhooks", sql: include_str!("../migrations/0003_webhooks.sql") },
    ],
};
