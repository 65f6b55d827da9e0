//! What must hold of a project beyond the types of its fields.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::time::Duration;

use pitcrew_contracts::names::{
    AlertRuleName, AliasName, DatasetName, DeploymentName, ModelName, MonitorName, PipelineName, ProjectName, StepName,
};
use pitcrew_contracts::spec::{
    Alert, Bounds, Check, Dataset, Deployment, MAX_RETRIES, MetricBound, Model, Monitor, Pipeline, Project, RunAlert,
    Step, Trigger,
};
use pitcrew_kernel::{Error, Span};

use crate::BUILT_INS;
use crate::graph::{cycle, needs};
use crate::locate::Source;
use crate::names::closest;

/// Figures that evaluation and monitoring compute.
const METRICS: &[&str] = &["mae", "rmse", "wape", "r2", "bias"];
const JUDGE_METRICS: &[&str] = &["absolute_error", "squared_error"];
const MAX_STEPS: usize = 500;
/// The rate that reference profiles are calibrated for; monitors may only ask for less.
const MAX_FALSE_ALARM_RATE: f64 = 0.01;

/// Runs are looked at this often, so no rule can be quicker.
const LEAST_PATIENCE: Duration = Duration::from_secs(60);

/// One thing that is wrong, and where.
#[derive(Debug)]
pub(crate) struct Problem {
    path: Vec<String>,
    what: String,
}

impl Problem {
    /// `pitcrew.yaml:12:7: pipelines.train.steps.train: what`.
    pub(crate) fn locate(&self, sources: &[Source]) -> String {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let place = sources.iter().max_by_key(|source| source.depth(&path)).and_then(|source| source.place(&path));
        let place = place.unwrap_or_else(|| crate::MAIN_FILE.to_owned());
        format!("{place}: {}: {}", self.path.join("."), self.what)
    }
}

struct Checker<'a> {
    project: &'a Project,
    root: &'a Path,
    problems: Vec<Problem>,
}

/// Every problem of the project.
pub(crate) fn validate(project: &Project, root: &Path) -> Vec<Problem> {
    let mut checker = Checker { project, root, problems: Vec::new() };
    checker.name::<ProjectName>(&["project"], &project.project);
    for (name, dataset) in &project.datasets {
        checker.dataset(name, dataset);
    }
    for (name, environment) in &project.environments {
        checker.file(&["environments", name, "requirements"], &environment.requirements);
    }
    for (name, model) in &project.models {
        checker.model(name, model);
    }
    for (name, pipeline) in &project.pipelines {
        checker.pipeline(name, pipeline);
    }
    for (name, deployment) in &project.deployments {
        checker.deployment(name, deployment);
    }
    for (name, monitor) in &project.monitors {
        checker.monitor(name, monitor);
    }
    for (name, alert) in &project.alerts {
        checker.alert(name, alert);
    }
    for (name, alert) in &project.run_alerts {
        checker.run_alert(name, alert);
    }
    checker.problems
}

