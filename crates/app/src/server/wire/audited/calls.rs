//! A call of every route that changes something, and the entries it leaves.

use axum::http::Method;
use pitcrew_testkit::call;
use serde_json::{Value, json};

use super::Audited;

const PROJECT: &str = "
project: city
datasets: { bikes: { source: 'data/*.csv', time: ts } }
models: { bikes: {} }
pipelines: { train: { steps: { wait: { run: sleep 1000 } } } }
deployments:
  bikes:
    model: bikes
    alias: champion
    release:
      candidate: challenger
      steps: [10, 100]
      judge: { metric: absolute_error, alpha: 0.05, min_samples: 24, paired: true }
";

pub(super) fn text(answer: &Value, pointer: &str) -> String {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {answer}")).to_owned()
}

/// A model as the engine of these tests reads it.
pub(super) fn model(factor: f64) -> Value {
    json!({ "factor": factor })
}

/// A project, its data and a run of its pipeline.
pub(super) async fn declare(it: &mut Audited) {
    let root = it.folder.path().join("project");
    std::fs::create_dir_all(root.join("data")).unwrap();
    std::fs::write(root.join("pitcrew.yaml"), PROJECT).unwrap();
    std::fs::write(root.join("data/a.csv"), "ts,cnt\n2012-03-01T00:00:00Z,1\n2012-03-01T01:00:00Z,2\n").unwrap();
    it.states(&["project.applied"], "POST /api/v1/apply", &[], json!({ "root": root })).await;
    let bikes = [("{name}", "bikes")];
    it.states(&["data.version_created"], "POST /api/v1/datasets/{name}/versions", &bikes, json!({})).await;

    let train = [("{name}", "train")];
    let run = it.states(&["pipelines.run_created"], "POST /api/v1/pipelines/{name}/runs", &train, json!({})).await;
    let id = text(&run, "/id");
    let actions = ["pipelines.cancel_requested", "pipelines.step_finished", "pipelines.run_finished"];
    it.states(&actions, "POST /api/v1/pipeline-runs/{id}/cancel", &[("{id}", &id)], json!({})).await;
}

/// Experiments, runs, artifacts and logged models, through one of MLflow's addresses.
pub(super) async fn track(it: &mut Audited, door: &str) {
    let experiment = experiment(it, door).await;
    run(it, door, &experiment).await;
    artifact(it, door).await;
    logged_model(it, door, &experiment).await;
}

async fn experiment(it: &mut Audited, door: &str) -> String {
    let at = |call: &str| format!("POST {door}/2.0/mlflow/experiments/{call}");
    let made = json!({ "name": format!("first {door}") });
    let made = it.states(&["tracking.experiment_created"], &at("create"), &[], made).await;
    let id = text(&made, "/experiment_id");
    let name = json!({ "experiment_id": id, "new_name": format!("second {door}") });
    it.states(&["tracking.experiment_renamed"], &at("update"), &[], name).await;
    let tag = json!({ "experiment_id": id, "key": "team", "value": "blue" });
    it.states(&["tracking.experiment_tagged"], &at("set-experiment-tag"), &[], tag.clone()).await;
    it.states(&["tracking.experiment_tagged"], &at("delete-experiment-tag"), &[], tag).await;
    let names = [("{id}", id.as_str()), ("{name}", "mine")];
    let view = "/api/v1/experiments/{id}/views/{name}";
    it.states(&["tracking.view_saved"], &format!("PUT {view}"), &names, json!({ "columns": ["name"] })).await;
    it.states(&["tracking.view_removed"], &format!("DELETE {view}"), &names, json!({})).await;
    let which = json!({ "experiment_id": id });
    it.states(&["tracking.experiment_deleted"], &at("delete"), &[], which.clone()).await;
    it.states(&["tracking.experiment_restored"], &at("restore"), &[], which).await;
    id
}

