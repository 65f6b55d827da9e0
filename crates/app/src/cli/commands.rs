//! The commands that call the server.

use std::io::Read as _;
use std::process::ExitCode;

use pitcrew_client::{Client, escaped as escape};
use pitcrew_kernel::{Access, Error, MAX_PAGE_LIMIT, Result, Span};
use serde_json::{Map, Value, json};

use super::args::{Alerts, Audit, Command, Data, Demo, Deployments, Models, Predict, Root, Run, Runs, Token, Which};
use super::out::{Out, field, items};
use super::{follow, show};
use crate::server::Place;

/// Largest body read from standard input.
const MAX_STDIN: u64 = 16 * 1024 * 1024;
/// The server waits no longer than this in one call.
const REST_PATIENCE_S: u64 = 60;
/// How long a prediction waits for a version that is about to be served.
const SERVING_PATIENCE_MS: u64 = 30_000;
/// The most items of a list that are fetched.
const MAX_LISTED: usize = 10_000;

pub(crate) async fn call(command: Command, client: &Client, out: Out) -> Result<ExitCode> {
    match command {
        Command::Plan(root) => apply(client, &root, true, out).await?,
        Command::Apply(root) => apply(client, &root, false, out).await?,
        Command::Run(run) => return start(client, run, out).await,
        Command::Runs(runs) => list_runs(client, &runs, out).await?,
        Command::Logs(logs) => follow::logs(client, &logs, out).await?,
        Command::Cancel { run } => {
            let value = client.post(&format!("/api/v1/pipeline-runs/{}/cancel", escape(&run)), &json!({})).await?;
            out.result(&value, show::pipeline_run);
        }
        Command::Data { what } => data_sets(client, what.unwrap_or(Data::Ls { dataset: None }), out).await?,
        Command::Models { what } => registry(client, what.unwrap_or(Models::Ls), out).await?,
        Command::Deployments { what } => serving(client, what.unwrap_or(Deployments::Ls), out).await?,
        Command::Predict(predict) => self::predict(client, &predict, out).await?,
        Command::Alerts(alerts) => return self::alerts(client, &alerts, out).await,
        Command::Events(events) => follow::events(client, &events, out).await?,
        Command::Audit(audit) => return self::audit(client, &audit, out).await,
        Command::Wait { timeout } => return wait(client, timeout, out).await,
        Command::Gc { dry_run } => {
            let value = client.post("/api/v1/gc", &json!({ "dry_run": dry_run })).await?;
            let verb = if dry_run { "would be removed" } else { "removed" };
            out.result(&value, |v| format!("{} objects, {} bytes {verb}", field(v, "/objects"), field(v, "/bytes")));
        }
        Command::Token { what } => tokens(client, what.unwrap_or(Token::Ls), out).await?,
        // Answered before a server is needed.
        Command::Up(_)
        | Command::Init(_)
        | Command::Schema
        | Command::Completions { .. }
        | Command::Import { .. }
        | Command::Restore(_)
        | Command::Backup(_) => {}
        Command::Doctor | Command::Demo(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows a whole list, or as much of it as anyone reads.
async fn list(client: &Client, path: &str, out: Out, text: impl FnOnce(&Value) -> String) -> Result<Value> {
    let all = client.list(path, MAX_LISTED).await?;
    out.result(&all, text);
    if all.get("next").is_some_and(|next| !next.is_null()) {
        out.note(&format!("the first {MAX_LISTED} are shown; the API has the rest"));
    }
    Ok(all)
}

async fn apply(client: &Client, root: &Root, dry_run: bool, out: Out) -> Result<()> {
    let folder = root.folder.canonicalize().map_err(|source| {
        Error::not_found("PROJECT_MISSING", format!("`{}` is not there: {source}", root.folder.display()))
            .hint("name the project's folder")
    })?;
    let body = json!({ "root": folder.to_string_lossy(), "dry_run": dry_run });
    let value = client.post("/api/v1/apply", &body).await?;
    out.result(&value, show::changes);
    Ok(())
}

async fn start(client: &Client, run: Run, out: Out) -> Result<ExitCode> {
    let mut params = Map::new();
    for param in &run.params {
        let (name, value) = param.split_once('=').ok_or_else(|| {
            Error::invalid("PARAM_INVALID", format!("`{param}` is not a parameter"))
                .hint("write it like `--param seed=8`")
        })?;
        params.insert(name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned())));
    }
    let body = json!({ "params": params, "reason": run.reason, "force": run.force });
    let value = client.post(&format!("/api/v1/pipelines/{}/runs", escape(&run.pipeline)), &body).await?;
    if !run.watch {
        out.result(&value, show::pipeline_run);
        out.note(&format!("follow it with `pitcrew logs -f {}`", field(&value, "/id")));
        return Ok(ExitCode::SUCCESS);
    }
    follow::run(client, &field(&value, "/id"), out).await
}

async fn list_runs(client: &Client, runs: &Runs, out: Out) -> Result<()> {
    if let Some(run) = &runs.run {
        let value = client.get(&format!("/api/v1/pipeline-runs/{}", escape(run))).await?;
        out.result(&value, show::pipeline_run);
        return Ok(());
    }
    let mut path = format!("/api/v1/pipeline-runs?limit={}", runs.limit);
    for (name, value) in [("pipeline", &runs.pipeline), ("state", &runs.state)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", escape(value)));
        }
    }
    out.result(&client.get(&path).await?, show::pipeline_runs);
    Ok(())
}

