//! The built-in step `register`: the gate, and behind it the registry.
//!
//! Inputs: `model` (ONNX), `report` (of `evaluate`), and optionally `reference` (the training rows, Parquet) from which the training profile is
//! frozen. Arguments: `model`, `alias` (where a version that passed is put; the first one becomes `champion` at once, there being nobody to
//! compare with), and of the version `description` and `tags`. Output: `decision.json`. Its effect is idempotent by run and step. When the champion has moved since the report was made, the
//! candidate is measured again on the same rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use pitcrew_columnar::read_parquet;
use pitcrew_contracts::names::{AliasName, GateDecisionId, ModelName};
use pitcrew_contracts::pipelines::{StepAction, StepCall, StepOutcome, StepProbe};
use pitcrew_contracts::registry::GateDecided;
use pitcrew_contracts::serving::LoadedModel;
use pitcrew_contracts::spec::Gate;
use pitcrew_db::{Outgoing, Tx};
use pitcrew_kernel::{Access, Ctx, Digest, Error, Result};
use serde_json::Value;

use crate::evaluate::{CHAMPION, Candidate, Report, blocking, input, model_name, opponent, read, text};
use crate::gate::{self, Verdict};
use crate::model::{GateDecision, NewVersion, ServableFile, check_text};
use crate::require::{Facts, requirements};
use crate::service::{Parts, Registry, check_tags, must_model};
use crate::store;
use crate::versions::{insert_version, move_alias};

const DECISION: &str = "decision.json";
/// How often a candidate is offered to a champion that moves meanwhile.
const MAX_OFFERS: usize = 3;

/// The step.
#[derive(Debug)]
pub struct Register(pub Arc<Registry>);

/// Everything the deciding transaction needs, made ready before it.
#[derive(Clone)]
struct Offer {
    call: StepCall,
    alias: AliasName,
    report: Report,
    loaded: Arc<dyn LoadedModel>,
    file: ServableFile,
    reference: Option<Digest>,
    tracking_run_id: Option<String>,
    description: String,
    tags: BTreeMap<String, String>,
}

#[async_trait]
impl StepAction for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn outputs(&self) -> &'static [&'static str] {
        &[DECISION]
    }

    async fn cache_salt(&self, _ctx: &Ctx, probe: &StepProbe) -> Result<Option<String>> {
        let model = model_name(&probe.with)?;
        let gate = self.0.parts.db.read(move |tx| Ok(store::model(tx, &model)?.and_then(|model| model.gate))).await?;
        store::json(&gate).map(Some)
    }

    async fn run(&self, ctx: &Ctx, call: StepCall) -> Result<StepOutcome> {
        ctx.require(Access::Write)?;
        let offer = self.prepare(call).await?;
        let folder = offer.call.output_dir.clone();
        let decision = self.decide(ctx, offer).await?;
        let text = store::json(&decision)?;
        tokio::fs::write(folder.join(DECISION), text)
            .await
            .map_err(|source| Error::internal("the decision cannot be written", source))?;
        Ok(match (decision.verdict, decision.version) {
            (Verdict::Passed, Some(version)) => {
                StepOutcome::Done(format!("registered {}/{version}: {}", decision.model, decision.reason))
            }
            (Verdict::Passed, None) => StepOutcome::Done(decision.reason),
            (Verdict::Refused, _) => StepOutcome::Refused(decision.reason),
        })
    }
}

