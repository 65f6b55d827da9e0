//! An MLflow server, through its REST API.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use futures_util::StreamExt as _;
use pitcrew_client::{Client, escaped as escape};
use pitcrew_kernel::{Error, Result};
use serde_json::{Value, json};

use super::source::{Entries, Experiment, LoggedModel, Registered, Run, SourceFile, Version, unwritable};
use super::store::number;
use crate::cli::runs::folder::Point;

const API: &str = "/api/2.0/mlflow";
/// Things on one page.
const PAGE: usize = 1_000;
/// Logged models on one page.
const MODELS: usize = 50;
/// Points on one page.
const POINTS: usize = 25_000;
/// Files of one run or model.
const FILES_MAX: usize = 100_000;

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// A whole number, which older servers write as text.
fn whole(value: &Value, pointer: &str) -> Option<i64> {
    match value.pointer(pointer)? {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    }
}

fn entries(value: &Value, pointer: &str) -> Entries {
    list(value, pointer).iter().map(|entry| (text(entry, "/key"), text(entry, "/value"))).collect()
}

fn next(value: &Value) -> Option<String> {
    value.get("next_page_token").and_then(Value::as_str).filter(|token| !token.is_empty()).map(str::to_owned)
}

pub(super) async fn experiments(client: &Client) -> Result<Vec<Experiment>> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let body = json!({ "max_results": PAGE, "page_token": page, "view_type": "ACTIVE_ONLY" });
        let answer = client.post(&format!("{API}/experiments/search"), &without_nulls(body)).await?;
        found.extend(list(&answer, "/experiments").iter().map(|one| Experiment {
            id: text(one, "/experiment_id"),
            name: text(one, "/name"),
            tags: entries(one, "/tags"),
        }));
        page = next(&answer);
        if page.is_none() {
            return Ok(found);
        }
    }
}

fn without_nulls(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

pub(super) async fn runs(
    client: &Client,
    experiment: &str,
    page: Option<String>,
) -> Result<(Vec<Run>, Option<String>)> {
    let body = json!({
        "experiment_ids": [experiment], "max_results": PAGE, "page_token": page, "run_view_type": "ACTIVE_ONLY", "order_by": ["attributes.start_time ASC"],
    });
    let answer = client.post(&format!("{API}/runs/search"), &without_nulls(body)).await?;
    Ok((list(&answer, "/runs").iter().map(run).collect(), next(&answer)))
}

fn run(one: &Value) -> Run {
    let dataset = |input: &Value| {
        json!({
            "name": text(input, "/dataset/name"), "digest": text(input, "/dataset/digest"),
            "source_type": text(input, "/dataset/source_type"), "source": text(input, "/dataset/source"),
            "schema": input.pointer("/dataset/schema"), "profile": input.pointer("/dataset/profile"), "tags": entries(input, "/tags"),
        })
    };
    let models = |pointer: &str| list(one, pointer).iter().map(|model| text(model, "/model_id")).collect::<Vec<_>>();
    let made =
        |model: &Value| json!({ "model_id": text(model, "/model_id"), "step": whole(model, "/step").unwrap_or(0) });
    let head = json!({
        "run_id": text(one, "/info/run_id"), "name": text(one, "/info/run_name"), "user": text(one, "/info/user_id"),
        "status": text(one, "/info/status"), "started_ms": whole(one, "/info/start_time").unwrap_or(0), "ended_ms": whole(one, "/info/end_time"),
        "params": entries(one, "/data/params"), "tags": entries(one, "/data/tags"),
        "datasets": list(one, "/inputs/dataset_inputs").iter().map(dataset).collect::<Vec<_>>(),
        "model_inputs": models("/inputs/model_inputs"),
        "model_outputs": list(one, "/outputs/model_outputs").iter().map(made).collect::<Vec<_>>(),
    });
    Run {
        run_id: text(one, "/info/run_id"),
        head,
        artifact_uri: text(one, "/info/artifact_uri"),
        metrics: list(one, "/data/metrics").iter().map(|metric| text(metric, "/key")).collect(),
    }
}

pub(super) async fn points(
    client: &Client,
    run_id: &str,
    key: &str,
    page: Option<String>,
) -> Result<(Vec<Point>, Option<String>)> {
    let mut path = format!("{API}/metrics/get-history?run_id={}&metric_key={}", escape(run_id), escape(key));
    path.push_str(&format!("&max_results={POINTS}"));
    if let Some(page) = page {
        path.push_str(&format!("&page_token={}", escape(&page)));
    }
    let answer = client.get(&path).await?;
    let point = |one: &Value| Point {
        key: key.to_owned(),
        value: value(one.get("value")),
        step: whole(one, "/step").unwrap_or(0),
        at_ms: whole(one, "/timestamp").unwrap_or(0),
    };
    Ok((list(&answer, "/metrics").iter().map(point).collect(), next(&answer)))
}

/// A metric's value: a number, or the name of what JSON has no number for.
fn value(given: Option<&Value>) -> Value {
    match given {
        Some(Value::String(name)) => json!(name),
        Some(given) => number(given.as_f64().unwrap_or(f64::NAN)),
        // A zero may be left out.
        None => json!(0.0),
    }
}

pub(super) async fn logged_models(client: &Client, experiment: &str) -> Result<Vec<LoggedModel>> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let body = json!({ "experiment_ids": [experiment], "max_results": MODELS, "page_token": page });
        let answer = match client.post(&format!("{API}/logged-models/search"), &without_nulls(body)).await {
            // MLflow 2 knows no logged models.
            Err(error) if found.is_empty() && is_no_route(&error) => return Ok(found),
            answer => answer?,
        };
        found.extend(list(&answer, "/models").iter().map(logged_model));
        page = next(&answer);
        if page.is_none() {
            return Ok(found);
        }
    }
}