async fn data_sets(client: &Client, data: Data, out: Out) -> Result<()> {
    match data {
        Data::Add { dataset, dry_run } => {
            let value = client
                .post(&format!("/api/v1/datasets/{}/versions", escape(&dataset)), &json!({ "dry_run": dry_run }))
                .await?;
            out.result(&value, |v| {
                let version = v.get("version").map(show::dataset_version).unwrap_or_default();
                let created = v.get("created") == Some(&Value::Bool(true));
                let note = match (created, dry_run) {
                    (_, true) => "checked only; nothing is kept\n\n",
                    (false, _) => "the source has not changed; this is the newest version\n\n",
                    (true, _) => "",
                };
                format!("{note}{version}")
            });
        }
        Data::Ls { dataset: None } => {
            list(client, "/api/v1/datasets", out, show::datasets).await?;
        }
        Data::Ls { dataset: Some(name) } => {
            let path = format!("/api/v1/datasets/{}/versions", escape(&name));
            list(client, &path, out, show::dataset_versions).await?;
        }
        Data::Show { version } => {
            let value = match version.rsplit_once('@') {
                Some((name, number)) => {
                    client.get(&format!("/api/v1/datasets/{}/versions/{}", escape(name), escape(number))).await?
                }
                None => newest(client.get(&format!("/api/v1/datasets/{}", escape(&version))).await?, &version)?,
            };
            out.result(&value, show::dataset_version);
        }
    }
    Ok(())
}

fn newest(dataset: Value, name: &str) -> Result<Value> {
    match dataset.get("latest") {
        Some(Value::Null) | None => {
            Err(Error::not_found("DATASET_EMPTY", format!("data set `{name}` has no version yet"))
                .hint(format!("`pitcrew data add {name}` makes one")))
        }
        Some(version) => Ok(version.clone()),
    }
}

async fn registry(client: &Client, models: Models, out: Out) -> Result<()> {
    match models {
        Models::Ls => {
            list(client, "/api/v1/models", out, show::models).await?;
        }
        Models::Show { model } => match model.rsplit_once('/') {
            Some((name, version)) => {
                out.result(
                    &client.get(&format!("/api/v1/models/{}/versions/{}", escape(name), escape(version))).await?,
                    show::model_version,
                );
            }
            None => {
                let path = format!("/api/v1/models/{}/versions", escape(&model));
                list(client, &path, out, show::model_versions).await?;
            }
        },
        Models::Alias { version, alias, reason } => {
            let wrong =
                || Error::invalid("REFERENCE_INVALID", format!("`{version}` is not a model version like `bikes/3`"));
            let (name, number) = version.rsplit_once('/').ok_or_else(wrong)?;
            let number: i64 = number.parse().map_err(|_| wrong())?;
            let path = format!("/api/v1/models/{}/aliases/{}", escape(name), escape(&alias));
            let value = client.put(&path, &json!({ "version": number, "reason": reason })).await?;
            out.result(&value, |_| format!("{name}@{alias} is now version {number}"));
        }
        Models::History { model } => {
            let path = format!("/api/v1/models/{}/alias-history", escape(&model));
            list(client, &path, out, show::alias_history).await?;
        }
        Models::Gates { model } => {
            let path = model.map_or("/api/v1/gate-decisions".to_owned(), |name| {
                format!("/api/v1/gate-decisions?model={}", escape(&name))
            });
            list(client, &path, out, show::gates).await?;
        }
    }
    Ok(())
}

async fn serving(client: &Client, deployments: Deployments, out: Out) -> Result<()> {
    match deployments {
        Deployments::Ls => {
            list(client, "/api/v1/deployments", out, show::deployments).await?;
        }
        Deployments::Show { deployment } => {
            out.result(&client.get(&format!("/api/v1/deployments/{}", escape(&deployment))).await?, show::deployment)
        }
        Deployments::Releases { release: None } => {
            list(client, "/api/v1/releases", out, show::releases).await?;
        }
        Deployments::Releases { release: Some(id) } => {
            out.result(&client.get(&format!("/api/v1/releases/{}", escape(&id))).await?, show::release);
        }
        Deployments::Promote { release, reason } => end_release(client, &release, "promote", &reason, out).await?,
        Deployments::Abort { release, reason } => end_release(client, &release, "abort", &reason, out).await?,
    }
    Ok(())
}

