//! Tracked runs: found, shown, changed, taken along.

pub(crate) mod args;
mod bring;
mod export;
pub(crate) mod folder;
mod import;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

pub(crate) use bring::{Bringing, Brought, blocks, bring};
pub(crate) use import::Tally;
use pitcrew_client::{Client, escaped as escape};
use pitcrew_kernel::{Error, MAX_PAGE_LIMIT, Result};
use serde_json::{Value, json};

use super::out::{Out, field, items, table};
use args::{List, Note, These, To, Tracked};

/// The most runs that one command takes by a search.
const RUNS_MAX: usize = 100_000;
/// Runs in one call of the API.
const RUNS_PER_CALL: usize = 1_000;
/// Runs that one call copies.
const COPIES_PER_CALL: usize = 100;
/// Largest notes that are read from a file.
const MAX_NOTES: u64 = 1024 * 1024;
/// Experiments that are looked through for a name.
const EXPERIMENTS_MAX: usize = 100_000;

pub(crate) async fn tracked(client: &Client, what: Tracked, out: Out) -> Result<ExitCode> {
    match what {
        Tracked::List(list) => self::list(client, &list, out).await?,
        Tracked::Show { run } => out.result(&client.get(&path(&run)).await?, one),
        Tracked::Delete { these, permanently: true, dry_run } => purge(client, &these.runs, dry_run, out).await?,
        Tracked::Delete { these, permanently: false, dry_run } => {
            let runs = found(client, &these).await?;
            if dry_run {
                would(&runs, "deleted", out);
            } else {
                in_pieces(client, &runs, RUNS_PER_CALL, "/api/v1/runs/delete", "deleted", &json!({}), out).await?;
            }
        }
        Tracked::Restore { runs } => {
            let runs: Vec<Found> = runs.into_iter().map(|id| Found { id, name: String::new() }).collect();
            in_pieces(client, &runs, RUNS_PER_CALL, "/api/v1/runs/restore", "restored", &json!({}), out).await?;
        }
        Tracked::Move(to) => go_to(client, &to, ("move", "moved", RUNS_PER_CALL), out).await?,
        Tracked::Copy(to) => go_to(client, &to, ("copy", "copied", COPIES_PER_CALL), out).await?,
        Tracked::Note(note) => self::note(client, &note, out).await?,
        Tracked::Export(export) => export::export(client, &export, out).await?,
        Tracked::Import { folder, dry_run } => return import::import(client, &folder, dry_run, out).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// A run that a command is about.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) name: String,
}

fn path(run: &str) -> String {
    format!("/api/v1/runs/{}", escape(run))
}

/// The address of a search.
fn search(experiment: Option<&str>, filter: Option<&str>, order_by: Option<&str>, limit: usize) -> String {
    let mut path = format!("/api/v1/runs?limit={limit}");
    for (name, value) in [("experiment", experiment), ("filter", filter), ("order_by", order_by)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", escape(value)));
        }
    }
    path
}

async fn list(client: &Client, list: &List, out: Out) -> Result<()> {
    let page = list.limit.clamp(1, MAX_PAGE_LIMIT);
    let path = search(list.experiment.as_deref(), list.filter.as_deref(), list.order_by.as_deref(), page);
    let mut found = client.list(&path, list.limit).await?;
    if let Some(items) = found.get_mut("items").and_then(Value::as_array_mut) {
        items.truncate(list.limit);
    }
    out.result(&found, many);
    Ok(())
}

fn many(value: &Value) -> String {
    if items(value).is_empty() {
        return "no run; `mlflow.start_run()` begins one".to_owned();
    }
    let row = |run: &Value| {
        let started = field(run, "/started_at").get(..19).unwrap_or_default().replace('T', " ");
        let metrics = run.get("metrics").and_then(Value::as_object).into_iter().flatten().take(3);
        let metrics: Vec<String> = metrics.map(|(key, point)| format!("{key}={}", field(point, "/value"))).collect();
        vec![
            field(run, "/run_id"),
            field(run, "/name"),
            field(run, "/experiment"),
            field(run, "/status"),
            started,
            metrics.join(" "),
        ]
    };
    let rows: Vec<Vec<String>> = items(value).iter().map(row).collect();
    table(&["RUN", "NAME", "EXPERIMENT", "STATUS", "STARTED", "METRICS"], &rows)
}

fn one(run: &Value) -> String {
    let mut text = format!(
        "{} {} in {}: {} ({})\n  by {}, from {} to {}\n  artifacts: {}\n",
        field(run, "/run_id"),
        field(run, "/name"),
        field(run, "/experiment"),
        field(run, "/status"),
        field(run, "/lifecycle"),
        field(run, "/user"),
        field(run, "/started_at"),
        field(run, "/ended_at"),
        field(run, "/artifact_uri"),
    );
    let entries = |name: &str| run.get(name).and_then(Value::as_object).into_iter().flatten();
    let mut rows = Vec::new();
    rows.extend(entries("params").map(|(key, value)| vec!["param".to_owned(), key.clone(), field(value, "")]));
    rows.extend(entries("metrics").map(|(key, value)| vec!["metric".to_owned(), key.clone(), field(value, "/value")]));
    rows.extend(entries("tags").map(|(key, value)| vec!["tag".to_owned(), key.clone(), field(value, "")]));
    if !rows.is_empty() {
        text.push_str(&format!("\n{}", table(&["KIND", "NAME", "VALUE"], &rows)));
    }
    text
}