async fn run(it: &mut Audited, door: &str, experiment: &str) {
    let at = |call: &str| format!("POST {door}/2.0/mlflow/runs/{call}");
    let made = json!({ "experiment_id": experiment, "run_name": "first" });
    let made = it.states(&["tracking.run_started"], &at("create"), &[], made).await;
    let id = text(&made, "/run/info/run_id");
    let which = json!({ "run_id": id });
    let with = |more: Value| {
        let mut body = which.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    it.states(&["tracking.run_tagged"], &at("set-tag"), &[], with(json!({ "key": "a", "value": "1" }))).await;
    it.states(&["tracking.run_tagged"], &at("delete-tag"), &[], with(json!({ "key": "a" }))).await;

    let point = json!({ "key": "m", "value": 1.5, "timestamp": 5, "step": 1 });
    it.passes(&at("log-metric"), &[], with(point.clone())).await;
    let (param, tag) = (json!({ "key": "p", "value": "1" }), json!({ "key": "t", "value": "x" }));
    let batch = json!({ "metrics": [point], "params": [param], "tags": [tag] });
    it.passes(&at("log-batch"), &[], with(batch)).await;
    it.passes(&at("log-parameter"), &[], with(json!({ "key": "q", "value": "1" }))).await;
    let dataset = json!({ "name": "d", "digest": "x", "source_type": "local", "source": "s" });
    it.passes(&at("log-inputs"), &[], with(json!({ "datasets": [{ "tags": [], "dataset": dataset }] }))).await;
    it.passes(&at("outputs"), &[], with(json!({ "models": [{ "model_id": "m-1", "step": 1 }] }))).await;
    let logged = json!({ "artifact_path": "model", "flavors": {}, "run_id": id, "utc_time_created": "t" });
    it.passes(&at("log-model"), &[], with(json!({ "model_json": logged.to_string() }))).await;
    let naming = json!({ "tags": [{ "key": "mlflow.runName", "value": "second" }] });
    it.states(&["tracking.run_renamed"], &at("log-batch"), &[], with(naming)).await;

    let end = with(json!({ "status": "FINISHED", "end_time": 2000, "run_name": "third" }));
    it.states(&["tracking.run_renamed", "tracking.run_finished"], &at("update"), &[], end).await;
    it.states(&["tracking.run_updated"], &at("update"), &[], with(json!({ "status": "RUNNING" }))).await;
    it.states(&["tracking.run_deleted"], &at("delete"), &[], which.clone()).await;
    it.states(&["tracking.run_restored"], &at("restore"), &[], which).await;
}

async fn artifact(it: &mut Audited, door: &str) {
    let at = |method: &str| format!("{method} {door}/2.0/mlflow-artifacts/artifacts/{{*path}}");
    let path = [("{*path}", "0/r/artifacts/a.json")];
    it.passes(&at("PUT"), &path, model(1.0)).await;
    it.passes(&at("PUT"), &path, model(1.0)).await;
    it.states(&["tracking.artifact_replaced"], &at("PUT"), &path, model(2.0)).await;
    it.states(&["tracking.artifact_deleted"], &at("DELETE"), &path, json!({})).await;
    in_parts(it, door).await;
    it.refused(&format!("POST {door}/2.0/mlflow/artifacts/presigned-upload-url"), &[]).await;
}

async fn in_parts(it: &mut Audited, door: &str) {
    let at = |call: &str| format!("{door}/2.0/mlflow-artifacts/mpu/{call}/{{*path}}");
    let (whole, folder) = ("0/r/artifacts/parts.bin", [("{*path}", "0/r/artifacts")]);
    let of = |upload_id: &str, parts: Value| json!({ "path": "parts.bin", "upload_id": upload_id, "num_parts": 1, "parts": parts });
    let given_up = it.passes(&format!("POST {}", at("create")), &folder, of("", json!([]))).await;
    it.passes(&format!("POST {}", at("abort")), &folder, of(&text(&given_up, "/upload_id"), json!([]))).await;
    // The second file takes the place of the first.
    for (value, told) in [(1.0, &[][..]), (2.0, &["tracking.artifact_replaced"])] {
        let begun = it.passes(&format!("POST {}", at("create")), &folder, of("", json!([]))).await;
        let id = text(&begun, "/upload_id");
        let part = format!("{whole}?upload_id={id}&part_number=1");
        it.passes(&format!("PUT {}", at("part")), &[("{*path}", &part)], model(value)).await;
        let list = format!("{door}/2.0/mlflow-artifacts/mpu/part/{part}");
        let (_, there) = call(&it.server.router, Method::GET, &list, None).await;
        let tag = text(&there, "/parts/0/etag");
        let parts = json!([{ "part_number": 1, "etag": tag }]);
        it.states(told, &format!("POST {}", at("complete")), &folder, of(&id, parts)).await;
    }
    let gone = format!("DELETE {door}/2.0/mlflow-artifacts/artifacts/{{*path}}");
    it.states(&["tracking.artifact_deleted"], &gone, &[("{*path}", whole)], json!({})).await;
}

async fn logged_model(it: &mut Audited, door: &str, experiment: &str) {
    let at = |method: &str, call: &str| format!("{method} {door}/2.0/mlflow/logged-models{call}");
    let made = json!({ "experiment_id": experiment, "name": "model" });
    let made = it.states(&["tracking.logged_model_created"], &at("POST", ""), &[], made).await;
    let id = text(&made, "/model/info/model_id");
    let which = [("{model_id}", id.as_str()), ("{tag_key}", "a")];
    let ready = json!({ "status": "LOGGED_MODEL_READY" });
    it.states(&["tracking.logged_model_finalized"], &at("PATCH", "/{model_id}"), &which, ready).await;
    let pairs = json!([{ "key": "a", "value": "1" }]);
    it.passes(&at("POST", "/{model_id}/params"), &which, json!({ "params": pairs })).await;
    let tagged = ["tracking.logged_model_tagged"];
    it.states(&tagged, &at("PATCH", "/{model_id}/tags"), &which, json!({ "tags": pairs })).await;
    it.states(&tagged, &at("DELETE", "/{model_id}/tags/{tag_key}"), &which, json!({})).await;
    it.states(&["tracking.logged_model_deleted"], &at("DELETE", "/{model_id}"), &which, json!({})).await;
}

/// Registered models and their versions, through one of MLflow's addresses.
pub(super) async fn register(it: &mut Audited, door: &str) {
    // A name gives its numbers once, so each door has a name of its own.
    let (old, new) = (format!("cars{}", door.len()), format!("vans{}", door.len()));
    let at = |method: &str, call: &str| format!("{method} {door}/2.0/mlflow/registered-models/{call}");
    it.states(&["registry.model_created"], &at("POST", "create"), &[], json!({ "name": old })).await;
    let words = json!({ "name": old, "description": "words" });
    it.states(&["registry.model_described"], &at("PATCH", "update"), &[], words).await;
    let tag = json!({ "name": old, "key": "team", "value": "blue" });
    it.states(&["registry.model_tagged"], &at("POST", "set-tag"), &[], tag.clone()).await;
    it.states(&["registry.model_tagged"], &at("DELETE", "delete-tag"), &[], tag).await;
    let name = json!({ "name": old, "new_name": new });
    it.states(&["registry.model_renamed"], &at("POST", "rename"), &[], name).await;

    version(it, door, &new).await;
    let alias = json!({ "name": new, "alias": "best", "version": "1" });
    it.states(&["registry.alias_moved"], &at("POST", "alias"), &[], alias.clone()).await;
    it.states(&["registry.alias_moved"], &at("DELETE", "alias"), &[], alias).await;
    let gone = format!("DELETE {door}/2.0/mlflow/model-versions/delete");
    it.states(&["registry.version_deleted"], &gone, &[], json!({ "name": new, "version": "1" })).await;
    it.states(&["registry.model_deleted"], &at("DELETE", "delete"), &[], json!({ "name": new })).await;
}

async fn version(it: &mut Audited, door: &str, model: &str) {
    let at = |method: &str, call: &str| format!("{method} {door}/2.0/mlflow/model-versions/{call}");
    let made = json!({ "name": model, "source": "s3://elsewhere/model" });
    it.states(&["registry.version_registered"], &at("POST", "create"), &[], made).await;
    let words = json!({ "name": model, "version": "1", "description": "words" });
    it.states(&["registry.version_updated"], &at("PATCH", "update"), &[], words).await;
    let stage = json!({ "name": model, "version": "1", "stage": "Staging", "archive_existing_versions": false });
    it.states(&["registry.version_updated"], &at("POST", "transition-stage"), &[], stage).await;
    let tag = json!({ "name": model, "version": "1", "key": "team", "value": "blue" });
    it.states(&["registry.version_tagged"], &at("POST", "set-tag"), &[], tag.clone()).await;
    it.states(&["registry.version_tagged"], &at("DELETE", "delete-tag"), &[], tag).await;
}

/// Webhooks, through one of MLflow's addresses.
pub(super) async fn tell(it: &mut Audited, door: &str) {
    let at = |method: &str, call: &str| format!("{method} {door}/2.0/mlflow/webhooks{call}");
    let events = json!([{ "entity": "PROMPT", "action": "CREATED" }]);
    let made = json!({ "name": "ci", "url": "http://127.0.0.1:9/hook", "events": events });
    let changed = ["registry.webhook_changed"];
    let made = it.states(&changed, &at("POST", ""), &[], made).await;
    let id = text(&made, "/webhook/webhook_id");
    let which = [("{webhook_id}", id.as_str())];
    it.states(&changed, &at("PATCH", "/{webhook_id}"), &which, json!({ "description": "words" })).await;
    it.passes(&at("POST", "/{webhook_id}/test"), &which, json!({})).await;
    it.states(&changed, &at("DELETE", "/{webhook_id}"), &which, json!({})).await;
}

/// Aliases, releases and labels.
pub(super) async fn serve(it: &mut Audited) {
    for factor in [1.0, 2.0] {
        servable(it, factor).await;
    }
    let label = json!({ "request_id": "r", "value": 1.0, "event_time": "2012-03-01T00:00:00Z" });
    let labels = json!({ "labels": [label] });
    it.passes("POST /api/v1/deployments/{name}/labels", &[("{name}", "bikes")], labels).await;
    point(it, "shadow", 1).await;
    let shadow = [("{name}", "bikes"), ("{alias}", "shadow")];
    it.states(&["registry.alias_moved"], "DELETE /api/v1/models/{name}/aliases/{alias}", &shadow, json!({})).await;

    point(it, "champion", 1).await;
    it.champion(1).await;
    point(it, "challenger", 2).await;
    let release = it.running_release().await;
    let actions = ["serving.release_promoted", "serving.model_loaded"];
    it.states(&actions, "POST /api/v1/releases/{id}/promote", &[("{id}", &release)], json!({})).await;
    point(it, "challenger", 1).await;
    let release = it.running_release().await;
    let actions = ["serving.release_rolled_back"];
    it.states(&actions, "POST /api/v1/releases/{id}/abort", &[("{id}", &release)], json!({})).await;
}

/// A version of `bikes` that can be served.
async fn servable(it: &mut Audited, factor: f64) {
    let made = it.states(&["tracking.run_started"], "POST /api/2.0/mlflow/runs/create", &[], json!({})).await;
    let run = text(&made, "/run/info/run_id");
    let path = format!("0/{run}/artifacts/model/model.onnx");
    let upload = "PUT /api/2.0/mlflow-artifacts/artifacts/{*path}";
    it.passes(upload, &[("{*path}", &path)], model(factor)).await;
    let made = json!({ "name": "bikes", "source": format!("runs:/{run}/model"), "run_id": run });
    it.states(&["registry.version_registered"], "POST /api/2.0/mlflow/model-versions/create", &[], made).await;
}

async fn point(it: &mut Audited, alias: &str, version: i64) {
    let which = [("{name}", "bikes"), ("{alias}", alias)];
    let route = "PUT /api/v1/models/{name}/aliases/{alias}";
    it.states(&["registry.alias_moved"], route, &which, json!({ "version": version })).await;
}

/// Tokens and garbage.
pub(super) async fn administer(it: &mut Audited) {
    let made = json!({ "name": "ci", "access": "write" });
    let made = it.states(&["auth.token_created"], "POST /api/v1/tokens", &[], made).await;
    let id = text(&made, "/id");
    it.states(&["auth.token_revoked"], "DELETE /api/v1/tokens/{id}", &[("{id}", &id)], json!({})).await;
    it.states(&["server.garbage_collected"], "POST /api/v1/gc", &[], json!({})).await;
}

/// Traces, which come in through OpenTelemetry's address as well.
pub(super) async fn trace(it: &mut Audited, door: &str) {
    let experiment = json!({ "name": format!("traced {door}") });
    let made = format!("POST {door}/2.0/mlflow/experiments/create");
    let made = it.states(&["tracking.experiment_created"], &made, &[], experiment).await;
    let (home, id) = (text(&made, "/experiment_id"), format!("tr-{}", door.trim_matches('/')));
    let location = json!({ "type": "MLFLOW_EXPERIMENT", "mlflow_experiment": { "experiment_id": home } });
    let info = json!({
        "trace_id": id, "trace_location": location, "request_time": "2026-01-02T03:04:05Z", "execution_duration": "1s", "state": "OK",
    });
    let at = |method: &str, version: &str, call: &str| format!("{method} {door}/{version}/mlflow/traces{call}");
    it.passes(&at("POST", "3.0", ""), &[], json!({ "trace": { "trace_info": info } })).await;
    let which = [("{trace_id}", id.as_str())];
    for version in ["2.0", "3.0"] {
        it.passes(&at("PATCH", version, "/{trace_id}/tags"), &which, json!({ "key": "k", "value": "v" })).await;
        it.passes(&at("DELETE", version, "/{trace_id}/tags"), &which, json!({ "key": "k" })).await;
        it.passes(&at("POST", version, "/link-to-run"), &[], json!({ "trace_ids": [id], "run_id": "r" })).await;
        let prompts = json!([{ "name": "greet", "version": "1" }]);
        it.passes(&at("POST", version, "/link-prompts"), &[], json!({ "trace_id": id, "prompt_versions": prompts }))
            .await;
    }
    let said = json!({
        "assessment_name": "right", "trace_id": id, "source": { "source_type": "HUMAN", "source_id": "r" }, "feedback": { "value": true },
    });
    let made = it.passes(&at("POST", "3.0", "/{trace_id}/assessments"), &which, json!({ "assessment": said })).await;
    let assessment = text(&made, "/assessment/assessment_id");
    let which = [which[0], ("{assessment_id}", assessment.as_str())];
    let one = "/{trace_id}/assessments/{assessment_id}";
    let changed = json!({ "assessment": { "feedback": { "value": false } }, "update_mask": "feedback" });
    it.passes(&at("PATCH", "3.0", one), &which, changed).await;
    it.passes(&at("DELETE", "3.0", one), &which, json!({})).await;
    let all = json!({ "experiment_id": home, "request_ids": [id] });
    it.states(&["traces.deleted"], &at("POST", "3.0", "/delete-traces"), &[], all.clone()).await;
    it.states(&[], &at("POST", "2.0", "/delete-traces"), &[], all).await;
}