impl Checker<'_> {
    fn wrong(&mut self, path: &[&str], what: impl Into<String>) {
        self.problems.push(Problem { path: path.iter().map(|part| (*part).to_owned()).collect(), what: what.into() });
    }

    fn name<T: std::str::FromStr<Err = Error>>(&mut self, path: &[&str], name: &str) {
        if let Err(error) = name.parse::<T>() {
            let hint = error.hint_text().map(|hint| format!("; {hint}")).unwrap_or_default();
            self.wrong(path, format!("{}{hint}", error.detail()));
        }
    }

    fn known<T>(&mut self, path: &[&str], what: &str, name: &str, all: &BTreeMap<String, T>) {
        if all.contains_key(name) {
            return;
        }
        let hint = match closest(name, all.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if all.is_empty() => format!("no {what} is declared"),
            None => format!("declared are: {}", all.keys().cloned().collect::<Vec<_>>().join(", ")),
        };
        self.wrong(path, format!("there is no {what} `{name}`; {hint}"));
    }

    fn one_of(&mut self, path: &[&str], name: &str, known: &[&str]) {
        if !known.contains(&name) {
            let hint = closest(name, known.iter().copied())
                .map_or(format!("one of {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
            self.wrong(path, format!("`{name}` is not known; {hint}"));
        }
    }

    /// A file named in the declaration must be there, inside of the project.
    fn file(&mut self, path: &[&str], file: &str) {
        if !stays_inside(file) {
            self.wrong(path, format!("`{file}` leads out of the project folder"));
        } else if !self.root.join(file).is_file() {
            self.wrong(path, format!("there is no file `{file}` in the project folder"));
        }
    }

    fn dataset(&mut self, name: &str, dataset: &Dataset) {
        self.name::<DatasetName>(&["datasets", name], name);
        let at = ["datasets", name, "source"];
        if dataset.source.is_empty() {
            self.wrong(&at, "it needs a path or glob, like `data/*.csv`");
        } else if !stays_inside(&dataset.source) {
            self.wrong(&at, format!("`{}` leads out of the project folder", dataset.source));
        } else if let Err(error) = globset::Glob::new(&dataset.source) {
            self.wrong(&at, format!("`{}` is not a glob: {}", dataset.source, error.kind()));
        }
        for (index, check) in dataset.checks.iter().enumerate() {
            self.check(name, &index.to_string(), check);
        }
    }

    fn check(&mut self, dataset: &str, index: &str, check: &Check) {
        let at = ["datasets", dataset, "checks", index];
        let of_columns =
            check.not_null || check.nulls.is_some() || check.unique || check.range.is_some() || check.one_of.is_some();
        if of_columns && check.column.is_none() {
            self.wrong(&at, "it needs a `column`");
        }
        if !of_columns && check.rows.is_none() && check.unique_together.is_none() {
            self.wrong(
                &at,
                "it checks nothing; add `rows`, `not_null`, `nulls`, `unique`, `unique_together`, `range` or `one_of`",
            );
        }
        if check.nulls.is_some_and(|nulls| !(0.0..=1.0).contains(&nulls.max_fraction)) {
            self.wrong(&[&at[..], &["nulls"]].concat(), "`max_fraction` must lie between 0 and 1");
        }
        for (field, bounds) in [("rows", check.rows), ("range", check.range)] {
            if let Some(bounds) = bounds {
                self.bounds(&[&at[..], &[field]].concat(), bounds);
            }
        }
    }

    fn bounds(&mut self, path: &[&str], bounds: Bounds) {
        match (bounds.min, bounds.max) {
            (None, None) => self.wrong(path, "it needs `min`, `max` or both"),
            (Some(min), Some(max)) if min > max => self.wrong(path, format!("`min` {min} is above `max` {max}")),
            _ => {}
        }
    }

    fn metric_bound(&mut self, path: &[&str], bound: &MetricBound) {
        self.one_of(&[path, &["metric"]].concat(), &bound.metric, METRICS);
        self.bounds(path, Bounds { min: bound.min, max: bound.max });
    }

    fn model(&mut self, name: &str, model: &Model) {
        self.name::<ModelName>(&["models", name], name);
        for (index, floor) in model.gate.floors.iter().enumerate() {
            self.metric_bound(&["models", name, "gate", "floors", &index.to_string()], floor);
        }
        if let Some(champion) = &model.gate.champion {
            self.one_of(&["models", name, "gate", "champion", "metric"], &champion.metric, METRICS);
            if !(0.0..=10.0).contains(&champion.tolerance) {
                self.wrong(
                    &["models", name, "gate", "champion", "tolerance"],
                    "it is a share and must lie between 0 and 10",
                );
            }
        }
    }

    fn pipeline(&mut self, name: &str, pipeline: &Pipeline) {
        let at = ["pipelines", name];
        self.name::<PipelineName>(&at, name);
        if let Some(dataset) = &pipeline.dataset {
            self.known(&["pipelines", name, "dataset"], "data set", dataset, &self.project.datasets);
        } else if pipeline.refresh {
            self.wrong(&["pipelines", name, "refresh"], "there is no `dataset` to refresh");
        }
        if let Some(environment) = &pipeline.environment {
            self.known(&["pipelines", name, "environment"], "environment", environment, &self.project.environments);
        }
        if pipeline.steps.is_empty() || pipeline.steps.len() > MAX_STEPS {
            self.wrong(&["pipelines", name, "steps"], format!("a pipeline has between 1 and {MAX_STEPS} steps"));
        }
        for (index, trigger) in pipeline.on.iter().enumerate() {
            if let Trigger::Schedule(text) = trigger
                && !(5..=6).contains(&text.split_whitespace().count())
            {
                self.wrong(
                    &["pipelines", name, "on", &index.to_string()],
                    format!("`{text}` is not a schedule; write five fields, then a time zone if not UTC"),
                );
            }
        }
        for (step_name, step) in &pipeline.steps {
            self.step(name, pipeline, step_name, step);
        }
        if let Some(cycle) = cycle(pipeline) {
            let first = cycle.first().copied().unwrap_or_default();
            self.wrong(
                &["pipelines", name, "steps", first],
                format!("the steps wait for each other: {}", cycle.join(" -> ")),
            );
        }
    }

    fn step(&mut self, pipeline_name: &str, pipeline: &Pipeline, name: &str, step: &Step) {
        let at = ["pipelines", pipeline_name, "steps", name];
        self.name::<StepName>(&at, name);
        match (&step.run, &step.uses) {
            (Some(run), None) => self.scripts(&[&at[..], &["run"]].concat(), run),
            (None, Some(uses)) => self.one_of(
                &[&at[..], &["uses"]].concat(),
                uses,
                &BUILT_INS.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ),
            _ => self.wrong(&at, "it needs either `run` (a command) or `uses` (a built-in step)"),
        }
        if let Some(environment) = &step.environment {
            self.known(&[&at[..], &["environment"]].concat(), "environment", environment, &self.project.environments);
        }
        if step.retries > MAX_RETRIES {
            self.wrong(&[&at[..], &["retries"]].concat(), format!("at most {MAX_RETRIES}"));
        }
        if step.timeout == Some(Span::seconds(0)) {
            self.wrong(&[&at[..], &["timeout"]].concat(), "it must be longer than nothing");
        }
        for output in step.outputs.iter().filter(|output| !stays_inside(output) || output.is_empty()) {
            self.wrong(&[&at[..], &["outputs"]].concat(), format!("`{output}` leads out of the output folder"));
        }
        for need in &step.needs {
            self.known(&[&at[..], &["needs"]].concat(), "step", need, &pipeline.steps);
        }
        for (input_name, input) in &step.inputs {
            self.input(&[&at[..], &["inputs", input_name]].concat(), pipeline, input);
        }
        if needs(step).contains(name) {
            self.wrong(&at, "it waits for itself");
        }
    }

    fn input(&mut self, path: &[&str], pipeline: &Pipeline, input: &str) {
        match input.split_once('/') {
            None if input == "dataset" && pipeline.dataset.is_some() => {}
            None if input == "dataset" => self.wrong(path, "the pipeline has no `dataset`"),
            None => self.wrong(path, format!("`{input}` is neither `dataset` nor `STEP/OUTPUT`")),
            Some((step, output)) => match pipeline.steps.get(step) {
                None => self.known(path, "step", step, &pipeline.steps),
                Some(found) if !has_output(found, output) => {
                    self.wrong(path, format!("step `{step}` has no output `{output}`"))
                }
                Some(_) => {}
            },
        }
    }

    /// Scripts named in a command must be there: a slip shows at apply, not an hour into a run.
    fn scripts(&mut self, path: &[&str], run: &str) {
        if run.trim().is_empty() {
            self.wrong(path, "the command is empty");
        }
        for word in run.split_whitespace().filter(|word| word.ends_with(".py") || word.ends_with(".sh")) {
            self.file(path, word);
        }
    }

    fn deployment(&mut self, name: &str, deployment: &Deployment) {
        self.name::<DeploymentName>(&["deployments", name], name);
        self.name::<AliasName>(&["deployments", name, "alias"], &deployment.alias);
        self.known(&["deployments", name, "model"], "model", &deployment.model, &self.project.models);
        let Some(release) = &deployment.release else { return };
        let at = ["deployments", name, "release"];
        self.name::<AliasName>(&[&at[..], &["candidate"]].concat(), &release.candidate);
        if release.candidate == deployment.alias {
            self.wrong(&[&at[..], &["candidate"]].concat(), "it must differ from the alias the deployment follows");
        }
        let increasing = release.steps.windows(2).all(|pair| pair[0] < pair[1]);
        if release.steps.last() != Some(&100) || !increasing || release.steps.first() == Some(&0) {
            self.wrong(&[&at[..], &["steps"]].concat(), "shares increase from above 0 to 100, like [10, 50, 100]");
        }
        self.one_of(&[&at[..], &["judge", "metric"]].concat(), &release.judge.metric, JUDGE_METRICS);
        if !(release.judge.alpha > 0.0 && release.judge.alpha < 0.5) {
            self.wrong(&[&at[..], &["judge", "alpha"]].concat(), "it must lie between 0 and 0.5");
        }
        if release.max_duration.duration().is_zero() {
            self.wrong(&[&at[..], &["max_duration"]].concat(), "it must be longer than nothing, like `30d`");
        }
        if release.guardrails.latency_ratio_p99 < 1.0 || !(0.0..=1.0).contains(&release.guardrails.failure_rate) {
            self.wrong(
                &[&at[..], &["guardrails"]].concat(),
                "`failure_rate` lies between 0 and 1, `latency_ratio_p99` is at least 1",
            );
        }
    }

    fn monitor(&mut self, name: &str, monitor: &Monitor) {
        self.name::<MonitorName>(&["monitors", name], name);
        self.known(&["monitors", name, "deployment"], "deployment", &monitor.deployment, &self.project.deployments);
        let (every, window) = (monitor.every.duration().as_millis(), monitor.window.duration().as_millis());
        if every == 0 || window == 0 || !window.is_multiple_of(every) {
            self.wrong(
                &["monitors", name, "window"],
                "it must be a whole number of times `every`, and neither may be zero",
            );
        }
        for (index, objective) in monitor.objectives.iter().enumerate() {
            self.metric_bound(&["monitors", name, "objectives", &index.to_string()], objective);
        }
        let rate = monitor.drift.false_alarm_rate;
        if !(rate > 0.0 && rate <= MAX_FALSE_ALARM_RATE) {
            let why = format!(
                "it must be above 0 and at most {MAX_FALSE_ALARM_RATE}: thresholds are calibrated for that rate when a version is registered"
            );
            self.wrong(&["monitors", name, "drift", "false_alarm_rate"], why);
        }
    }

    fn alert(&mut self, name: &str, alert: &Alert) {
        self.name::<AlertRuleName>(&["alerts", name], name);
        self.known(&["alerts", name, "monitor"], "monitor", &alert.monitor, &self.project.monitors);
        if let Some(monitor) = self.project.monitors.get(&alert.monitor)
            && !monitor.objectives.iter().any(|objective| objective.metric == alert.metric)
        {
            self.wrong(
                &["alerts", name, "metric"],
                format!("monitor `{}` has no objective for `{}`", alert.monitor, alert.metric),
            );
        }
        if alert.for_windows == 0 {
            self.wrong(&["alerts", name, "for"], "at least 1 window");
        }
        if let Some(action) = &alert.action {
            self.known(&["alerts", name, "action", "run"], "pipeline", &action.run, &self.project.pipelines);
        }
    }
}

impl Checker<'_> {
    fn run_alert(&mut self, name: &str, alert: &RunAlert) {
        self.name::<AlertRuleName>(&["run_alerts", name], name);
        if alert.experiment.as_ref().is_some_and(|experiment| experiment.trim().is_empty()) {
            self.wrong(&["run_alerts", name, "experiment"], "it is empty");
        }
        let bounds = [("above", alert.above), ("below", alert.below)];
        match (&alert.metric, alert.no_progress) {
            (None, None) => self.wrong(
                &["run_alerts", name],
                "say what must hold: a `metric` with `above` or `below`, or `no_progress`",
            ),
            (Some(_), Some(_)) => {
                self.wrong(&["run_alerts", name, "no_progress"], "a rule is about a metric or about progress, not both")
            }
            (Some(_), None) if bounds.iter().all(|(_, bound)| bound.is_none()) => {
                self.wrong(&["run_alerts", name, "metric"], "it needs `above` or `below`");
            }
            (None, Some(_)) => {
                for (field, _) in bounds.iter().filter(|(_, bound)| bound.is_some()) {
                    self.wrong(&["run_alerts", name, field], "it bounds a `metric`, and there is none");
                }
            }
            (Some(_), None) => {}
        }
        if alert.no_progress.is_some_and(|span| span.duration() < LEAST_PATIENCE) {
            self.wrong(&["run_alerts", name, "no_progress"], "at least 1 minute: runs are looked at once a minute");
        }
    }
}

fn has_output(step: &Step, output: &str) -> bool {
    match &step.uses {
        Some(uses) => BUILT_INS.iter().any(|(name, outputs)| name == uses && outputs.contains(&output)),
        None => step.outputs.iter().any(|known| known == output),
    }
}

fn stays_inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        && !path.contains('\0')
}
