//! What `pitcrew.yaml` declares, validated. `project` reads it; each slice applies its part.

mod gate;
mod one_or_many;

pub use gate::{BeatChampion, Gate, MetricBound, Require};
pub use one_or_many::OneOrMany;

use std::collections::BTreeMap;

use pitcrew_kernel::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A whole project: the merge of `pitcrew.yaml` and `*.pitcrew.yaml` beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The project's name.
    pub project: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Data sets by name.
    #[serde(default)]
    pub datasets: BTreeMap<String, Dataset>,
    /// Python environments by name.
    #[serde(default)]
    pub environments: BTreeMap<String, Environment>,
    /// Models by name, with their gates.
    #[serde(default)]
    pub models: BTreeMap<String, Model>,
    /// Pipelines by name.
    #[serde(default)]
    pub pipelines: BTreeMap<String, Pipeline>,
    /// Deployments by name.
    #[serde(default)]
    pub deployments: BTreeMap<String, Deployment>,
    /// Monitors by name.
    #[serde(default)]
    pub monitors: BTreeMap<String, Monitor>,
    /// Alert rules by name.
    #[serde(default)]
    pub alerts: BTreeMap<String, Alert>,
    /// Rules about runs by name.
    #[serde(default)]
    pub run_alerts: BTreeMap<String, RunAlert>,
}

/// A data set and what must hold of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// What one row is.
    #[serde(default)]
    pub description: String,
    /// Files, as a glob relative to the project folder. It may not leave the folder.
    pub source: String,
    /// The column that holds event time.
    #[serde(default)]
    pub time: Option<String>,
    /// Checks, all run in one scan; a failed check of severity `error` stops the version.
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// One or several expectations of a table or of columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Check {
    /// The column or columns the expectations are about; absent for `rows` and compound `unique_together`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<OneOrMany>,
    /// How many rows there must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<Bounds>,
    /// No value may be missing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_null: bool,
    /// How many values may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nulls: Option<Nulls>,
    /// No value may occur twice.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// No combination of these columns may occur twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique_together: Option<Vec<String>>,
    /// Values lie within.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<Bounds>,
    /// Values are among these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Value>>,
    /// `error` (the default) stops the version; `warn` only reports.
    pub severity: Severity,
}

/// Inclusive bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// The least allowed value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest allowed value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// How many values may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nulls {
    /// The greatest allowed share, 0 to 1.
    pub max_fraction: f64,
}

/// What a failed check does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Stops the version.
    #[default]
    Error,
    /// Only reports.
    Warn,
}

/// A Python environment, built once per lock and cached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// A requirements file with pinned versions, relative to the project folder.
    pub requirements: String,
    /// The interpreter; `python3` when absent.
    #[serde(default)]
    pub python: Option<String>,
}

/// A model and the gate every candidate must pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What it predicts.
    #[serde(default)]
    pub description: String,
    /// The rules a candidate must pass.
    #[serde(default)]
    pub gate: Gate,
}

/// A graph of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// The data set it works on.
    #[serde(default)]
    pub dataset: Option<String>,
    /// Read the data set's source again at the start of each run.
    #[serde(default)]
    pub refresh: bool,
    /// The environment of its steps.
    #[serde(default)]
    pub environment: Option<String>,
    /// Parameters with their defaults.
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
    /// What starts it besides people and alert actions.
    #[serde(default)]
    pub on: Vec<Trigger>,
    /// Steps by name.
    pub steps: BTreeMap<String, Step>,
}

/// What starts a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Trigger {
    /// A cron expression (five fields), in UTC or in `zone` written after it, like `0 3 * * * Europe/Berlin`.
    Schedule(String),
    /// The name of an event, like `data.version_created`.
    Event(String),
}

/// One step: a command (`run`) or a built-in act (`uses`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// A command, started without a shell in a copy of the project's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// A built-in act: `evaluate` or `register`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<String>,
    /// Arguments of the built-in act.
    #[serde(default)]
    pub with: BTreeMap<String, Value>,
    /// Steps that must end before, besides those named in `inputs`.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Files the step reads, by name: `dataset`, or `STEP/OUTPUT`.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// Files the step must write into its output folder.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// How many times a failed attempt is tried again.
    #[serde(default)]
    pub retries: u32,
    /// How long an attempt may take; one hour when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Span>,
    /// The environment, when not the pipeline's.
    #[serde(default)]
    pub environment: Option<String>,
    /// `false` runs it every time.
    #[serde(default = "yes")]
    pub cache: bool,
}

fn yes() -> bool {
    true
}

/// The most `retries` of a step: with the pauses between them, tries of about twenty minutes.
pub const MAX_RETRIES: u32 = 20;

/// A served model that follows an alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The model.
    pub model: String,
    /// The alias it follows.
    #[serde(default = "champion")]
    pub alias: String,
    /// How a new candidate is released; without it the deployment just follows the alias.
    #[serde(default)]
    pub release: Option<ReleasePolicy>,
}

