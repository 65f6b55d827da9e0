//! What the registry keeps.

use std::collections::BTreeMap;

use pitcrew_contracts::names::{AliasName, GateDecisionId, ModelName, ModelRef};
use pitcrew_contracts::pipelines::Lineage;
use pitcrew_contracts::serving::ModelSignature;
use pitcrew_contracts::spec::Gate;
use pitcrew_kernel::{Cause, Digest, Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::gate::{RuleResult, Verdict};

/// Longest description, tag value and source, in bytes (MLflow's limits are within).
pub(crate) const MAX_TEXT: usize = 100_000;
/// Longest tag key.
pub(crate) const MAX_KEY: usize = 250;

/// Who vouches for a version's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Which key.
    pub key_id: String,
    /// `ed25519`.
    pub algorithm: String,
    /// Base64 of the signature over the model's name, version and digest.
    pub value: String,
}

/// One version of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Its name and number.
    pub version: ModelRef,
    /// What it is, in words.
    pub description: String,
    /// Where it came from, as the client that registered it said.
    pub source: String,
    /// The tracking run that made it.
    pub tracking_run_id: Option<String>,
    /// MLflow's logged model, if it came from one.
    pub logged_model_id: Option<String>,
    /// Its servable file, if it has one.
    pub digest: Option<Digest>,
    /// The size of that file.
    pub bytes: i64,
    /// Who vouches for it.
    pub signature: Option<Signature>,
    /// Inputs and outputs of the servable file.
    pub model_signature: Option<ModelSignature>,
    /// The frozen profile of its training data.
    pub reference: Option<Digest>,
    /// What made it.
    pub lineage: Option<Lineage>,
    /// How it did on the held-out rows.
    pub metrics: BTreeMap<String, f64>,
    /// The decision that let it in.
    pub gate_decision: Option<GateDecisionId>,
    /// MLflow's deprecated stage; `None` unless a client set one.
    pub stage: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The aliases that point to it.
    pub aliases: Vec<AliasName>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When something of it changed last.
    pub updated_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// What is needed to register a version.
#[derive(Debug, Clone, Default)]
pub struct NewVersion {
    /// What it is, in words.
    pub description: String,
    /// Where it came from.
    pub source: String,
    /// The tracking run that made it.
    pub tracking_run_id: Option<String>,
    /// MLflow's logged model, if it came from one.
    pub logged_model_id: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Its servable file, already stored and checked.
    pub file: Option<ServableFile>,
    /// The frozen profile of its training data.
    pub reference: Option<Digest>,
    /// What made it.
    pub lineage: Option<Lineage>,
    /// How it did on the held-out rows.
    pub metrics: BTreeMap<String, f64>,
    /// The decision that let it in.
    pub gate_decision: Option<GateDecisionId>,
}

/// A stored ONNX file that has been loaded once.
#[derive(Debug, Clone)]
pub struct ServableFile {
    /// Its digest.
    pub digest: Digest,
    /// Its size.
    pub bytes: i64,
    /// Its inputs and outputs.
    pub signature: ModelSignature,
}

/// A model with what is declared of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelDetail {
    /// Its name.
    pub name: ModelName,
    /// What it predicts.
    pub description: String,
    /// Its gate, when declared.
    pub gate: Option<Gate>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Where each alias points.
    pub aliases: Vec<Alias>,
    /// How many versions there are.
    pub versions: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When something of it changed last.
    pub updated_at: Timestamp,
}

/// An alias and where it points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The alias.
    pub alias: AliasName,
    /// The version.
    pub version: i64,
}

/// One movement of an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AliasChange {
    /// The alias.
    pub alias: AliasName,
    /// Where it pointed.
    pub from: Option<i64>,
    /// Where it points since.
    pub to: Option<i64>,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What led to it.
    pub cause: Option<Cause>,
    /// Why.
    pub reason: String,
}

/// A decision of a gate, with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateDecision {
    /// Its id.
    pub id: GateDecisionId,
    /// The model.
    pub model: ModelName,
    /// What was decided.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// The run that offered the candidate.
    pub pipeline_run: String,
    /// When.
    pub at: Timestamp,
    /// The version registered, when it passed.
    pub version: Option<i64>,
    /// The champion it was compared with.
    pub champion: Option<i64>,
    /// Held-out rows both were scored on.
    pub rows: i64,
    /// The candidate's figures.
    pub metrics: BTreeMap<String, f64>,
    /// The champion's figures on the same rows.
    pub champion_metrics: BTreeMap<String, f64>,
    /// Each rule's verdict.
    pub rules: Vec<RuleResult>,
    /// What led to it.
    pub cause: Option<Cause>,
}

/// Checks a tag or description before it is stored.
pub(crate) fn check_text(what: &str, text: &str) -> Result<()> {
    if text.len() <= MAX_TEXT {
        return Ok(());
    }
    Err(Error::too_large(
        "REGISTRY_TEXT_TOO_LONG",
        format!("{what} has {} bytes, at most {MAX_TEXT} are kept", text.len()),
    ))
}

/// Checks a tag's key.
pub(crate) fn check_key(key: &str) -> Result<()> {
    if !key.is_empty() && key.len() <= MAX_KEY {
        return Ok(());
    }
    Err(Error::invalid("REGISTRY_TAG_INVALID", format!("a tag's key has between 1 and {MAX_KEY} bytes")))
}
