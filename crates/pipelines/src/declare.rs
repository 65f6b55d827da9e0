//! What `pitcrew.yaml` says of environments and pipelines becomes what is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use pitcrew_contracts::names::PipelineName;
use pitcrew_contracts::spec::{self, Change, ChangeAction, Trigger};
use pitcrew_db::Tx;
use pitcrew_kernel::{Digest, Error, Result};
use pitcrew_work::{Applying, CodeSnapshot, Declared, Schedule, diff, set_schedules};
use serde_json::json;

use crate::graph::{Graph, invalid, is_inside};
use crate::key::{changed_files, code_digest, step_files};
use crate::model::{EnvironmentPlan, Plan};
use crate::requirements::{MAX_REQUIREMENTS_BYTES, check_pins};
use crate::service::{Pipelines, SCHEDULED_JOB};
use crate::store::declared;
use crate::words;

const ENVIRONMENT: &str = "environment";
const PIPELINE: &str = "pipeline";

impl Declared for Pipelines {
    fn apply(&self, tx: &mut Tx<'_>, applying: &Applying<'_>) -> Result<Vec<Change>> {
        let environments = environments(applying)?;
        let mut changes = apply_environments(tx, applying, &environments)?;
        let plans = self.plans(applying, &environments)?;
        changes.extend(apply_pipelines(tx, applying, &plans)?);
        Ok(changes)
    }
}

impl Pipelines {
    fn plans(
        &self,
        applying: &Applying<'_>,
        environments: &BTreeMap<String, EnvironmentPlan>,
    ) -> Result<BTreeMap<String, Plan>> {
        let code = code_digest(&applying.code.files);
        let plan = |(name, declared): (&String, &spec::Pipeline)| {
            self.plan(applying, declared, code, environments)
                .map(|plan| (name.clone(), plan))
                .map_err(|error| error.context(format!("pipeline `{name}`")))
        };
        applying.project.pipelines.iter().map(plan).collect()
    }

    fn plan(
        &self,
        applying: &Applying<'_>,
        declared: &spec::Pipeline,
        code: Digest,
        environments: &BTreeMap<String, EnvironmentPlan>,
    ) -> Result<Plan> {
        Graph::of(declared, &self.book.built_ins)?;
        let mut used = BTreeMap::new();
        for (name, step) in &declared.steps {
            let at = |error: Error| error.context(format!("step `{name}`"));
            if let Some(command) = &step.run {
                check_files(command, applying.code).map_err(at)?;
            }
            for environment in step.environment.iter().chain(&declared.environment) {
                let known = environments.get(environment).ok_or_else(|| {
                    let names: Vec<&str> = environments.keys().map(String::as_str).collect();
                    at(invalid(format!("there is no environment `{environment}`"))
                        .hint(format!("environments are {}", names.join(", "))))
                })?;
                used.insert(environment.clone(), known.clone());
            }
        }
        for trigger in &declared.on {
            if let Trigger::Schedule(expression) = trigger {
                expression.parse::<Schedule>()?;
            }
        }
        Ok(Plan { project: applying.project.project.clone(), spec: declared.clone(), code, environments: used })
    }
}

/// Refuses a command whose script is not part of the project.
fn check_files(command: &str, code: &CodeSnapshot) -> Result<()> {
    let words = words::split(command)?;
    let first = words.first().map(String::as_str).unwrap_or_default();
    let is_script = |word: &&String| word.ends_with(".py") || word.ends_with(".sh");
    let script = if first.contains('/') { Some(first) } else { words.get(1).filter(is_script).map(String::as_str) };
    match script.map(|script| script.trim_start_matches("./")).filter(|script| is_inside(script)) {
        Some(script) if !code.files.iter().any(|file| file.path == script) => {
            Err(Error::invalid("PIPELINE_FILE_MISSING", format!("the project has no file `{script}`"))
                .hint("paths are relative to the project folder; ignored files are not part of the project's code"))
        }
        _ => Ok(()),
    }
}

fn environments(applying: &Applying<'_>) -> Result<BTreeMap<String, EnvironmentPlan>> {
    let plan = |(name, declared): (&String, &spec::Environment)| {
        let requirements = requirements(applying, &declared.requirements)
            .and_then(|text| check_pins(&declared.requirements, &text).map(|()| text))
            .map_err(|error| error.context(format!("environment `{name}`")))?;
        let plan =
            EnvironmentPlan { file: declared.requirements.clone(), requirements, python: declared.python.clone() };
        Ok((name.clone(), plan))
    };
    applying.project.environments.iter().map(plan).collect()
}

/// The text of a requirements file, the same bytes as in the stored code.
fn requirements(applying: &Applying<'_>, path: &str) -> Result<String> {
    let missing = || {
        Error::invalid("ENVIRONMENT_FILE_MISSING", format!("the project has no file `{path}`"))
            .hint("`requirements` names a file relative to the project folder")
    };
    let stored = applying.code.files.iter().find(|file| file.path == path).ok_or_else(missing)?;
    let file = applying.root.join(path);
    let size = fs::metadata(&file).map_err(|source| missing().with_source(source))?.len();
    if size > MAX_REQUIREMENTS_BYTES {
        return Err(Error::invalid(
            "ENVIRONMENT_FILE_MISSING",
            format!("`{path}` is longer than {MAX_REQUIREMENTS_BYTES} bytes"),
        ));
    }
    let bytes = fs::read(&file).map_err(|source| missing().with_source(source))?;
    if blake3::hash(&bytes).as_bytes() != stored.digest.as_bytes() {
        return Err(Error::conflict("PROJECT_CHANGED", format!("`{path}` changed while the project was read"))
            .hint("apply again"));
    }
    String::from_utf8(bytes).map_err(|source| {
        Error::invalid("ENVIRONMENT_FILE_MISSING", format!("`{path}` is not text in UTF-8")).with_source(source)
    })
}

