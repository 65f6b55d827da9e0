//! What the lap asks of the server besides predictions, in the words of the native API.

use std::time::Duration;

use pitcrew_client::Client;
use pitcrew_kernel::{Error, Result};
use serde_json::{Value, json};

use crate::progress::Progress;
use crate::replay::{NAME, Served};

/// How long one call of `/rest` may wait.
const REST_CALL: Duration = Duration::from_secs(2);
/// How many such calls before the loop counts as stuck: enough for a cold Python environment.
const REST_CALLS: u32 = 450;
/// Events read at once.
const EVENTS: usize = 1_000;
/// The last characters of a step's log that are shown when it failed.
const LOG_TAIL: usize = 2_000;

/// A server with the demo's project.
#[derive(Debug)]
pub(crate) struct Server<'a> {
    client: &'a Client,
    progress: &'a Progress,
    /// The last event seen.
    seen: u64,
}

impl<'a> Server<'a> {
    /// Events that are older than now are not seen.
    pub(crate) async fn new(client: &'a Client, progress: &'a Progress) -> Result<Self> {
        let latest = items(client.get("/api/v1/events?latest=1").await?);
        let seen = latest.first().and_then(|event| event["seq"].as_u64()).unwrap_or(0);
        Ok(Self { client, progress, seen })
    }

    /// Makes the declared project at `root` real.
    pub(crate) async fn apply(&self, root: &str) -> Result<Value> {
        self.client.post("/api/v1/apply", &json!({ "root": root, "dry_run": false })).await
    }

    /// Reads the data folder; the version it makes.
    pub(crate) async fn read_data(&self) -> Result<Value> {
        let path = format!("/api/v1/datasets/{NAME}/versions");
        Ok(self.client.post(&path, &json!({ "dry_run": false })).await?["version"].take())
    }

    /// Starts the training pipeline; the id of its run.
    pub(crate) async fn train(&self, params: Value, reason: &str) -> Result<String> {
        let body = json!({ "params": params, "reason": reason });
        let run = self.client.post("/api/v1/pipelines/train/runs", &body).await?;
        Ok(text(&run, "id"))
    }

    /// Waits until nothing is under way any more.
    ///
    /// # Errors
    /// `DEMO_NOT_AT_REST` with what is still under way.
    pub(crate) async fn rest(&self) -> Result<()> {
        let path = format!("/api/v1/rest?timeout_ms={}", REST_CALL.as_millis());
        let mut last = Value::Null;
        for _ in 0..REST_CALLS {
            last = self.client.get(&path).await?;
            if last["at_rest"] == json!(true) {
                return Ok(());
            }
            self.progress.doing(&self.busy().await?);
        }
        Err(Error::timeout("DEMO_NOT_AT_REST", format!("the server does not come to rest: {}", last["work"]))
            .hint("`pitcrew events` and `pitcrew runs` say what it is doing"))
    }