/// Whether a server knows no such route. One that knows it and refuses says why, and one that is busy says something else.
fn is_no_route(error: &Error) -> bool {
    let said = error.detail();
    error.code() == "SERVER_REFUSED"
        && ["the server answered 404", "the server answered 405"].iter().any(|no| said.starts_with(no))
}

fn logged_model(one: &Value) -> LoggedModel {
    let metric = |point: &Value| {
        json!({
            "key": text(point, "/key"), "value": value(point.get("value")), "step": whole(point, "/step").unwrap_or(0),
            "at_ms": whole(point, "/timestamp").unwrap_or(0), "run_id": text(point, "/run_id"),
            "dataset_name": point.get("dataset_name"), "dataset_digest": point.get("dataset_digest"),
        })
    };
    let head = json!({
        "model_id": text(one, "/info/model_id"), "name": text(one, "/info/name"), "status": text(one, "/info/status"),
        "created_ms": whole(one, "/info/creation_timestamp_ms").unwrap_or(0), "updated_ms": whole(one, "/info/last_updated_timestamp_ms").unwrap_or(0),
        "model_type": text(one, "/info/model_type"), "source_run_id": text(one, "/info/source_run_id"),
        "tags": entries(one, "/info/tags"), "params": entries(one, "/data/params"),
        "metrics": list(one, "/data/metrics").iter().map(metric).collect::<Vec<_>>(),
    });
    LoggedModel { model_id: text(one, "/info/model_id"), artifact_uri: text(one, "/info/artifact_uri"), head }
}

pub(super) async fn registered(client: &Client) -> Result<Vec<Registered>> {
    let (mut found, mut page) = (Vec::new(), None::<String>);
    loop {
        let token = page.map_or(String::new(), |page| format!("&page_token={}", escape(&page)));
        let answer = client.get(&format!("{API}/registered-models/search?max_results={PAGE}{token}")).await?;
        for one in list(&answer, "/registered_models") {
            let aliases = list(one, "/aliases").iter();
            found.push(Registered {
                name: text(one, "/name"),
                description: text(one, "/description"),
                tags: entries(one, "/tags"),
                aliases: aliases.map(|alias| (text(alias, "/alias"), whole(alias, "/version").unwrap_or(0))).collect(),
                versions: versions(client, &text(one, "/name")).await?,
            });
        }
        page = next(&answer);
        if page.is_none() {
            return Ok(found);
        }
    }
}