impl Register {
    async fn prepare(&self, call: StepCall) -> Result<Offer> {
        let alias: AliasName = text(&call.with, "alias")?.parse()?;
        let (description, tags) = said_of_it(&call.with)?;
        let model_input = input(&call, "model")?.clone();
        let report: Report = serde_json::from_slice(&read(&input(&call, "report")?.path).await?).map_err(|source| {
            Error::invalid("EVALUATION_REPORT_INVALID", "the input `report` is not a report of the step `evaluate`")
                .with_source(source)
        })?;
        let model = model_name(&call.with)?;
        if report.model != model {
            return Err(Error::precondition(
                "EVALUATION_REPORT_STALE",
                format!("the report was made for the model `{}`, not for `{model}`", report.model),
            )
            .hint("name the same `model` under `with:` of `evaluate` and `register`"));
        }
        if report.candidate_digest != model_input.digest {
            return Err(Error::precondition("EVALUATION_REPORT_STALE", "the report was made for another model file")
                .hint("let `evaluate` and `register` take the same `model` input"));
        }
        let bytes = read(&model_input.path).await?;
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let loaded = self.0.load_bytes(bytes.clone().into()).await?;
        let signature = loaded.signature().clone();
        // Stored before the decision: a version never points to bytes that are not there.
        let digest = self.0.parts.blobs.put(bytes).await?;
        let reference = match call.inputs.get("reference") {
            Some(training) => {
                let profile = self
                    .0
                    .parts
                    .references
                    .build(Arc::clone(&loaded), &training.path)
                    .await
                    .map_err(|error| error.context("the training profile"))?;
                Some(self.0.parts.blobs.put(profile).await?)
            }
            None => None,
        };
        let file = ServableFile { digest, bytes: size, signature };
        let tracking_run_id = model_input.tracking_run_id;
        Ok(Offer { call, alias, report, loaded, file, reference, tracking_run_id, description, tags })
    }

    async fn decide(&self, ctx: &Ctx, mut offer: Offer) -> Result<GateDecision> {
        for _ in 0..MAX_OFFERS {
            let (parts, ctx, offered) = (self.0.parts.clone(), ctx.clone(), offer.clone());
            match self.0.parts.db.write(move |tx| settle(tx, &parts, &ctx, &offered)).await? {
                Settled::Decided(decision) => return Ok(*decision),
                Settled::Moved(champion) => offer.report = self.measure_again(&offer, champion).await?,
            }
        }
        let model = &offer.report.model;
        Err(Error::unavailable(
            "GATE_CHAMPION_MOVING",
            format!("the champion of `{model}` moves faster than candidates are measured"),
        )
        .hint("the step is tried again by itself"))
    }

    async fn measure_again(&self, offer: &Offer, champion: Option<i64>) -> Result<Report> {
        let report = &offer.report;
        let named = |version: Option<i64>| version.map_or("nobody".to_owned(), |version| format!("version {version}"));
        let Some(holdout) = report.holdout_digest else {
            return Err(Error::precondition(
                "EVALUATION_REPORT_STALE",
                format!(
                    "the candidate was compared with {}, and the champion of `{}` is {} now",
                    named(report.champion),
                    report.model,
                    named(champion)
                ),
            )
            .hint("start the pipeline again: `evaluate` then compares with the champion there is"));
        };
        tracing::info!(model = %report.model, before = ?report.champion, now = ?champion, "the champion has moved: the candidate is measured again");
        let bytes = self.0.parts.blobs.get(&holdout).await.map_err(|error| error.context("the held-out rows"))?;
        let rows = blocking(move || read_parquet(bytes)).await?;
        let candidate = Candidate {
            model: report.model.clone(),
            against: report.champion_alias.parse()?,
            target: report.target.clone(),
            digest: report.candidate_digest,
            loaded: Arc::clone(&offer.loaded),
            holdout,
        };
        self.0.measure(candidate, rows).await
    }
}

/// What the deciding transaction came to.
enum Settled {
    Decided(Box<GateDecision>),
    /// The champion is another than the report's, so nothing is decided.
    Moved(Option<i64>),
}

