//! Things that go on: logs and events.

use std::process::ExitCode;

use pitcrew_client::{Client, escaped as escape};
use pitcrew_contracts::event::NO_NEWS;
use pitcrew_kernel::{Error, Result};
use serde_json::Value;

use super::args::{Events, Logs};
use super::out::{Out, field, items};
use super::show;

/// Follows a run's log to its end; the exit code tells how it ended.
pub(crate) async fn run(client: &Client, run: &str, out: Out) -> Result<ExitCode> {
    stream_log(client, run, None, out).await?;
    let value = client.get(&format!("/api/v1/pipeline-runs/{}", escape(run))).await?;
    out.result(&value, show::pipeline_run);
    Ok(if field(&value, "/state") == "succeeded" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) async fn logs(client: &Client, logs: &Logs, out: Out) -> Result<()> {
    let run = match &logs.run {
        Some(run) => run.clone(),
        None => newest_run(client).await?,
    };
    if logs.follow {
        return stream_log(client, &run, logs.step.as_deref(), out).await;
    }
    let value = client.get(&format!("/api/v1/pipeline-runs/{}", escape(&run))).await?;
    let steps = value.get("steps").and_then(Value::as_array).cloned().unwrap_or_default();
    for step in steps
        .iter()
        .map(|step| field(step, "/name"))
        .filter(|step| logs.step.as_ref().is_none_or(|wanted| wanted == step))
    {
        print_step(client, &run, &step, out).await?;
    }
    Ok(())
}

async fn print_step(client: &Client, run: &str, step: &str, out: Out) -> Result<()> {
    let mut offset = 0;
    loop {
        let path = format!("/api/v1/pipeline-runs/{}/steps/{}/log?offset={offset}", escape(run), escape(step));
        let (text, next) = client.text(&path).await?;
        for line in text.lines() {
            out.line(&serde_json::json!({ "step": step, "line": line }), |_| format!("{step:10} {line}"));
        }
        if text.is_empty() || next <= offset {
            return Ok(());
        }
        offset = next;
    }
}

async fn newest_run(client: &Client) -> Result<String> {
    let value = client.get("/api/v1/pipeline-runs?limit=1").await?;
    items(&value).first().map(|run| field(run, "/id")).ok_or_else(|| {
        Error::not_found("PIPELINE_RUN_NOT_FOUND", "there is no pipeline run yet")
            .hint("`pitcrew run PIPELINE` starts one")
    })
}

async fn stream_log(client: &Client, run: &str, step: Option<&str>, out: Out) -> Result<()> {
    let mut stream = client.events(&format!("/api/v1/pipeline-runs/{}/log/stream", escape(run)), None).await?;
    while let Some(event) = stream.next().await? {
        if event.name == "end" {
            return Ok(());
        }
        if step.is_none_or(|step| field(&event.data, "/step") == step) {
            out.line(&event.data, |line| format!("{:10} {}", field(line, "/step"), field(line, "/line")));
        }
    }
    Err(Error::unavailable("SERVER_UNREACHABLE", "the server ended the log before the run was over")
        .hint(format!("the run goes on when the server does: `pitcrew logs -f {run}`")))
}

pub(crate) async fn events(client: &Client, events: &Events, out: Out) -> Result<()> {
    let value = client.get(&format!("/api/v1/events?latest={}", events.latest)).await?;
    let mut last = None;
    for event in items(&value).iter().rev() {
        last = Some(field(event, "/seq"));
        out.line(event, show::event);
    }
    if !events.follow {
        return Ok(());
    }
    let mut stream = client.events("/api/v1/events/stream", last.as_deref()).await?;
    while let Some(event) = stream.next().await? {
        // What goes on is told as what was: the server leaves out the same of the latest.
        if !NO_NEWS.contains(&event.name.as_str()) {
            out.line(&event.data, show::event);
        }
    }
    Ok(())
}
