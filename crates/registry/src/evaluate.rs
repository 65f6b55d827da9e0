//! The built-in step `evaluate`: candidate and champion scored by the platform on the same held-out rows.
//!
//! Inputs: `model` (ONNX), `holdout` (Parquet). Arguments: `target` (the column with the truth), `model` (the registered model to compare with),
//! `champion` (its alias, `champion` by default). Output: `report.json`, a [`Report`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use pitcrew_columnar::{Table, read_parquet_file};
use pitcrew_contracts::names::{AliasName, ModelName, ModelRef};
use pitcrew_contracts::pipelines::{StepAction, StepCall, StepInput, StepOutcome, StepProbe};
use pitcrew_contracts::serving::{LoadedModel, score_columns};
use pitcrew_db::Tx;
use pitcrew_kernel::{Ctx, Digest, Error, Result};
use pitcrew_stats::metrics::RegressionMetrics;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Version;
use crate::service::Registry;
use crate::store;

/// The file the step writes.
pub(crate) const REPORT: &str = "report.json";
/// The alias candidates are compared with unless the step names another.
pub(crate) const CHAMPION: &str = "champion";

/// What says of a champion that it cannot score these rows, and will never: features were renamed, or have values it does not take. It then
/// counts as not measurable, and the gate says so. Any other error says nothing of the champion.
const CANNOT_SCORE: [&str; 4] =
    ["SERVING_COLUMNS_INVALID", "SERVING_INPUT_INVALID", "SERVING_RUN_FAILED", "PREDICTIONS_NOT_FINITE"];

/// How a candidate and the champion did on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The registered model.
    pub model: ModelName,
    /// The column with the truth.
    pub target: String,
    /// Rows scored.
    pub rows: i64,
    /// The candidate's bytes.
    pub candidate_digest: Digest,
    /// The candidate's figures: `mae`, `rmse`, `wape`, `r2`, `bias`.
    pub metrics: BTreeMap<String, f64>,
    /// The held-out rows, by which they can be scored again; absent from reports of older versions of this program.
    #[serde(default)]
    pub holdout_digest: Option<Digest>,
    /// The alias of the champion.
    #[serde(default = "champion_alias")]
    pub champion_alias: String,
    /// The champion compared with.
    pub champion: Option<i64>,
    /// The champion's figures on the same rows; empty when there is none.
    pub champion_metrics: BTreeMap<String, f64>,
}

fn champion_alias() -> String {
    CHAMPION.to_owned()
}

/// A candidate, and what it is measured by.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) model: ModelName,
    /// The alias of whom it is compared with.
    pub(crate) against: AliasName,
    pub(crate) target: String,
    pub(crate) digest: Digest,
    pub(crate) loaded: Arc<dyn LoadedModel>,
    pub(crate) holdout: Digest,
}

/// The step.
#[derive(Debug)]
pub struct Evaluate(pub Arc<Registry>);

#[async_trait]
impl StepAction for Evaluate {
    fn name(&self) -> &'static str {
        "evaluate"
    }

    fn outputs(&self) -> &'static [&'static str] {
        &[REPORT]
    }

    async fn cache_salt(&self, _ctx: &Ctx, probe: &StepProbe) -> Result<Option<String>> {
        let Some(candidate) = probe.inputs.get("model").copied() else { return Ok(None) };
        let (model, against) = (model_name(&probe.with)?, against(&probe.with)?);
        Ok(Some(match self.0.opponent(model, against, candidate).await? {
            Some(champion) => format!("champion {}", champion.version),
            None => "no champion".to_owned(),
        }))
    }

    async fn run(&self, ctx: &Ctx, call: StepCall) -> Result<StepOutcome> {
        ctx.require(pitcrew_kernel::Access::Write)?;
        let (model_file, holdout) = (input(&call, "model")?, input(&call, "holdout")?);
        let (model, against, target) = (model_name(&call.with)?, against(&call.with)?, text(&call.with, "target")?);
        let bytes = read(&model_file.path).await?;
        let loaded = self.0.load_bytes(bytes.into()).await.map_err(|error| error.context("the candidate"))?;
        let path = holdout.path.clone();
        let rows = blocking(move || read_parquet_file(&path)).await?;
        let candidate =
            Candidate { model, against, target, digest: model_file.digest, loaded, holdout: holdout.digest };
        let report = self.0.measure(candidate, rows).await?;
        write_report(&call.output_dir, &report).await?;
        Ok(StepOutcome::Done(sentence(&report)))
    }
}

impl Registry {
    /// Scores a candidate, and whom it is to be compared with now, on the same held-out rows.
    pub(crate) async fn measure(&self, candidate: Candidate, rows: Table) -> Result<Report> {
        let opponent = self.opponent(candidate.model.clone(), candidate.against.clone(), candidate.digest).await?;
        let champion = match opponent.as_ref().and_then(|version| version.digest) {
            Some(digest) => Some(self.load(&digest).await.map_err(|error| error.context("the champion"))?),
            None => None,
        };
        let (target, loaded) = (candidate.target.clone(), candidate.loaded);
        let (rows, metrics, champion_metrics) = blocking(move || score(&rows, &target, loaded, champion)).await?;
        Ok(Report {
            model: candidate.model,
            target: candidate.target,
            rows,
            candidate_digest: candidate.digest,
            metrics,
            holdout_digest: Some(candidate.holdout),
            champion_alias: candidate.against.to_string(),
            champion: opponent.map(|version| version.version.version),
            champion_metrics,
        })
    }

