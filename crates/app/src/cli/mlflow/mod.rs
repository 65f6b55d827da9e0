//! Everything that MLflow keeps comes in: each run is written to a folder as an export would, and brought in from there. So a call that was cut
//! off goes on where it was, and what is there already is compared.

pub(crate) mod args;
mod http;
mod registry;
mod source;
mod store;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;

use args::Mlflow;
use pitcrew_client::{Client, escaped as escape};
use pitcrew_kernel::{Error, MAX_PAGE_LIMIT, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::out::{Out, field, items};
use super::runs::folder::{self, FILES, HEAD, POINTS_FOLDER, RunFile};
use super::runs::{Bringing, Brought, Tally, bring};
use source::{Experiment, LoggedModel, Run, Source, SourceFile, unwritable};

/// Experiments of ours that are looked through.
const EXPERIMENTS_MAX: usize = 100_000;
/// Files that the server lists of one run or model.
const LISTED_FILES: usize = 10_000;
/// Exit code when something was refused: as for anything that the state of the system forbids.
const REFUSED: u8 = 4;

/// What came in.
#[derive(Debug, Default)]
struct Came {
    experiments: u64,
    runs: Tally,
    models: u64,
    models_unchanged: u64,
    /// Runs and models whose files cannot be reached from here.
    without_files: u64,
    refused: Vec<Value>,
}

/// What the server has of a run or a logged model already.
#[derive(Debug, Default, Deserialize)]
struct Here {
    #[serde(default)]
    there: bool,
    #[serde(default)]
    root: String,
    #[serde(default)]
    artifacts: Vec<RunFile>,
}

pub(crate) async fn import(client: &Client, plan: Mlflow, out: Out) -> Result<ExitCode> {
    let source = Source::open(&plan.from, plan.from_token).await?;
    let mut came = Came::default();
    let ours = experiments_here(client).await?;
    let wanted = |experiment: &Experiment| plan.experiments.is_empty() || plan.experiments.contains(&experiment.name);
    for experiment in source.experiments().await?.into_iter().filter(wanted) {
        out.note(&format!("experiment {}", experiment.name));
        came.experiments += 1;
        if !plan.dry_run {
            match prepare(client, &experiment, &ours).await {
                // One of this name was deleted here: it is told, and the others come in.
                Err(error) if error.code() == "SERVER_REFUSED" => {
                    came.refused
                        .push(json!({ "experiment": experiment.name, "code": error.code(), "detail": error.detail() }));
                    continue;
                }
                prepared => prepared?,
            }
        }
        let how = if plan.dry_run { Bringing::Try } else { Bringing::Now };
        let mut page = None;
        loop {
            let (runs, next) = source.runs(&experiment.id, page).await?;
            for run in runs {
                one_run(client, &source, &experiment, run, how, &mut came, out).await?;
            }
            page = next;
            if page.is_none() {
                break;
            }
        }
        for model in source.logged_models(&experiment.id).await? {
            one_model(client, &source, &experiment, model, how, &mut came).await?;
        }
    }
    // Versions refer to runs and models of any experiment.
    let models = if plan.experiments.is_empty() { source.registered().await? } else { Vec::new() };
    let registry = registry::bring(client, models, plan.dry_run).await?;
    came.refused.extend(registry.refused.iter().cloned());
    say(&came, &registry, plan.dry_run, out);
    Ok(if came.refused.is_empty() { came.runs.code() } else { ExitCode::from(REFUSED) })
}

fn say(came: &Came, registry: &registry::Came, dry_run: bool, out: Out) {
    let result = json!({
        "dry_run": dry_run, "experiments": came.experiments, "runs": came.runs.json(),
        "logged_models": { "new": came.models, "unchanged": came.models_unchanged },
        "registered_models": registry.models, "versions": registry.versions, "aliases": registry.aliases, "registry_unchanged": registry.unchanged,
        "without_files": came.without_files, "refused": came.refused,
    });
    let how = if dry_run { Bringing::Try } else { Bringing::Now };
    out.result(&result, |_| {
        let mut lines = vec![
            format!("{} experiments", came.experiments),
            came.runs.words(how),
            format!("{} logged models new, {} unchanged", came.models, came.models_unchanged),
            format!(
                "{} registered models, {} versions, {} aliases new; {} unchanged",
                registry.models, registry.versions, registry.aliases, registry.unchanged
            ),
        ];
        if came.without_files > 0 {
            lines.push(format!(
                "{} runs or models without files: those cannot be reached from here",
                came.without_files
            ));
        }
        lines.extend(came.refused.iter().map(|one| format!("refused: {one}")));
        lines.join("\n")
    });
}

/// Experiments of ours by name.
async fn experiments_here(client: &Client) -> Result<BTreeMap<String, Value>> {
    let all = client.list(&format!("/api/v1/experiments?limit={MAX_PAGE_LIMIT}"), EXPERIMENTS_MAX).await?;
    Ok(items(&all).iter().map(|one| (field(one, "/name"), one.clone())).collect())
}

/// Makes an experiment, and gives it the tags it lacks.
async fn prepare(client: &Client, experiment: &Experiment, ours: &BTreeMap<String, Value>) -> Result<()> {
    let id = match ours.get(&experiment.name) {
        Some(found) => field(found, "/experiment_id"),
        None => {
            let made = client.post("/api/2.0/mlflow/experiments/create", &json!({ "name": experiment.name })).await?;
            field(&made, "/experiment_id")
        }
    };
    let has = |key: &str| ours.get(&experiment.name).is_some_and(|found| found["tags"].get(key).is_some());
    for (key, value) in experiment.tags.iter().filter(|(key, _)| !has(key)) {
        let tags = json!({ "tags": { key: value } });
        client.patch(&format!("/api/v1/experiments/{}", escape(&id)), &tags).await?;
    }
    Ok(())
}

async fn one_run(
    client: &Client,
    source: &Source,
    experiment: &Experiment,
    run: Run,
    how: Bringing,
    came: &mut Came,
    out: Out,
) -> Result<()> {
    let work = tempfile::tempdir().map_err(|error| unwritable(Path::new("a scratch folder"), error))?;
    let before = here(client, &run.run_id).await?;
    let files = write(source, experiment, &run, &before, how, work.path()).await?;
    came.without_files += u64::from(files.is_none());
    let files = files.unwrap_or_default();
    let brought = match folder::read(work.path()) {
        Ok(folder) => bring(client, folder, how).await,
        Err(error) => Err(error),
    };
    let brought = match brought {
        Ok(brought) if how == Bringing::Now => {
            whole(&here(client, &run.run_id).await?, &files, &run.run_id).map(|()| brought)
        }
        other => other,
    };
    let count = files.len() as u64;
    came.runs.count(&run.run_id, brought.map(|brought| Brought { files: count, ..brought }), out)
}

/// That everything came: points were counted when the import ended, files are counted here.
fn whole(here: &Here, files: &[SourceFile], owner: &str) -> Result<()> {
    match files.iter().find(|file| !is_here(file, here)) {
        // The server lists no more than so many.
        Some(_) if here.artifacts.len() >= LISTED_FILES => Ok(()),
        Some(file) => {
            let detail = format!("`{}` of {owner} is not here as it is there", file.path);
            Err(Error::conflict("IMPORT_INCOMPLETE", detail)
                .hint("import again; if that does not help, compare the two files"))
        }
        None => Ok(()),
    }
}

/// What of a run is here; nothing when it is not.
async fn here(client: &Client, run_id: &str) -> Result<Here> {
    match client.get(&format!("/api/v1/runs/import/{}", escape(run_id))).await {
        Ok(answer) => {
            serde_json::from_value(answer).map_err(|source| Error::internal("an answer does not read", source))
        }
        // A deleted run is told when it is to come in.
        Err(error) if ["RUN_IMPORT_NOT_FOUND", "RUN_DELETED"].contains(&error.code()) => Ok(Here::default()),
        Err(error) => Err(error),
    }
}

/// Writes a run to a folder as an export would, without the files that are here already; answers which files it has, `None` when they
/// cannot be reached. A dry run fetches no file.
async fn write(
    source: &Source,
    experiment: &Experiment,
    run: &Run,
    here: &Here,
    how: Bringing,
    into: &Path,
) -> Result<Option<Vec<SourceFile>>> {
    let mut head = run.head.clone();
    head["format"] = json!(1);
    head["experiment"] = json!(experiment.name);
    if field(&head, "/name").is_empty() {
        head["name"] = json!(run.run_id);
    }
    let text = |source| unwritable(into, source);
    std::fs::write(into.join(HEAD), head.to_string()).map_err(text)?;
    std::fs::create_dir(into.join(POINTS_FOLDER)).map_err(text)?;
    for (at, key) in run.metrics.iter().enumerate() {
        let file = into.join(POINTS_FOLDER).join(format!("{at:05}.jsonl"));
        series(source, &run.run_id, key, &file).await?;
    }
    let files = source.files(&run.artifact_uri, &run.run_id).await?;
    if let (Some(files), Bringing::Now) = (&files, how) {
        for file in files.iter().filter(|file| !is_here(file, here)) {
            let target = folder::below(&into.join(FILES), &file.path)?;
            source.fetch(&run.artifact_uri, &run.run_id, file, &target).await?;
        }
    }
    Ok(files)
}

/// Whether a file of this name and size is here.
fn is_here(file: &SourceFile, here: &Here) -> bool {
    here.artifacts.iter().any(|has| has.path == file.path && has.bytes == file.bytes)
}

async fn series(source: &Source, run_id: &str, key: &str, path: &Path) -> Result<()> {
    let failed = |source| unwritable(path, source);
    let mut lines = BufWriter::new(File::create(path).map_err(failed)?);
    let mut page = None;
    loop {
        let (points, next) = source.points(run_id, key, page).await?;
        for point in points {
            writeln!(lines, "{}", json!(point)).map_err(failed)?;
        }
        page = next;
        if page.is_none() {
            return lines.flush().map_err(failed);
        }
    }
}

/// Whether a logged model of this id is here.
async fn is_there(client: &Client, model_id: &str) -> Result<bool> {
    match client.get(&format!("/api/2.0/mlflow/logged-models/{}", escape(model_id))).await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == "SERVER_REFUSED" => Ok(false),
        Err(error) => Err(error),
    }
}