fn champion() -> String {
    "champion".to_owned()
}

/// How a candidate is released.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleasePolicy {
    /// The alias whose movement starts a release.
    pub candidate: String,
    /// Shares of traffic in per cent, increasing, the last 100.
    pub steps: Vec<u8>,
    /// The statistical judgement.
    pub judge: Judge,
    /// How long, in event time, a candidate may be on trial. One of which nothing can be shown until then is taken out.
    #[serde(default = "thirty_days")]
    #[schemars(with = "String")]
    pub max_duration: Span,
    /// Limits that end a release at once.
    #[serde(default)]
    pub guardrails: Guardrails,
}

/// Hourly predictions whose errors resemble each other for a day need a week and more before the first verdict.
fn thirty_days() -> Span {
    Span::seconds(30 * 86_400)
}

/// How candidate and champion are compared on live traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// `absolute_error` or `squared_error`.
    pub metric: String,
    /// The chance of a wrong rollback or promotion allowed, over all looks together.
    pub alpha: f64,
    /// Labelled predictions needed before a verdict, at each step.
    pub min_samples: u64,
    /// Both versions answer each request (one of them unseen), so that errors are compared pair by pair.
    #[serde(default = "yes")]
    pub paired: bool,
    /// How much worse the candidate may be and still count as no worse, as a share of the champion's mean error.
    #[serde(default)]
    pub margin: f64,
}

/// Limits that end a release at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guardrails {
    /// The greatest share of failed answers.
    pub failure_rate: f64,
    /// The greatest ratio of the candidate's p99 latency to the champion's.
    pub latency_ratio_p99: f64,
}

impl Default for Guardrails {
    fn default() -> Self {
        Self { failure_rate: 0.01, latency_ratio_p99: 5.0 }
    }
}

/// What is watched of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Monitor {
    /// The deployment.
    pub deployment: String,
    /// How often a window ends, in event time.
    #[schemars(with = "String")]
    pub every: Span,
    /// How long a window is, in event time.
    #[schemars(with = "String")]
    pub window: Span,
    /// How long after the event its label is expected; a window is judged that long after its end.
    #[serde(default = "no_delay")]
    #[schemars(with = "String")]
    pub label_delay: Span,
    /// Labelled predictions a window needs; with fewer its verdict is "no data".
    #[serde(default = "min_samples")]
    pub min_samples: u64,
    /// What must hold of each window.
    #[serde(default)]
    pub objectives: Vec<MetricBound>,
    /// How drift is judged.
    #[serde(default)]
    pub drift: Drift,
}

fn no_delay() -> Span {
    Span::seconds(0)
}

fn min_samples() -> u64 {
    30
}

/// How drift is judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Drift {
    /// The chance of a false alarm per window over all features together.
    pub false_alarm_rate: f64,
}

impl Default for Drift {
    fn default() -> Self {
        Self { false_alarm_rate: 0.01 }
    }
}

/// When to raise an alarm, whom to tell and what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// The monitor.
    pub monitor: String,
    /// The metric; its bound is the monitor's objective.
    pub metric: String,
    /// Windows in a row that must miss the objective before it fires.
    #[serde(default = "one", rename = "for")]
    pub for_windows: u32,
    /// Whom to tell.
    #[serde(default)]
    pub notify: Vec<Notify>,
    /// What to do.
    #[serde(default)]
    pub action: Option<Action>,
}

fn one() -> u32 {
    1
}

/// What must hold of runs: bounds of a metric, or progress.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunAlert {
    /// The experiment; the project's own when absent.
    pub experiment: Option<String>,
    /// The metric; one that is not a number breaks any bound.
    pub metric: Option<String>,
    /// Fires when the newest value is above.
    pub above: Option<f64>,
    /// Fires when the newest value is below.
    pub below: Option<f64>,
    /// Fires when a run under way has measured nothing for so long.
    #[schemars(with = "Option<String>")]
    pub no_progress: Option<Span>,
    /// Whom to tell.
    pub notify: Vec<Notify>,
}

/// Whom to tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Notify {
    /// POST the alert as JSON to this address. `${NAME}` is replaced from the environment at apply; an unset name leaves the target out.
    Webhook(String),
}

/// What an alarm does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The pipeline to run.
    pub run: String,
    /// How long, in event time, before the same alert may act again.
    #[serde(default = "no_delay")]
    #[schemars(with = "String")]
    pub cooldown: Span,
}

/// One difference between what is declared and what is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `create`, `update`, `delete` or `unchanged`.
    pub action: ChangeAction,
    /// `dataset`, `environment`, `model`, `pipeline`, `deployment`, `monitor` or `alert`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What differs, in a few words.
    pub detail: String,
}

/// What apply does to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeAction {
    /// It is new.
    Create,
    /// It differs.
    Update,
    /// It is declared no more. Its history stays.
    Delete,
    /// Nothing to do.
    Unchanged,
}