    async fn opponent(&self, model: ModelName, alias: AliasName, candidate: Digest) -> Result<Option<Version>> {
        self.parts.db.read(move |tx| opponent(tx, &model, &alias, candidate)).await
    }
}

fn against(with: &BTreeMap<String, Value>) -> Result<AliasName> {
    with.get("champion").and_then(Value::as_str).unwrap_or(CHAMPION).parse()
}

/// The version a candidate with these bytes is to be compared with: the champion, or, when the candidate has become the champion since,
/// the one it was compared with then. So a run with nothing changed has the same opponent as before.
pub(crate) fn opponent(
    tx: &mut Tx<'_>,
    model: &ModelName,
    alias: &AliasName,
    candidate: Digest,
) -> Result<Option<Version>> {
    let Some(version) = store::alias(tx, model, alias)? else { return Ok(None) };
    let champion = store::version(tx, &ModelRef { model: model.clone(), version })?;
    let Some(decision) = champion
        .as_ref()
        .filter(|champion| champion.digest == Some(candidate))
        .and_then(|champion| champion.gate_decision)
    else {
        return Ok(champion);
    };
    match store::decision(tx, decision)?.and_then(|decision| decision.champion) {
        Some(version) => store::version(tx, &ModelRef { model: model.clone(), version }),
        None => Ok(None),
    }
}

type Figures = BTreeMap<String, f64>;

fn score(
    rows: &Table,
    target: &str,
    candidate: Arc<dyn LoadedModel>,
    champion: Option<Arc<dyn LoadedModel>>,
) -> Result<(i64, Figures, Figures)> {
    let truth = rows.numeric(target)?;
    if truth.is_empty() {
        return Err(Error::precondition("HOLDOUT_EMPTY", "the held-out table has no rows, so nothing can be measured")
            .hint("let the step that writes it keep some rows apart"));
    }
    let columns = numeric_columns(rows);
    let metrics = figures(candidate.as_ref(), &columns, &truth).map_err(|error| error.context("the candidate"))?;
    let champion_metrics = match champion.map(|model| figures(model.as_ref(), &columns, &truth)) {
        Some(Err(error)) if CANNOT_SCORE.contains(&error.code()) => {
            tracing::warn!(error = ?error, "the champion cannot be scored on the held-out rows");
            Figures::new()
        }
        Some(measured) => measured.map_err(|error| error.context("the champion"))?,
        None => Figures::new(),
    };
    Ok((i64::try_from(truth.len()).unwrap_or(i64::MAX), metrics, champion_metrics))
}

/// Every column that reads as numbers; a model picks its own by name.
fn numeric_columns(table: &Table) -> Vec<(String, Vec<f64>)> {
    let named = table.schema().fields().iter().zip(table.columns());
    named.filter_map(|(field, column)| Some((field.name.clone(), column.numbers()?))).collect()
}

fn figures(model: &dyn LoadedModel, columns: &[(String, Vec<f64>)], truth: &[f64]) -> Result<Figures> {
    let scores = score_columns(model, columns)?;
    let mut metrics = RegressionMetrics::default();
    for (score, label) in scores.iter().zip(truth) {
        metrics.push(*score, *label);
    }
    if metrics.skipped() > 0 {
        return Err(Error::precondition(
            "PREDICTIONS_NOT_FINITE",
            format!("{} of {} predictions or labels are not finite", metrics.skipped(), truth.len()),
        ));
    }
    let all = [
        ("mae", metrics.mae()),
        ("rmse", metrics.rmse()),
        ("wape", metrics.wape()),
        ("r2", metrics.r2()),
        ("bias", metrics.bias()),
    ];
    Ok(all
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|value| value.is_finite())?)))
        .collect())
}

fn sentence(report: &Report) -> String {
    let mae = |figures: &Figures| figures.get("mae").map_or("not measured".to_owned(), |value| format!("{value:.2}"));
    match report.champion {
        Some(version) => format!(
            "{} held-out rows: candidate mae {}, champion {}/{version} mae {}",
            report.rows,
            mae(&report.metrics),
            report.model,
            mae(&report.champion_metrics)
        ),
        None => {
            format!("{} held-out rows: candidate mae {}; there is no champion yet", report.rows, mae(&report.metrics))
        }
    }
}

pub(crate) fn input<'a>(call: &'a StepCall, name: &str) -> Result<&'a StepInput> {
    call.inputs.get(name).ok_or_else(|| {
        Error::invalid("STEP_INPUT_MISSING", format!("step `{}` needs an input `{name}`", call.step))
            .hint("declare it under `inputs:` of the step in pitcrew.yaml")
    })
}

pub(crate) fn text(with: &BTreeMap<String, Value>, name: &str) -> Result<String> {
    with.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| {
        Error::invalid("STEP_ARGUMENT_MISSING", format!("the step needs the argument `{name}`"))
            .hint("declare it under `with:` of the step in pitcrew.yaml")
    })
}

pub(crate) fn model_name(with: &BTreeMap<String, Value>) -> Result<ModelName> {
    text(with, "model")?.parse()
}

pub(crate) async fn read(path: &Path) -> Result<Vec<u8>> {
    tokio::fs::read(path).await.map_err(|source| Error::internal("an input of a built-in step cannot be read", source))
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|source| Error::internal("a built-in step did not finish", source))?
}

async fn write_report(folder: &Path, report: &Report) -> Result<()> {
    let text = store::json(report)?;
    tokio::fs::write(folder.join(REPORT), text)
        .await
        .map_err(|source| Error::internal("the report cannot be written", source))
}
