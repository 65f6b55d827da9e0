//! From files to one checked declaration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pitcrew_contracts::spec::{
    Alert, Dataset, Deployment, Environment, Model, Monitor, Notify, Pipeline, Project, RunAlert,
};
use pitcrew_kernel::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::locate::{Node, Source};
use crate::validate::validate;

/// The file that makes a folder a project.
pub const MAIN_FILE: &str = "pitcrew.yaml";
const FRAGMENT_ENDING: &str = ".pitcrew.yaml";
/// Largest declaration file.
const MAX_FILE: u64 = 1024 * 1024;
/// Most fragments beside the main file.
const MAX_FRAGMENTS: usize = 200;

/// What a file beside `pitcrew.yaml` may declare.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Fragment {
    datasets: BTreeMap<String, Dataset>,
    environments: BTreeMap<String, Environment>,
    models: BTreeMap<String, Model>,
    pipelines: BTreeMap<String, Pipeline>,
    deployments: BTreeMap<String, Deployment>,
    monitors: BTreeMap<String, Monitor>,
    alerts: BTreeMap<String, Alert>,
    run_alerts: BTreeMap<String, RunAlert>,
}

/// Reads and checks the project in `root`, without an environment to substitute from.
///
/// # Errors
/// `PROJECT_MISSING`, `PROJECT_UNREADABLE`, `PROJECT_INVALID` (all problems of all files, with file, line and field).
pub fn load(root: &Path) -> Result<Project> {
    load_with(root, &|_| None)
}

/// The same; `${NAME}` in webhook addresses is replaced by what `environment` knows, and targets with an unknown name are left out.
///
/// # Errors
/// As [`load`].
pub fn load_with(root: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Project> {
    let main = root.join(MAIN_FILE);
    if !main.is_file() {
        return Err(Error::not_found("PROJECT_MISSING", format!("there is no `{MAIN_FILE}` in `{}`", root.display()))
            .hint("change to the project's folder, or make a project with `pitcrew init`"));
    }
    let (mut project, source): (Project, Source) = parse(&main)?;
    let mut sources = vec![source];
    for path in fragments(root)? {
        let (fragment, source): (Fragment, Source) = parse(&path)?;
        merge(&mut project, fragment, &source)?;
        sources.push(source);
    }
    substitute(&mut project, environment);
    let problems = validate(&project, root);
    if problems.is_empty() {
        return Ok(project);
    }
    let lines: Vec<String> = problems.iter().map(|problem| problem.locate(&sources)).collect();
    Err(invalid(lines.join("\n")))
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<(T, Source)> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let unreadable = |why: String| Error::precondition("PROJECT_UNREADABLE", format!("`{file}` cannot be read: {why}"));
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > MAX_FILE {
        return Err(Error::too_large("PROJECT_TOO_LARGE", format!("`{file}` is larger than {MAX_FILE} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    // YAML 1.2: `y`, `no` and `on` are words (a column may well be called `y`), only `true` and `false` are truth values.
    let options = serde_saphyr::options! { strict_booleans: true };
    let tree: Node =
        serde_saphyr::from_str_with_options(&text, options.clone()).map_err(|error| syntax(&file, None, &error))?;
    let source = Source { file, tree };
    let typed = serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| syntax(&source.file, Some(&source), &error))?;
    Ok((typed, source))
}

/// A YAML or type error: the library knows line and column.
fn syntax(file: &str, source: Option<&Source>, error: &serde_saphyr::Error) -> Error {
    let at = error.location().map(|at| (at.line(), at.column()));
    let place = at.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
    let field = source.zip(at).and_then(|(source, (line, column))| source.field_at(line, column));
    let field = field.map(|field| format!("{field}: ")).unwrap_or_default();
    let text = error.without_snippet().to_string();
    // The library repeats the place in its sentence; once is enough.
    let sentence = text.split(" at line ").next().unwrap_or(&text);
    let sentence = sentence
        .rsplit_once("column ")
        .map_or(sentence, |(_, rest)| rest.split_once(": ").map_or(sentence, |(_, rest)| rest));
    invalid(format!("{file}{place}: {field}{sentence}"))
}

fn invalid(detail: String) -> Error {
    Error::invalid("PROJECT_INVALID", detail)
        .hint("the format is described in docs/pitcrew-yaml.md; `pitcrew schema` prints a JSON Schema for editors")
}

fn fragments(root: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error: std::io::Error| {
        Error::precondition("PROJECT_UNREADABLE", format!("`{}` cannot be read: {error}", root.display()))
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(root).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(FRAGMENT_ENDING) && !name.starts_with('.') && path.is_file() {
            paths.push(path);
        }
    }
    if paths.len() > MAX_FRAGMENTS {
        return Err(Error::too_large(
            "PROJECT_TOO_LARGE",
            format!("there are more than {MAX_FRAGMENTS} `*{FRAGMENT_ENDING}` files"),
        ));
    }
    paths.sort();
    Ok(paths)
}

fn merge(project: &mut Project, fragment: Fragment, source: &Source) -> Result<()> {
    let Fragment { datasets, environments, models, pipelines, deployments, monitors, alerts, run_alerts } = fragment;
    add(&mut project.datasets, datasets, "datasets", source)?;
    add(&mut project.environments, environments, "environments", source)?;
    add(&mut project.models, models, "models", source)?;
    add(&mut project.pipelines, pipelines, "pipelines", source)?;
    add(&mut project.deployments, deployments, "deployments", source)?;
    add(&mut project.monitors, monitors, "monitors", source)?;
    add(&mut project.alerts, alerts, "alerts", source)?;
    add(&mut project.run_alerts, run_alerts, "run_alerts", source)
}

fn add<T>(into: &mut BTreeMap<String, T>, from: BTreeMap<String, T>, section: &str, source: &Source) -> Result<()> {
    for (name, value) in from {
        if into.contains_key(&name) {
            let place = source.place(&[section, &name]).unwrap_or_else(|| source.file.clone());
            return Err(invalid(format!("{place}: {section}.{name}: it is declared in another file already")));
        }
        into.insert(name, value);
    }
    Ok(())
}

fn substitute(project: &mut Project, environment: &dyn Fn(&str) -> Option<String>) {
    let alerts = project.alerts.values_mut().map(|alert| &mut alert.notify);
    for notify in alerts.chain(project.run_alerts.values_mut().map(|alert| &mut alert.notify)) {
        notify.retain_mut(|Notify::Webhook(url)| match replaced(url, environment) {
            Some(text) => {
                *url = text;
                true
            }
            None => false,
        });
    }
}

/// `None` when a name in it is unknown.
fn replaced(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}')?;
        out.push_str(before);
        out.push_str(&environment(name)?);
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}