fn apply_environments(
    tx: &mut Tx<'_>,
    applying: &Applying<'_>,
    plans: &BTreeMap<String, EnvironmentPlan>,
) -> Result<Vec<Change>> {
    let mut gone = Vec::new();
    let found = diff(tx, applying, ENVIRONMENT, plans, &mut gone)?;
    let described = found.into_iter().map(|registered| {
        let detail = match (registered.change.action, registered.spec) {
            (ChangeAction::Create | ChangeAction::Update, Some(plan)) => {
                let pins = plan.requirements.lines().filter(|line| line.contains("==")).count();
                format!("{pins} pinned requirements of {}", plan.file)
            }
            _ => String::new(),
        };
        Change { detail, ..registered.change }
    });
    Ok(described.collect())
}

fn apply_pipelines(tx: &mut Tx<'_>, applying: &Applying<'_>, plans: &BTreeMap<String, Plan>) -> Result<Vec<Change>> {
    let mut gone = Vec::new();
    let found = diff(tx, applying, PIPELINE, plans, &mut gone)?;
    let mut changes = Vec::new();
    for registered in found {
        let mut change = registered.change;
        match registered.spec {
            Some(plan) => {
                let name: PipelineName = registered.name.parse()?;
                change.detail = describe(tx, &name, plan, &change, applying)?;
                put(tx, applying, &name, plan, change.action != ChangeAction::Unchanged)?;
            }
            None => {
                declared::withdraw(tx, registered.name)?;
                schedule(tx, applying, registered.name, &[])?;
            }
        }
        changes.push(change);
    }
    Ok(changes)
}

fn put(tx: &mut Tx<'_>, applying: &Applying<'_>, name: &PipelineName, plan: &Plan, changed: bool) -> Result<()> {
    let files: Vec<_> = step_files(&applying.code.files).collect();
    declared::put_code(tx, &plan.code, &files)?;
    let digest = declared::put_plan(tx, plan)?;
    let (git_commit, now) = (applying.code.git_commit.as_deref(), applying.out.clock.now());
    declared::put_pipeline(tx, name, &digest, git_commit, &triggers(applying, name, plan), now)?;
    if changed {
        let mut events = BTreeSet::new();
        let mut schedules = Vec::new();
        for trigger in &plan.spec.on {
            match trigger {
                Trigger::Schedule(expression) => schedules.push(expression.clone()),
                Trigger::Event(event) => {
                    events.insert(event.as_str());
                }
            }
        }
        declared::set_triggers(tx, name, &events)?;
        schedule(tx, applying, name.as_str(), &schedules)?;
    }
    Ok(())
}

fn schedule(tx: &mut Tx<'_>, applying: &Applying<'_>, name: &str, expressions: &[String]) -> Result<()> {
    let owner = format!("pipeline:{name}");
    set_schedules(tx, applying.out.clock.now(), &owner, SCHEDULED_JOB, expressions, &json!({"pipeline": name}))
}

/// What starts the pipeline, in words: its own triggers, and the alerts of the project that run it.
fn triggers(applying: &Applying<'_>, name: &PipelineName, plan: &Plan) -> Vec<String> {
    let own = plan.spec.on.iter().map(|trigger| match trigger {
        Trigger::Schedule(expression) => format!("schedule {expression}"),
        Trigger::Event(event) => format!("event {event}"),
    });
    let alerts = applying
        .project
        .alerts
        .iter()
        .filter(|(_, alert)| alert.action.as_ref().is_some_and(|action| action.run == name.as_str()));
    alerts.map(|(alert, _)| format!("alert {alert}")).chain(own).collect()
}

/// What a change of a pipeline changes.
fn describe(
    tx: &mut Tx<'_>,
    name: &PipelineName,
    plan: &Plan,
    change: &Change,
    applying: &Applying<'_>,
) -> Result<String> {
    match change.action {
        ChangeAction::Create => return Ok(format!("{} steps", plan.spec.steps.len())),
        ChangeAction::Update => {}
        ChangeAction::Unchanged | ChangeAction::Delete => return Ok(String::new()),
    }
    let before = match declared::pipeline(tx, name) {
        Ok(applied) => applied.plan,
        Err(error) if error.code() == "PIPELINE_NOT_FOUND" => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let mut said = Vec::new();
    if before.code != plan.code {
        let files = changed_files(&declared::code(tx, &before.code)?, &applying.code.files);
        said.push(format!("code: {}", files.join(", ")));
    }
    if before.environments != plan.environments {
        said.push("environment".to_owned());
    }
    let names: BTreeSet<&String> = before.spec.steps.keys().chain(plan.spec.steps.keys()).collect();
    said.extend(names.into_iter().filter_map(|step| match (before.spec.steps.get(step), plan.spec.steps.get(step)) {
        (None, _) => Some(format!("step `{step}` is new")),
        (_, None) => Some(format!("step `{step}` is gone")),
        (old, new) => (old != new).then(|| format!("step `{step}`")),
    }));
    let rest = |plan: &Plan| spec::Pipeline { steps: BTreeMap::new(), ..plan.spec.clone() };
    if rest(&before) != rest(plan) {
        said.push("settings".to_owned());
    }
    Ok(said.join("; "))
}