async fn versions(client: &Client, name: &str) -> Result<Vec<Version>> {
    let (mut found, mut page) = (Vec::new(), None::<String>);
    let filter = escape(&format!("name='{}'", name.replace('\'', "''")));
    loop {
        let token = page.map_or(String::new(), |page| format!("&page_token={}", escape(&page)));
        let path = format!("{API}/model-versions/search?filter={filter}&max_results={PAGE}{token}");
        let answer = client.get(&path).await?;
        found.extend(list(&answer, "/model_versions").iter().map(|one| Version {
            version: whole(one, "/version").unwrap_or(0),
            description: text(one, "/description"),
            source: text(one, "/source"),
            run_id: text(one, "/run_id"),
            tags: entries(one, "/tags"),
        }));
        page = next(&answer);
        if page.is_none() {
            found.sort_by_key(|version| version.version);
            return Ok(found);
        }
    }
}

/// Where the files of a run or model are on the server's own store; `None` when they are elsewhere.
fn proxied(artifact_uri: &str) -> Option<String> {
    let rest = artifact_uri.strip_prefix("mlflow-artifacts:")?;
    let path = match rest.strip_prefix("//") {
        Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
        None => rest,
    };
    Some(path.trim_matches('/').to_owned())
}

fn is_model(owner: &str) -> bool {
    owner.starts_with("m-")
}

pub(super) async fn files(client: &Client, artifact_uri: &str, owner: &str) -> Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    let mut waiting = vec![String::new()];
    while let Some(folder) = waiting.pop() {
        let path = match (proxied(artifact_uri), is_model(owner)) {
            (Some(root), _) => {
                let full = if folder.is_empty() { root } else { format!("{root}/{folder}") };
                format!("/api/2.0/mlflow-artifacts/artifacts?path={}", escape(&full))
            }
            (None, true) => {
                format!(
                    "{API}/logged-models/{}/artifacts/directories?artifact_directory_path={}",
                    escape(owner),
                    escape(&folder)
                )
            }
            (None, false) => format!("{API}/artifacts/list?run_id={}&path={}", escape(owner), escape(&folder)),
        };
        let answer = client.get(&path).await?;
        for one in list(&answer, "/files") {
            // The two listings name an entry from here on, or from the top.
            let name = text(one, "/path").rsplit('/').next().unwrap_or_default().to_owned();
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if one.get("is_dir") == Some(&Value::Bool(true)) {
                waiting.push(path);
            } else {
                let bytes = whole(one, "/file_size").and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                found.push(SourceFile { path, bytes });
            }
        }
        if found.len() > FILES_MAX {
            return Err(Error::invalid("IMPORT_FAILED", format!("`{owner}` has more than {FILES_MAX} files")));
        }
    }
    Ok(found)
}

pub(super) async fn fetch(
    client: &Client,
    artifact_uri: &str,
    owner: &str,
    file: &SourceFile,
    target: &Path,
) -> Result<()> {
    let path = match (proxied(artifact_uri), is_model(owner)) {
        (Some(root), _) => {
            let full = format!("{root}/{}", file.path);
            let parts: Vec<String> = full.split('/').map(escape).collect();
            format!("/api/2.0/mlflow-artifacts/artifacts/{}", parts.join("/"))
        }
        (None, true) => {
            format!(
                "/ajax-api/2.0/mlflow/logged-models/{}/artifacts/files?artifact_file_path={}",
                escape(owner),
                escape(&file.path)
            )
        }
        (None, false) => format!("/get-artifact?path={}&run_uuid={}", escape(&file.path), escape(owner)),
    };
    let mut pieces = client.pieces(&path).await?;
    let mut out = File::create(target).map_err(|source| unwritable(target, source))?;
    while let Some(piece) = pieces.next().await {
        out.write_all(&piece?).map_err(|source| unwritable(target, source))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_busy_is_not_one_without_logged_models() {
        let said = |detail: &'static str| is_no_route(&Error::unavailable("SERVER_REFUSED", detail));
        assert!(said("the server answered 404 Not Found") && said("the server answered 405 Method Not Allowed"));
        assert!(!said("the server answered 503 Service Unavailable") && !said("no such experiment"));
        assert!(!is_no_route(&Error::unavailable("SERVER_UNREACHABLE", "the server answered 404")));
    }
}
