//! The model registry: events and the port through which serving finds and loads versions.

use async_trait::async_trait;
use bytes::Bytes;
use pitcrew_kernel::{Ctx, Digest, Result};
use serde::{Deserialize, Serialize};

use crate::event;
use crate::event::tagged;
use crate::names::{AliasName, GateDecisionId, ModelName, ModelRef, PipelineRunId};
use crate::serving::ModelSignature;

/// A gate looked at a candidate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GateDecided {
    /// The decision with its evidence.
    pub decision: GateDecisionId,
    /// The model.
    pub model: ModelName,
    /// The run that offered the candidate.
    pub pipeline_run: Option<PipelineRunId>,
    /// `passed` or `refused`.
    pub verdict: String,
    /// Why, in one sentence.
    pub reason: String,
}
event!(GateDecided, "registry.gate_decided", "gate_decision", |e| e.decision, |e| format!(
    "gate of {} {}: {}",
    e.model, e.verdict, e.reason
));

/// A version was registered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VersionRegistered {
    /// The version.
    pub version: ModelRef,
    /// Digest of its bytes; absent for versions registered by reference through MLflow that hold no servable file.
    pub digest: Option<Digest>,
}
event!(VersionRegistered, "registry.version_registered", "model", |e| &e.version, |e| format!(
    "{} registered",
    e.version
));

/// An alias was set, moved or removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AliasMoved {
    /// The model.
    pub model: ModelName,
    /// The alias.
    pub alias: AliasName,
    /// Where it pointed before.
    pub from: Option<i64>,
    /// Where it points now; `None` when removed.
    pub to: Option<i64>,
    /// Why.
    pub reason: String,
}
event!(AliasMoved, "registry.alias_moved", "model", |e| &e.model, |e| match e.to {
    Some(to) => format!("{}@{} is now version {to}: {}", e.model, e.alias, e.reason),
    None => format!("{}@{} removed: {}", e.model, e.alias, e.reason),
});

/// A model was made by a client, or came back because a project declares it still. New ones of a project come with `project.applied`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelCreated {
    /// The model.
    pub model: ModelName,
}
event!(ModelCreated, "registry.model_created", "model", |e| &e.model, |e| format!("model {} made", e.model));

/// A model's description changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelDescribed {
    /// The model.
    pub model: ModelName,
    /// How it begins now.
    pub description: String,
}
event!(ModelDescribed, "registry.model_described", "model", |e| &e.model, |e| format!(
    "model {} described: {}",
    e.model, e.description
));

/// A model's tag was set or removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelTagged {
    /// The model.
    pub model: ModelName,
    /// The tag.
    pub key: String,
    /// How its value begins; `None` when removed.
    pub value: Option<String>,
}
event!(ModelTagged, "registry.model_tagged", "model", |e| &e.model, |e| tagged(&e.model, &e.key, e.value.as_ref()));

/// A model got another name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelRenamed {
    /// What it was called.
    pub from: ModelName,
    /// What it is called now.
    pub model: ModelName,
}
event!(ModelRenamed, "registry.model_renamed", "model", |e| &e.model, |e| format!(
    "model {} renamed to {}",
    e.from, e.model
));

/// A model was removed with its versions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelDeleted {
    /// The model.
    pub model: ModelName,
    /// How many versions went with it.
    pub versions: i64,
}
event!(ModelDeleted, "registry.model_deleted", "model", |e| &e.model, |e| format!(
    "model {} deleted, its versions too: {}",
    e.model, e.versions
));

/// A version's description or stage changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VersionUpdated {
    /// The version.
    pub version: ModelRef,
    /// How its description begins, when that changed.
    pub description: Option<String>,
    /// MLflow's stage, when that changed.
    pub stage: Option<String>,
}
event!(VersionUpdated, "registry.version_updated", "model", |e| &e.version, |e| match (&e.stage, &e.description) {
    (Some(stage), _) => format!("{} put in stage {stage}", e.version),
    (None, description) => format!("{} described: {}", e.version, description.as_deref().unwrap_or_default()),
});

/// A version's tag was set or removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VersionTagged {
    /// The version.
    pub version: ModelRef,
    /// The tag.
    pub key: String,
    /// How its value begins; `None` when removed.
    pub value: Option<String>,
}
event!(VersionTagged, "registry.version_tagged", "model", |e| &e.version, |e| tagged(
    &e.version,
    &e.key,
    e.value.as_ref()
));

/// A version was removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VersionDeleted {
    /// The version.
    pub version: ModelRef,
}
event!(VersionDeleted, "registry.version_deleted", "model", |e| &e.version, |e| format!("{} deleted", e.version));

/// What was done to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookAct {
    /// It was made.
    Created,
    /// Something of it was changed.
    Changed,
    /// It was removed.
    Deleted,
}

/// A webhook was made, changed or removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WebhookChanged {
    /// Its id.
    pub webhook: String,
    /// Its name.
    pub name: String,
    /// What was done.
    pub act: WebhookAct,
    /// Where it sends: scheme, host and port. The rest of an address may be secret.
    pub target: String,
}
event!(WebhookChanged, "registry.webhook_changed", "webhook", |e| &e.webhook, |e| format!(
    "webhook {} to {} {}",
    e.name,
    e.target,
    match e.act {
        WebhookAct::Created => "created",
        WebhookAct::Changed => "changed",
        WebhookAct::Deleted => "deleted",
    }
));

/// What serving needs to know of a version.
#[derive(Debug, Clone)]
pub struct ServableVersion {
    /// Which version.
    pub version: ModelRef,
    /// Digest its bytes must have.
    pub digest: Digest,
    /// Its inputs and outputs as recorded at registration.
    pub signature: ModelSignature,
    /// The frozen reference profile made at training (JSON of `stats::reference`), if one was registered.
    pub reference: Option<Digest>,
}

/// Finding and loading models.
#[async_trait]
pub trait Models: Send + Sync {
    /// The version an alias names now; `None` when the alias or the model does not exist yet.
    ///
    /// # Errors
    /// What the database can give.
    async fn resolve(&self, ctx: &Ctx, model: &ModelName, alias: &AliasName) -> Result<Option<ServableVersion>>;
    /// One version.
    ///
    /// # Errors
    /// `MODEL_VERSION_NOT_FOUND`; `MODEL_NOT_SERVABLE` when it holds no ONNX file.
    async fn version(&self, ctx: &Ctx, version: &ModelRef) -> Result<ServableVersion>;
    /// The version's bytes, verified against digest and signature.
    ///
    /// # Errors
    /// `BLOB_CORRUPT`, `MODEL_SIGNATURE_INVALID`.
    async fn bytes(&self, ctx: &Ctx, version: &ModelRef) -> Result<Bytes>;
    /// The bytes of the version's reference profile, if one was registered.
    ///
    /// # Errors
    /// `MODEL_VERSION_NOT_FOUND`, `BLOB_CORRUPT`.
    async fn reference(&self, ctx: &Ctx, version: &ModelRef) -> Result<Option<Bytes>>;
    /// Whether an alias may point to the version: it has what its model requires for that.
    ///
    /// # Errors
    /// `MODEL_VERSION_NOT_FOUND`, `VERSION_INCOMPLETE`.
    async fn may_be(&self, ctx: &Ctx, version: &ModelRef, alias: &AliasName) -> Result<()>;
}