async fn one_model(
    client: &Client,
    source: &Source,
    experiment: &Experiment,
    model: LoggedModel,
    how: Bringing,
    came: &mut Came,
) -> Result<()> {
    if how == Bringing::Try {
        *(if is_there(client, &model.model_id).await? { &mut came.models_unchanged } else { &mut came.models }) += 1;
        return Ok(());
    }
    let mut head = model.head.clone();
    head["experiment"] = json!(experiment.name);
    let answer = match client.post("/api/v1/logged-models/import", &head).await {
        Ok(answer) => answer,
        Err(error) if ["RUN_IMPORT_CONFLICT", "TRACKING_VALUE_INVALID"].contains(&error.code()) => {
            let refused = json!({ "logged_model": model.model_id, "code": error.code(), "detail": error.detail() });
            came.refused.push(refused);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let here: Here =
        serde_json::from_value(answer).map_err(|source| Error::internal("an answer does not read", source))?;
    *(if here.there { &mut came.models_unchanged } else { &mut came.models }) += 1;
    let Some(files) = source.files(&model.artifact_uri, &model.model_id).await? else {
        came.without_files += 1;
        return Ok(());
    };
    let work = tempfile::tempdir().map_err(|error| unwritable(Path::new("a scratch folder"), error))?;
    for file in files.iter().filter(|file| !is_here(file, &here)) {
        let scratch = work.path().join("file");
        source.fetch(&model.artifact_uri, &model.model_id, file, &scratch).await?;
        let parts: Vec<String> = here.root.split('/').chain(file.path.split('/')).map(escape).collect();
        let address = format!("/api/2.0/mlflow-artifacts/artifacts/{}", parts.join("/"));
        client.put_pieces(&address, super::runs::blocks(&scratch).await?).await?;
    }
    let answer = client.post("/api/v1/logged-models/import", &head).await?;
    let after: Here =
        serde_json::from_value(answer).map_err(|source| Error::internal("an answer does not read", source))?;
    if let Err(error) = whole(&after, &files, &model.model_id) {
        let refused = json!({ "logged_model": model.model_id, "code": error.code(), "detail": error.detail() });
        came.refused.push(refused);
    }
    Ok(())
}