async fn end_release(client: &Client, release: &str, verb: &str, reason: &str, out: Out) -> Result<()> {
    let value =
        client.post(&format!("/api/v1/releases/{}/{verb}", escape(release)), &json!({ "reason": reason })).await?;
    out.result(&value, show::release);
    Ok(())
}

/// Rows of named values become one tensor a column.
async fn predict(client: &Client, predict: &Predict, out: Out) -> Result<()> {
    let text = if predict.records == "-" { stdin()? } else { predict.records.clone() };
    let wrong =
        |why: String| Error::invalid("RECORDS_INVALID", format!("the records are not a JSON list of objects: {why}"));
    let records: Vec<Map<String, Value>> = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let body = json!({ "dataframe_records": records });
    let path = format!("/deployments/{}/invocations", escape(&predict.deployment));
    let time: Vec<(&str, &str)> = predict.event_time.iter().map(|time| ("x-event-time", time.as_str())).collect();
    let value = match client.post_with(&path, &body, &time).await {
        // A version that a run has just registered is served a moment later.
        Err(error) if error.code() == "SERVING_NOT_READY" => {
            client.get(&format!("/api/v1/rest?timeout_ms={SERVING_PATIENCE_MS}")).await?;
            client.post_with(&path, &body, &time).await?
        }
        answer => answer?,
    };
    out.result(&value, |v| {
        let list = v.get("predictions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn stdin() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().take(MAX_STDIN).read_to_string(&mut text).map_err(|source| {
        Error::invalid("RECORDS_INVALID", "standard input cannot be read as text").with_source(source)
    })?;
    Ok(text)
}

async fn alerts(client: &Client, alerts: &Alerts, out: Out) -> Result<ExitCode> {
    if alerts.runs {
        return list(client, "/api/v1/run-alerts", out, show::run_alerts).await.map(|_| ExitCode::SUCCESS);
    }
    let path = alerts
        .state
        .as_ref()
        .map_or("/api/v1/alerts".to_owned(), |state| format!("/api/v1/alerts?state={}", escape(state)));
    let value = list(client, &path, out, show::alerts).await?;
    let firing = items(&value).iter().any(|alert| field(alert, "/state") == "firing");
    Ok(if alerts.check && firing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn audit(client: &Client, audit: &Audit, out: Out) -> Result<ExitCode> {
    if audit.verify {
        let value = client.get("/api/v1/audit/verify").await?;
        out.result(&value, show::chain);
        let whole = value.get("whole") == Some(&Value::Bool(true));
        return Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let page = audit.limit.min(MAX_PAGE_LIMIT);
    let mut value = client.list(&format!("/api/v1/audit?limit={page}"), audit.limit).await?;
    if let Some(items) = value.get_mut("items").and_then(Value::as_array_mut) {
        items.truncate(audit.limit);
    }
    out.result(&value, show::audit);
    Ok(ExitCode::SUCCESS)
}

async fn wait(client: &Client, timeout: u64, out: Out) -> Result<ExitCode> {
    let mut left = timeout;
    let (value, at_rest) = loop {
        let patience = left.min(REST_PATIENCE_S);
        let value = client.get(&format!("/api/v1/rest?timeout_ms={}", patience * 1_000)).await?;
        let at_rest = value.get("at_rest") == Some(&Value::Bool(true));
        left -= patience;
        if at_rest || left == 0 {
            break (value, at_rest);
        }
    };
    out.result(
        &value,
        |_| if at_rest { "the loop is at rest".to_owned() } else { "the loop is still busy".to_owned() },
    );
    Ok(if at_rest { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn tokens(client: &Client, token: Token, out: Out) -> Result<()> {
    match token {
        Token::Create { name, access, expires_in, database: _ } => {
            let value = client
                .post("/api/v1/tokens", &json!({ "name": name, "access": access, "expires_in": expires_in }))
                .await?;
            out.result(&value, |v| field(v, "/token"));
            out.note("keep it safe: it is shown only this once");
        }
        Token::Ls => {
            list(client, "/api/v1/tokens", out, show::tokens).await?;
        }
        Token::Revoke { id } => {
            let value = client.delete(&format!("/api/v1/tokens/{}", escape(&id))).await?;
            out.result(&value, |_| format!("{id} works no more"));
        }
    }
    Ok(())
}

/// The first token, made while no server runs.
pub(crate) async fn first_token(
    place: Place,
    name: &str,
    access: &str,
    expires_in: Option<&str>,
    out: Out,
) -> Result<ExitCode> {
    let access = match access {
        "admin" => Access::Admin,
        "write" => Access::Write,
        _ => Access::Read,
    };
    let life = expires_in.map(str::parse::<Span>).transpose()?.map(Span::duration);
    let token = crate::server::create_offline(place, name, access, life).await?;
    out.result(&json!(token), |v| field(v, "/token"));
    out.note("keep it safe: it is shown only this once");
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn demo(demo: Demo, out: Out) -> Result<ExitCode> {
    let Which::Bikes(bikes) = demo.which;
    crate::server::demo_bikes(bikes, out).await
}