/// Decides, registers and moves the alias, all or nothing; a decision made before is answered again.
fn settle(tx: &mut Tx<'_>, parts: &Parts, ctx: &Ctx, offer: &Offer) -> Result<Settled> {
    let (run, step) = (offer.call.run.to_string(), offer.call.step.to_string());
    if let Some(decision) = store::decision_of_step(tx, &run, &step)? {
        return Ok(Settled::Decided(Box::new(decision)));
    }
    let report = &offer.report;
    let model: ModelName = report.model.clone();
    store::hold_model(tx, &model)?;
    let gate = must_model(tx, &model)?.gate.unwrap_or_default();
    let champion = opponent(tx, &model, &report.champion_alias.parse()?, report.candidate_digest)?;
    let champion = champion.map(|champion| champion.version.version);
    if champion != report.champion {
        return Ok(Settled::Moved(champion));
    }
    let mut decision = decided(parts, &gate, offer, &place(tx, &model, offer)?);
    if decision.verdict == Verdict::Passed {
        decision.version = Some(admit(tx, parts, ctx, offer, &decision)?);
    }
    store::insert_decision(tx, &decision, &step)?;
    let out = Outgoing { ctx, ids: parts.ids.as_ref(), clock: parts.clock.as_ref() };
    let stated = GateDecided {
        decision: decision.id,
        model,
        pipeline_run: Some(offer.call.run),
        verdict: decision.verdict.as_str().to_owned(),
        reason: decision.reason.clone(),
    };
    tx.emit(out, &stated)?;
    Ok(Settled::Decided(Box::new(decision)))
}

/// What `with` says of the version: its `description` and `tags`.
fn said_of_it(with: &BTreeMap<String, Value>) -> Result<(String, BTreeMap<String, String>)> {
    let wrong = |what: &str| Error::invalid("STEP_ARGUMENT_INVALID", format!("`with.{what}` of `register`"));
    let description = match with.get("description") {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return Err(wrong("description is no text")),
    };
    let tags: BTreeMap<String, String> = match with.get("tags") {
        None => BTreeMap::new(),
        Some(tags) => serde_json::from_value(tags.clone()).map_err(|_| wrong("tags is no map from names to texts"))?,
    };
    check_text("the description", &description)?;
    check_tags(&tags)?;
    Ok((description, tags))
}

/// Where a version that passes is put: the first of a model is its champion, there being nobody to compare with.
fn place(tx: &mut Tx<'_>, model: &ModelName, offer: &Offer) -> Result<AliasName> {
    let champion: AliasName = CHAMPION.parse()?;
    Ok(if store::alias(tx, model, &champion)?.is_none() { champion } else { offer.alias.clone() })
}

fn decided(parts: &Parts, gate: &Gate, offer: &Offer, alias: &AliasName) -> GateDecision {
    let report = &offer.report;
    let champion = report.champion.map(|_| &report.champion_metrics);
    let (verdict, mut rules) = gate::decide(gate, &report.metrics, champion);
    // The figures have had their say: one that they let in has passed the gate.
    let facts = Facts { description: &offer.description, tags: &offer.tags, gated: verdict == Verdict::Passed };
    rules.extend(requirements(&gate.require, alias, &facts));
    let verdict = gate::verdict(&rules);
    GateDecision {
        id: GateDecisionId::new(parts.ids.as_ref()),
        model: report.model.clone(),
        verdict,
        reason: gate::reason(verdict, &rules),
        pipeline_run: offer.call.run.to_string(),
        at: parts.clock.now(),
        version: None,
        champion: report.champion,
        rows: report.rows,
        metrics: report.metrics.clone(),
        champion_metrics: report.champion_metrics.clone(),
        rules,
        cause: offer.call.cause.clone(),
    }
}

fn admit(tx: &mut Tx<'_>, parts: &Parts, ctx: &Ctx, offer: &Offer, decision: &GateDecision) -> Result<i64> {
    let model = &decision.model;
    let new = NewVersion {
        source: format!("pipeline-run:{}", offer.call.run),
        tracking_run_id: offer.tracking_run_id.clone(),
        file: Some(offer.file.clone()),
        reference: offer.reference,
        lineage: Some(offer.call.lineage.clone()),
        metrics: decision.metrics.clone(),
        gate_decision: Some(decision.id),
        description: offer.description.clone(),
        tags: offer.tags.clone(),
        ..NewVersion::default()
    };
    let alias = place(tx, model, offer)?;
    let first = store::alias(tx, model, &CHAMPION.parse()?)?.is_none();
    let version = insert_version(tx, parts, ctx, model, new)?.version.version;
    let reason = if first {
        "the first version to pass the gate".to_owned()
    } else {
        format!("passed the gate: {}", decision.reason)
    };
    move_alias(tx, parts, ctx, model, &alias, Some(version), &reason)?;
    Ok(version)
}
