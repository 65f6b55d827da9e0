//! A server that keeps what it is asked and answers as docs/api.md says, without a loop behind it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};

/// A promotion is reported once this day's predictions are in.
const PROMOTED_ON: &str = "2012-01-05";

/// One request: method, path with query, body.
pub(crate) type Asked = (String, String, Value);

/// The data files of the lap in this folder.
fn files_of(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("project/data")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[derive(Debug, Clone)]
pub(crate) struct Fake {
    pub(crate) url: String,
    log: Arc<Mutex<Vec<Asked>>>,
    /// The lap's folder, and the data files that were in it when each request came.
    folder: PathBuf,
    files: Arc<Mutex<Vec<Vec<String>>>>,
    /// The day of the promotion has come.
    promoted: Arc<AtomicBool>,
    /// The end of every pipeline run.
    run_state: &'static str,
}

impl Fake {
    pub(crate) async fn start(run_state: &'static str, folder: &Path) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self {
            url,
            log: Arc::default(),
            folder: folder.to_owned(),
            files: Arc::default(),
            promoted: Arc::default(),
            run_state,
        };
        let app = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        fake
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    /// The data files there were when each request came.
    pub(crate) fn files(&self) -> Vec<Vec<String>> {
        self.files.lock().unwrap().clone()
    }

    /// Bodies of the requests whose path begins with `path`.
    pub(crate) fn bodies(&self, path: &str) -> Vec<Value> {
        self.asked().into_iter().filter(|(_, asked, _)| asked.starts_with(path)).map(|(_, _, body)| body).collect()
    }
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let bytes: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if body["id"].as_str().is_some_and(|id| id.starts_with(PROMOTED_ON)) {
        fake.promoted.store(true, Ordering::Relaxed);
    }
    let labels = body["labels"].as_array().map_or(0, Vec::len);
    fake.files.lock().unwrap().push(files_of(&fake.folder));
    fake.log.lock().unwrap().push((parts.method.to_string(), path.clone(), body));
    let bare = path.split('?').next().unwrap_or_default();
    let run = json!({ "id": "run_1", "number": 1, "state": fake.run_state, "error": "step `train` exited with 1", "steps": [{ "name": "train", "state": "failed", "attempt": 2 }] });
    let found = match bare {
        "/api/v1/events" => json!({ "items": fake.events(&path), "next": null }),
        "/api/v1/apply" => json!({ "project": "bikes", "changes": [{}, {}], "applied": true }),
        "/api/v1/datasets/bikes/versions" => {
            json!({ "created": true, "version": { "ref": "bikes@1", "rows": 8760, "checks": [{}] }, "items": [{}] })
        }
        "/api/v1/pipelines/train/runs" | "/api/v1/pipeline-runs/run_1" => run,
        "/api/v1/rest" => json!({ "at_rest": true, "work": {} }),
        "/api/v1/deployments/bikes" => json!({ "state": "serving", "release": null }),
        "/api/v1/deployments/bikes/labels" => {
            json!({ "accepted": labels, "duplicate": 0, "corrected": 0, "unknown": 0 })
        }
        "/api/v1/deployments/bikes/predictions" => json!({ "items": fake.logged(&path), "next": null }),
        "/v2/models/bikes/infer" => {
            json!({ "model_name": "bikes", "model_version": "1", "parameters": { "arm": "champion" }, "outputs": [{ "name": "cnt", "data": [100.0] }] })
        }
        "/api/v1/timeline" => {
            json!({ "monitor": "bikes", "metric": "wape", "objective": 0.33, "points": [], "annotations": [] })
        }
        _ if bare.ends_with("/log") => return "Traceback: no module named sklearn".into_response(),
        _ if bare.starts_with("/api/v1/") => json!({ "items": [], "next": null }),
        _ => return (StatusCode::NOT_FOUND, Json(json!({ "error": "no such path" }))).into_response(),
    };
    Json(found).into_response()
}

impl Fake {
    /// What the log tells of the latest answers, newest first.
    fn logged(&self, path: &str) -> Vec<Value> {
        let limit = path.split("limit=").nth(1).unwrap().parse().unwrap();
        let log = self.log.lock().unwrap();
        let asked = log.iter().rev().filter(|(_, path, _)| path.starts_with("/v2/")).take(limit);
        let row = |(_, _, body): &Asked| json!({ "request_id": body["id"], "version": 1, "arm": "champion", "prediction": 100.0 });
        asked.map(row).collect()
    }

    /// One event in all: a promotion, once the day has come.
    fn events(&self, path: &str) -> Vec<Value> {
        let come = self.promoted.load(Ordering::Relaxed);
        let seen = path.contains("after=1&");
        let event = json!({ "seq": 1, "name": "serving.release_promoted", "summary": "bikes/2 promoted" });
        if come && !seen && !path.contains("latest") { vec![event] } else { Vec::new() }
    }
}