/// The runs that are named, or that a search finds.
async fn found(client: &Client, these: &These) -> Result<Vec<Found>> {
    if these.experiment.is_none() && these.filter.is_none() {
        let mut found = Vec::new();
        for id in &these.runs {
            let run = client.get(&path(id)).await?;
            found.push(Found { id: id.clone(), name: field(&run, "/name") });
        }
        return Ok(found);
    }
    searched(client, these.experiment.as_deref(), these.filter.as_deref()).await
}

async fn searched(client: &Client, experiment: Option<&str>, filter: Option<&str>) -> Result<Vec<Found>> {
    let all = client.list(&search(experiment, filter, None, MAX_PAGE_LIMIT), RUNS_MAX).await?;
    if all.get("next").is_some_and(|next| !next.is_null()) {
        let detail = format!("the search finds more than {RUNS_MAX} runs");
        return Err(Error::invalid("RUNS_TOO_MANY", detail).hint("narrow the filter, and call again for the rest"));
    }
    let run = |run: &Value| Found { id: field(run, "/run_id"), name: field(run, "/name") };
    Ok(items(&all).iter().map(run).collect())
}

/// Says what a dry run found.
fn would(runs: &[Found], verb: &str, out: Out) {
    let listed: Vec<Value> = runs.iter().map(|run| json!({ "run_id": run.id, "name": run.name })).collect();
    out.result(&json!({ "dry_run": true, "runs": listed }), |_| {
        let rows: Vec<Vec<String>> = runs.iter().map(|run| vec![run.id.clone(), run.name.clone()]).collect();
        format!("{}\n\n{} runs would be {verb}", table(&["RUN", "NAME"], &rows), runs.len())
    });
}

/// Sends runs in pieces to one route and says which of them changed.
async fn in_pieces(
    client: &Client,
    runs: &[Found],
    size: usize,
    path: &str,
    verb: &str,
    more: &Value,
    out: Out,
) -> Result<()> {
    let mut changed = Vec::new();
    for piece in runs.chunks(size) {
        let mut body = more.clone();
        body["run_ids"] = piece.iter().map(|run| run.id.clone()).collect();
        let answer = client.post(path, &body).await?;
        changed.extend(answer.get(verb).and_then(Value::as_array).cloned().unwrap_or_default());
    }
    let count = changed.len();
    out.result(&json!({ verb: changed }), |_| format!("{count} runs {verb}"));
    Ok(())
}

async fn purge(client: &Client, runs: &[String], dry_run: bool, out: Out) -> Result<()> {
    let mut named = Vec::new();
    for id in runs {
        let run = client.get(&path(id)).await?;
        if field(&run, "/lifecycle") != "deleted" {
            let detail = format!("the run {id} is not deleted, so it is not removed for good");
            return Err(
                Error::precondition("RUN_NOT_DELETED", detail).hint("delete it first: `pitcrew runs delete RUN`")
            );
        }
        named.push(Found { id: id.clone(), name: field(&run, "/name") });
    }
    if dry_run {
        would(&named, "removed for good", out);
        return Ok(());
    }
    for run in &named {
        client.delete(&format!("{}?permanently=true", path(&run.id))).await?;
    }
    let ids: Vec<&String> = named.iter().map(|run| &run.id).collect();
    out.result(&json!({ "removed": ids }), |_| format!("{} runs removed for good", named.len()));
    out.note("the bytes of their artifacts go with the next `pitcrew gc`");
    Ok(())
}

async fn go_to(client: &Client, to: &To, (route, verb, size): (&str, &str, usize), out: Out) -> Result<()> {
    let experiment = experiment_id(client, &to.to).await?;
    let runs = found(client, &to.these).await?;
    if to.dry_run {
        would(&runs, &format!("{verb} to {}", to.to), out);
        return Ok(());
    }
    let more = json!({ "experiment_id": experiment });
    in_pieces(client, &runs, size, &format!("/api/v1/runs/{route}"), verb, &more, out).await
}

/// The id of the experiment of this name.
async fn experiment_id(client: &Client, name: &str) -> Result<String> {
    let all = client.list(&format!("/api/v1/experiments?limit={MAX_PAGE_LIMIT}"), EXPERIMENTS_MAX).await?;
    let found = items(&all).iter().find(|experiment| field(experiment, "/name") == name);
    found.map(|experiment| field(experiment, "/experiment_id")).ok_or_else(|| {
        Error::not_found("EXPERIMENT_NOT_FOUND", format!("there is no experiment `{name}`"))
            .hint("`mlflow.create_experiment(NAME)` makes one")
    })
}

async fn note(client: &Client, note: &Note, out: Out) -> Result<()> {
    let text = match (&note.text, &note.file) {
        (Some(text), _) => Some(text.clone()),
        (None, Some(file)) => Some(read(file)?),
        (None, None) => None,
    };
    let run = match text {
        Some(text) => {
            let notes = if text.is_empty() { Value::Null } else { Value::String(text) };
            client.patch(&path(&note.run), &json!({ "notes": notes })).await?
        }
        None => client.get(&path(&note.run)).await?,
    };
    let tags: BTreeMap<String, String> =
        run.get("tags").and_then(|tags| serde_json::from_value(tags.clone()).ok()).unwrap_or_default();
    let notes = tags.get("mlflow.note.content").cloned();
    out.result(&json!({ "run_id": note.run, "notes": notes }), |_| notes.clone().unwrap_or("no notes".to_owned()));
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    let mut text = String::new();
    let done = if file == Path::new("-") {
        std::io::stdin().take(MAX_NOTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(MAX_NOTES).read_to_string(&mut text))
    };
    done.map_err(|source| {
        Error::invalid("NOTES_UNREADABLE", format!("`{}` cannot be read as text: {source}", file.display()))
    })?;
    Ok(text)
}