    /// What runs now, in a few words.
    async fn busy(&self) -> Result<String> {
        let runs = items(self.client.get("/api/v1/pipeline-runs?state=running&limit=1").await?);
        let Some(run) = runs.first() else { return Ok("settling".to_owned()) };
        let steps = run["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        let step = steps
            .iter()
            .find(|step| step["state"] == "running")
            .map_or("waiting".to_owned(), |step| text(step, "name"));
        Ok(format!("pipeline train #{}: {step}", run["number"]))
    }

    /// The events since the last call, oldest first.
    pub(crate) async fn news(&mut self) -> Result<Vec<Value>> {
        let mut news = Vec::new();
        loop {
            let page = items(self.client.get(&format!("/api/v1/events?after={}&limit={EVENTS}", self.seen)).await?);
            let Some(last) = page.last().and_then(|event| event["seq"].as_u64()) else { return Ok(news) };
            let full = page.len() == EVENTS;
            self.seen = last;
            news.extend(page);
            if !full {
                return Ok(news);
            }
        }
    }

    /// A finished run must have succeeded.
    ///
    /// # Errors
    /// `DEMO_TRAINING_FAILED` with the end of the failed step's log.
    pub(crate) async fn must_succeed(&self, run: &str) -> Result<()> {
        let run = self.client.get(&format!("/api/v1/pipeline-runs/{run}")).await?;
        if run["state"] == "succeeded" {
            return Ok(());
        }
        let steps = run["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        let broken =
            steps.iter().find(|step| matches!(step["state"].as_str(), Some("failed" | "refused" | "cancelled")));
        let (step, attempt) =
            broken.map_or((String::new(), 1), |step| (text(step, "name"), step["attempt"].as_u64().unwrap_or(1)));
        let path = format!("/api/v1/pipeline-runs/{}/steps/{step}/log?attempt={attempt}&offset=0", text(&run, "id"));
        let log = if step.is_empty() { String::new() } else { self.client.text(&path).await.unwrap_or_default().0 };
        let start = log.len().saturating_sub(LOG_TAIL);
        let tail = log.get(log.ceil_char_boundary(start)..).unwrap_or_default();
        let why = run["error"].as_str().map_or_else(|| format!("it ended as {}", run["state"]), str::to_owned);
        Err(Error::precondition("DEMO_TRAINING_FAILED", format!("the first training did not succeed: {why}\n{tail}"))
            .hint(format!("the whole log: `pitcrew logs {}`", text(&run, "id"))))
    }

    /// Whether a candidate could be offered now: the champion serves alone, and no alert is open.
    pub(crate) async fn is_calm(&self) -> Result<bool> {
        let deployment = self.client.get(&format!("/api/v1/deployments/{NAME}")).await?;
        let firing = items(self.client.get("/api/v1/alerts?state=firing").await?);
        Ok(deployment["state"] == "serving" && deployment["release"].is_null() && firing.is_empty())
    }

    /// How many of the hours just served are in the server's log as they were answered, with version and arm.
    pub(crate) async fn logged(&self, served: &[Served]) -> Result<u64> {
        let path = format!("/api/v1/deployments/{NAME}/predictions?limit={}", served.len().max(1));
        let rows = items(self.client.get(&path).await?);
        let found = served.iter().filter(|served| rows.iter().any(|row| is_row_of(row, served)));
        Ok(found.count() as u64)
    }

    /// Everything the report tells, as the server tells it.
    pub(crate) async fn record(&self) -> Result<Record> {
        let get = |path: String| async move { self.client.get(&path).await };
        Ok(Record {
            timeline: get(format!("/api/v1/timeline?monitor={NAME}")).await?,
            versions: items(get(format!("/api/v1/models/{NAME}/versions?limit=1000")).await?),
            decisions: items(get(format!("/api/v1/gate-decisions?model={NAME}&limit=1000")).await?),
            releases: items(get(format!("/api/v1/releases?deployment={NAME}&limit=1000")).await?),
            alerts: items(get("/api/v1/alerts?limit=1000".to_owned()).await?),
            runs: items(get("/api/v1/pipeline-runs?pipeline=train&limit=1000".to_owned()).await?),
            datasets: items(get(format!("/api/v1/datasets/{NAME}/versions?limit=1000")).await?),
            heard: Vec::new(),
        })
    }
}

/// Whether a row of the log tells of this hour what its answer told.
fn is_row_of(row: &Value, served: &Served) -> bool {
    let version = row["version"].as_u64().map(|version| version.to_string());
    // The model answers in single precision; the log writes the same number with more digits.
    let single = |value: f64| value as f32;
    row["request_id"] == served.hour.request_id()
        && version.is_some_and(|version| version == served.version)
        && row["arm"] == served.arm
        && row["prediction"].as_f64().map(single) == Some(single(served.prediction))
}

/// The server's own account of the lap.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) timeline: Value,
    pub(crate) versions: Vec<Value>,
    pub(crate) decisions: Vec<Value>,
    pub(crate) releases: Vec<Value>,
    pub(crate) alerts: Vec<Value>,
    pub(crate) runs: Vec<Value>,
    pub(crate) datasets: Vec<Value>,
    /// What it told the webhook receiver, each thing once.
    pub(crate) heard: Vec<Value>,
}

/// The items of a list answer.
fn items(mut answer: Value) -> Vec<Value> {
    match answer.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// A text field; empty when absent.
pub(crate) fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}
