//! Every endpoint's question and answer. The answers were compared field by field with those of MLflow 3.17.2 to the same questions.

use axum::http::Method;
use serde_json::{Value, json};

use crate::Wire;

/// Both databases answer the same.
macro_rules! golden {
    ($name:literal, $wire:ident, $story:block) => {
        for mut $wire in Wire::each().await {
            $story
            insta::assert_json_snapshot!($name, $wire.told());
        }
    };
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

async fn experiment(wire: &mut Wire) -> String {
    text(&wire.post("/experiments/create", json!({"name": "probe"})).await, "/experiment_id").to_owned()
}

async fn run(wire: &mut Wire, experiment: &str) -> String {
    let body = json!({"experiment_id": experiment, "user_id": "u", "start_time": 1000, "run_name": "first", "tags": [{"key": "mlflow.user", "value": "u"}]});
    text(&wire.post("/runs/create", body).await, "/run/info/run_id").to_owned()
}

#[tokio::test]
async fn experiments() {
    golden!("experiments", wire, {
        wire.post("/experiments/create", json!({"name": "probe", "tags": [{"key": "a", "value": "1"}]})).await;
        wire.post("/experiments/create", json!({"name": "probe"})).await;
        wire.post("/experiments/create", json!({"name": 123})).await;
        wire.post("/experiments/create", json!({})).await;
        wire.get("/experiments/get?experiment_id=1").await;
        wire.get("/experiments/get?experiment_id=99").await;
        wire.get("/experiments/get?experiment_id=x").await;
        wire.get("/experiments/get-by-name?experiment_name=probe").await;
        wire.get("/experiments/get-by-name?experiment_name=nope").await;
        wire.post("/experiments/set-experiment-tag", json!({"experiment_id": "1", "key": "b", "value": "2"})).await;
        wire.post("/experiments/delete-experiment-tag", json!({"experiment_id": "1", "key": "a"})).await;
        wire.post("/experiments/delete-experiment-tag", json!({"experiment_id": "1", "key": "a"})).await;
        wire.post("/experiments/update", json!({"experiment_id": "1", "new_name": "renamed"})).await;
        wire.post("/experiments/search", json!({"max_results": 10, "filter": "name LIKE 'ren%'"})).await;
        wire.get("/experiments/search?max_results=1&order_by=name%20DESC&view_type=ACTIVE_ONLY").await;
        wire.post("/experiments/search", json!({})).await;
        wire.post("/experiments/delete", json!({"experiment_id": "1"})).await;
        wire.post("/experiments/delete", json!({"experiment_id": "1"})).await;
        wire.post("/experiments/search", json!({"max_results": 10, "view_type": "DELETED_ONLY"})).await;
        wire.post("/runs/create", json!({"experiment_id": "1"})).await;
        wire.post("/experiments/restore", json!({"experiment_id": "1"})).await;
    });
}

#[tokio::test]
async fn runs() {
    golden!("runs", wire, {
        let experiment = experiment(&mut wire).await;
        let id = run(&mut wire, &experiment).await;
        wire.post("/runs/create", json!({})).await;
        wire.post("/runs/create", json!({"run_name": "a", "tags": [{"key": "mlflow.runName", "value": "b"}]})).await;
        wire.get(&format!("/runs/get?run_id={id}")).await;
        wire.get(&format!("/runs/get?run_uuid={id}")).await;
        wire.get("/runs/get").await;
        wire.get("/runs/get?run_id=nope").await;
        wire.post("/runs/update", json!({"run_id": id, "status": "FINISHED", "end_time": 2000, "run_name": "second"}))
            .await;
        wire.post("/runs/update", json!({"run_id": id, "status": "NOPE"})).await;
        wire.post("/runs/delete", json!({"run_id": id})).await;
        wire.post("/runs/log-metric", json!({"run_id": id, "key": "m", "value": 1.5, "timestamp": 5})).await;
        wire.post("/runs/search", json!({"experiment_ids": [experiment]})).await;
        wire.post("/runs/search", json!({"experiment_ids": [experiment], "run_view_type": "DELETED_ONLY"})).await;
        wire.post("/runs/restore", json!({"run_id": id})).await;
    });
}

#[tokio::test]
async fn logging() {
    golden!("logging", wire, {
        let experiment = experiment(&mut wire).await;
        let id = run(&mut wire, &experiment).await;
        wire.told();
        wire.post("/runs/log-metric", json!({"run_id": id, "key": "m", "value": 1.5, "timestamp": 5, "step": 1})).await;
        wire.post("/runs/log-metric", json!({"run_uuid": id, "key": "n", "value": "NaN", "timestamp": "5"})).await;
        wire.post("/runs/log-metric", json!({"runId": id, "key": "up", "value": "Infinity", "timestamp": 5})).await;
        wire.post("/runs/log-metric", json!({"run_id": id, "value": 1.5, "timestamp": 5})).await;
        wire.post("/runs/log-metric", json!({"run_id": id, "key": "m", "value": "x", "timestamp": 5})).await;
        wire.post("/runs/log-metric", json!({"run_id": id, "key": "m", "value": 1, "timestamp": "x"})).await;
        wire.post("/runs/log-metric", json!({"run_id": id, "runId": id, "key": "m", "value": 1, "timestamp": 1})).await;
        wire.post("/runs/log-metric", json!({"run_id": id, "key": "../m", "value": 1, "timestamp": 1})).await;
        wire.post("/runs/log-metric", json!({"run_id": id, "key": "m", "value": 1, "timestamp": -1})).await;
        wire.post("/runs/log-parameter", json!({"run_id": id, "key": "p", "value": "1"})).await;
        wire.post("/runs/log-parameter", json!({"run_id": id, "key": "p", "value": "2"})).await;
        wire.post("/runs/set-tag", json!({"run_id": id, "key": "t", "value": "x"})).await;
        wire.post("/runs/delete-tag", json!({"run_id": id, "key": "t"})).await;
        wire.post("/runs/delete-tag", json!({"run_id": id, "key": "t"})).await;
        let batch = json!({"run_id": id, "metrics": [{"key": "a", "value": 1, "timestamp": 1, "step": 0}], "params": [{"key": "q", "value": "1"}], "tags": [{"key": "t", "value": "x"}]});
        wire.post("/runs/log-batch", batch).await;
        wire.post("/runs/log-batch", json!({"run_id": id, "metrics": [{"value": 1, "timestamp": 1, "step": 0}]})).await;
        wire.post(
            "/runs/log-batch",
            json!({"run_id": id, "params": [{"key": "q", "value": "1"}, {"key": "q", "value": "1"}]}),
        )
        .await;
        wire.post("/runs/log-batch", json!({"run_id": id, "params": [{"key": "q", "value": "5"}]})).await;
        wire.post("/runs/log-batch", json!({"run_id": 5})).await;
        let dataset = json!({"name": "d", "digest": "x", "source_type": "local", "source": "s", "schema": "{}"});
        wire.post("/runs/log-inputs", json!({"run_id": id, "datasets": [{"tags": [{"key": "mlflow.data.context", "value": "train"}], "dataset": dataset}], "models": [{"model_id": "m-1"}]})).await;
        wire.post("/runs/log-inputs", json!({"run_id": id, "datasets": [{}]})).await;
        wire.post("/runs/outputs", json!({"run_id": id, "models": [{"model_id": "m-2", "step": "3"}]})).await;
        let model = json!({"artifact_path": "model", "flavors": {}, "run_id": id, "utc_time_created": "t"});
        wire.post("/runs/log-model", json!({"run_id": id, "model_json": model.to_string()})).await;
        wire.post("/runs/log-model", json!({"run_id": id, "model_json": "{}"})).await;
        wire.get(&format!("/runs/get?run_id={id}")).await;
        wire.post("/experiments/search-datasets", json!({"experiment_ids": [experiment]})).await;
        wire.get(&format!("/metrics/get-history?run_id={id}&metric_key=m")).await;
        wire.get(&format!("/metrics/get-history?run_id={id}&metric_key=m&max_results=0")).await;
        wire.get(&format!("/metrics/get-history?run_id={id}&metric_key=none")).await;
        wire.get(&format!("/metrics/get-history-bulk-interval?run_ids={id}&metric_key=m&max_results=5")).await;
        wire.get(&format!("/metrics/get-history-bulk-interval?run_ids={id}&metric_key=m&start_step=1")).await;
    });
}

#[tokio::test]
async fn charts() {
    golden!("charts", wire, {
        let experiment = experiment(&mut wire).await;
        let id = run(&mut wire, &experiment).await;
        let point = |at: i64| json!({"key": "m", "value": at, "timestamp": 10 - at, "step": at % 3});
        let mut points: Vec<Value> = (0..7).map(point).collect();
        points.push(json!({"key": "m", "value": "NaN", "timestamp": 99, "step": 2}));
        wire.post("/runs/log-batch", json!({"run_id": id, "metrics": points})).await;
        wire.told();
        let bulk = "/ajax-api/2.0/mlflow/metrics/get-history-bulk";
        wire.get(bulk).await;
        wire.get(&format!("{bulk}?run_id={id}")).await;
        wire.get(&format!("{bulk}?run_id={id}&run_id=nope&metric_key=m&max_results=3")).await;
        wire.get(&format!("{bulk}?run_id={id}&metric_key=none")).await;
        wire.get(&format!("{bulk}?run_id={id}&metric_key=m&max_results=0")).await;
        wire.get(&format!("{bulk}?run_id={id}&metric_key=m&max_results=99999")).await;
        let runs: String = (0..101).map(|at| format!("&run_id={at}")).collect();
        wire.get(&format!("{bulk}?metric_key=m{runs}")).await;
        let interval = format!("/metrics/get-history-bulk-interval?run_ids={id}&metric_key=m");
        for most in ["1", "2", "3", "5", "8", "0", "2501", "x"] {
            wire.get(&format!("{interval}&max_results={most}")).await;
        }
        wire.get(&format!("{interval}&run_ids=nope&max_results=2")).await;
        wire.get(&format!("{interval}&start_step=1&end_step=1")).await;
        wire.get(&format!("{interval}&start_step=2&end_step=1")).await;
    });
}

#[tokio::test]
async fn search() {
    golden!("search", wire, {
        let experiment = experiment(&mut wire).await;
        for value in 0..3 {
            let id = run(&mut wire, &experiment).await;
            wire.post("/runs/log-metric", json!({"run_id": id, "key": "m", "value": value, "timestamp": 5})).await;
        }
        wire.told();
        let search = |more: Value| {
            let mut body = json!({"experiment_ids": [experiment]});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let first = wire
            .post(
                "/runs/search",
                search(json!({"filter": "metrics.m < 2", "order_by": ["metrics.m ASC"], "max_results": 1})),
            )
            .await;
        let token = text(&first, "/next_page_token");
        wire.post("/runs/search", search(json!({"filter": "metrics.m < 2", "order_by": ["metrics.m ASC"], "max_results": 1, "page_token": token}))).await;
        for filter in [
            "metrics.m > 'x'",
            "params.p > 5",
            "nonsense.a = 1",
            "metrics.m >",
            "colour = 'x'",
            "metrics.m > 1 OR metrics.m < 0",
        ] {
            wire.post("/runs/search", search(json!({"filter": filter}))).await;
        }
        wire.post("/runs/search", search(json!({"order_by": ["nonsense.a"]}))).await;
        wire.post("/runs/search", search(json!({"max_results": 0}))).await;
        wire.post("/runs/search", search(json!({"max_results": 50001}))).await;
        wire.post("/runs/search", search(json!({"page_token": "zzz"}))).await;
    });
}

#[tokio::test]
async fn logged_models() {
    golden!("logged_models", wire, {
        let experiment = experiment(&mut wire).await;
        let run = run(&mut wire, &experiment).await;
        wire.told();
        let body = json!({"experiment_id": experiment, "name": "model", "source_run_id": run, "params": [{"key": "a", "value": "1"}], "tags": [{"key": "t", "value": "1"}], "model_type": "x"});
        let made = wire.post("/logged-models", body).await;
        let id = text(&made, "/model/info/model_id").to_owned();
        wire.post("/logged-models", json!({"experiment_id": experiment, "name": "mo/del"})).await;
        wire.ask(
            Method::PATCH,
            &format!("/logged-models/{id}"),
            json!({"model_id": id, "status": "LOGGED_MODEL_READY"}),
        )
        .await;
        wire.ask(Method::PATCH, &format!("/logged-models/{id}/tags"), json!({"tags": [{"key": "z", "value": "2"}]}))
            .await;
        wire.ask(Method::DELETE, &format!("/logged-models/{id}/tags/z"), json!({})).await;
        wire.ask(Method::DELETE, &format!("/logged-models/{id}/tags/nope"), json!({})).await;
        wire.post(&format!("/logged-models/{id}/params"), json!({"params": [{"key": "b", "value": "2"}]})).await;
        wire.post("/runs/log-metric", json!({"run_id": run, "key": "mm", "value": 2.5, "timestamp": 7, "step": 1, "model_id": id, "dataset_name": "d", "dataset_digest": "x"})).await;
        wire.get(&format!("/logged-models/{id}")).await;
        wire.get("/logged-models/m-nope").await;
        wire.post("/logged-models/search", json!({"experiment_ids": [experiment], "filter": "metrics.mm > 2", "order_by": [{"field_name": "metrics.mm", "ascending": false, "dataset_name": "d"}], "datasets": [{"dataset_name": "d"}]})).await;
        wire.post(
            "/logged-models/search",
            json!({"experiment_ids": [experiment], "order_by": [{"field_name": "params.a"}]}),
        )
        .await;
        wire.get(&format!("/logged-models/{id}/artifacts/directories")).await;
        wire.ask(Method::DELETE, &format!("/logged-models/{id}"), json!({})).await;
        wire.get(&format!("/logged-models/{id}")).await;
        wire.get(&format!("/logged-models/{id}?allow_deleted=true")).await;
    });
}

#[tokio::test]
async fn artifacts() {
    golden!("artifacts", wire, {
        let id = run(&mut wire, "0").await;
        wire.told();
        let proxy = "/api/2.0/mlflow-artifacts";
        let folder = format!("0/{id}/artifacts");
        let file = format!("{proxy}/artifacts/{folder}/a.json");
        wire.ask(Method::PUT, &file, json!({"some": "content"})).await;
        wire.get(&file).await;
        wire.get(&format!("{file}x")).await;
        wire.get(&format!("/artifacts/list?run_id={id}")).await;
        wire.get(&format!("/artifacts/list?run_id={id}&path=../x")).await;
        wire.get("/artifacts/list?run_id=nope").await;
        wire.get(&format!("{proxy}/artifacts?path={folder}")).await;
        wire.get(&format!("{proxy}/presigned/{folder}/a.json")).await;
        wire.post("/artifacts/presigned-download-url", json!({"run_id": id, "path": "a.json"})).await;
        wire.post("/artifacts/presigned-download-url", json!({"run_id": id, "path": "a.json", "expiration": 0})).await;
        wire.post("/artifacts/presigned-upload-url", json!({"run_id": id, "path": "a.json"})).await;
        let begun = wire.post(&format!("{proxy}/mpu/create/{folder}"), json!({"path": "b.json", "num_parts": 1})).await;
        let upload = text(&begun, "/upload_id").to_owned();
        let part = format!("{proxy}/mpu/part/{folder}/b.json?upload_id={upload}");
        wire.ask(Method::PUT, &format!("{part}&part_number=1"), json!({"in": "parts"})).await;
        let there = wire.get(&part).await;
        let whole = json!({"path": "b.json", "upload_id": upload, "parts": there["parts"]});
        wire.post(&format!("{proxy}/mpu/complete/{folder}"), whole).await;
        wire.post(&format!("{proxy}/mpu/complete/{folder}"), json!({"path": "b.json", "upload_id": upload})).await;
        wire.post(&format!("{proxy}/mpu/abort/{folder}"), json!({"path": "b.json", "upload_id": "nope"})).await;
        wire.get(&format!("{proxy}/artifacts/{folder}/b.json")).await;
        wire.ask(Method::DELETE, &file, json!({})).await;
        wire.ask(Method::DELETE, &file, json!({})).await;
    });
}

#[tokio::test]
async fn registered_models() {
    golden!("registered_models", wire, {
        wire.post(
            "/registered-models/create",
            json!({"name": "bikes", "tags": [{"key": "a", "value": "1"}], "description": "d"}),
        )
        .await;
        wire.post("/registered-models/create", json!({"name": "bikes"})).await;
        wire.post("/registered-models/create", json!({"name": "bi/kes"})).await;
        wire.post("/registered-models/create", json!({"name": ""})).await;
        wire.get("/registered-models/get?name=bikes").await;
        wire.get("/registered-models/get?name=nope").await;
        wire.get("/registered-models/get-latest-versions?name=bikes").await;
        wire.get("/registered-models/get?name=no%20such%20name").await;
        wire.post("/registered-models/set-tag", json!({"name": "bikes", "key": "b", "value": "2"})).await;
        wire.ask(Method::DELETE, "/registered-models/delete-tag", json!({"name": "bikes", "key": "a"})).await;
        wire.ask(Method::PATCH, "/registered-models/update", json!({"name": "bikes", "description": "other"})).await;
        wire.get("/registered-models/search?filter=name%20LIKE%20'b%25'&max_results=10").await;
        wire.get("/registered-models/search?filter=name%20%3E%20'b'").await;
        wire.post("/registered-models/rename", json!({"name": "bikes", "new_name": "boats"})).await;
        wire.ask(Method::DELETE, "/registered-models/delete", json!({"name": "boats"})).await;
        wire.ask(Method::DELETE, "/registered-models/delete", json!({"name": "boats"})).await;
    });
}

#[tokio::test]
async fn model_versions() {
    golden!("model_versions", wire, {
        let experiment = experiment(&mut wire).await;
        let run = run(&mut wire, &experiment).await;
        let made = wire
            .post("/logged-models", json!({"experiment_id": experiment, "name": "model", "source_run_id": run}))
            .await;
        let model = text(&made, "/model/info/model_id").to_owned();
        wire.post("/registered-models/create", json!({"name": "bikes"})).await;
        wire.told();
        let create = |source: String, more: Value| {
            let mut body = json!({"name": "bikes", "source": source});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        wire.post(
            "/model-versions/create",
            create(
                format!("models:/{model}"),
                json!({"run_id": run, "model_id": model, "tags": [{"key": "a", "value": "1"}]}),
            ),
        )
        .await;
        wire.post(
            "/model-versions/create",
            create(format!("mlflow-artifacts:/1/{run}/artifacts/sub"), json!({"run_id": run})),
        )
        .await;
        wire.post("/model-versions/create", create(format!("runs:/{run}/model"), json!({"run_id": run}))).await;
        wire.post("/model-versions/create", create("models:/bikes/1".to_owned(), json!({}))).await;
        for source in [
            format!("mlflow-artifacts:/99/{run}/artifacts/sub"),
            format!("runs:/{run}/model"),
            "/etc/passwd".to_owned(),
            "s3://b/../x".to_owned(),
            "models:/m-nope".to_owned(),
        ] {
            wire.post("/model-versions/create", create(source, json!({}))).await;
        }
        wire.post("/model-versions/create", json!({"name": "nope", "source": "s3://b/x"})).await;
        wire.get("/model-versions/get?name=bikes&version=1").await;
        wire.get("/model-versions/get?name=bikes&version=9").await;
        wire.get("/model-versions/get?name=bikes&version=x").await;
        wire.get("/model-versions/get-download-uri?name=bikes&version=1").await;
        wire.get("/model-versions/get-download-uri?name=bikes&version=3").await;
        wire.get("/model-versions/get-download-uri?name=bikes&version=4").await;
        wire.post("/model-versions/set-tag", json!({"name": "bikes", "version": "1", "key": "k", "value": "v"})).await;
        wire.ask(Method::DELETE, "/model-versions/delete-tag", json!({"name": "bikes", "version": "1", "key": "a"}))
            .await;
        wire.ask(
            Method::PATCH,
            "/model-versions/update",
            json!({"name": "bikes", "version": "1", "description": "the first"}),
        )
        .await;
        wire.get("/model-versions/search?filter=name%3D'bikes'%20AND%20tags.k%3D'v'").await;
        wire.get("/model-versions/search?filter=version_number%20%3E%201&order_by=version_number%20DESC&max_results=1")
            .await;
        wire.post("/registered-models/alias", json!({"name": "bikes", "alias": "champion", "version": "1"})).await;
        for alias in ["v1", "a b", "latest"] {
            wire.post("/registered-models/alias", json!({"name": "bikes", "alias": alias, "version": "1"})).await;
        }
        wire.post("/registered-models/alias", json!({"name": "bikes", "alias": "champion", "version": "9"})).await;
        wire.get("/registered-models/alias?name=bikes&alias=champion").await;
        wire.get("/registered-models/alias?name=bikes&alias=nope").await;
        wire.get("/registered-models/alias?name=bikes&alias=latest").await;
        wire.get("/registered-models/get?name=bikes").await;
        wire.ask(Method::DELETE, "/registered-models/alias", json!({"name": "bikes", "alias": "champion"})).await;
        wire.post(
            "/model-versions/transition-stage",
            json!({"name": "bikes", "version": "2", "stage": "production", "archive_existing_versions": true}),
        )
        .await;
        wire.post(
            "/model-versions/transition-stage",
            json!({"name": "bikes", "version": "3", "stage": "Production", "archive_existing_versions": true}),
        )
        .await;
        wire.post(
            "/model-versions/transition-stage",
            json!({"name": "bikes", "version": "1", "stage": "Nope", "archive_existing_versions": false}),
        )
        .await;
        wire.post(
            "/registered-models/get-latest-versions",
            json!({"name": "bikes", "stages": ["Production", "Archived"]}),
        )
        .await;
        wire.ask(Method::DELETE, "/model-versions/delete", json!({"name": "bikes", "version": "1"})).await;
        wire.get(&format!("/logged-models/{model}")).await;
    });
}

#[tokio::test]
async fn the_server_itself() {
    golden!("server", wire, {
        wire.get("/api/3.0/mlflow/server-info").await;
        wire.get("/traces/search").await;
        wire.post("/api/3.0/mlflow/issues", json!({})).await;
        wire.post("/scorers/register", json!({})).await;
        wire.post("/api/2.0/mlflow-artifacts/mpu/create/1/x", json!({"path": "x", "num_parts": 2})).await;
        wire.post("/artifacts/presigned-upload-url", json!({"run_id": "x", "path": "y"})).await;
        wire.get("/ajax-api/2.0/mlflow/experiments/get?experiment_id=0").await;
        wire.post("/experiments/create", json!([1])).await;
    });
}

#[tokio::test]
async fn webhooks() {
    // Nobody listens at port 9 of this machine.
    golden!("webhooks", wire, {
        let url = "http://127.0.0.1:9/hook";
        let created = json!([{"entity": "REGISTERED_MODEL", "action": "CREATED"}]);
        wire.get("/webhooks").await;
        let body = json!({"name": "first", "url": url, "events": created, "description": "d", "secret": "hush", "status": "ACTIVE"});
        let id = text(&wire.post("/webhooks", body).await, "/webhook/webhook_id").to_owned();
        let two = json!([{"entity": "REGISTERED_MODEL", "action": "CREATED"}, {"entity": "MODEL_VERSION_TAG", "action": "SET"}]);
        wire.world.clock.advance(std::time::Duration::from_millis(5));
        wire.post("/webhooks", json!({"name": "second", "url": url, "events": two})).await;
        for body in [
            json!({}),
            json!({"name": "x"}),
            json!({"name": "x", "url": url}),
            json!({"name": "x", "url": url, "events": []}),
            json!({"name": 5, "url": url, "events": created}),
            json!({"name": "", "url": url, "events": created}),
            json!({"name": "-x", "url": url, "events": created}),
            json!({"name": "x", "url": "  ", "events": created}),
            json!({"name": "x", "url": "ftp://a/b", "events": created}),
            json!({"name": "x", "url": "nonsense", "events": created}),
            json!({"name": "x", "url": "http://inside.test/", "events": created}),
            json!({"name": "x", "url": "http://169.254.169.254/latest/meta-data", "events": created}),
            json!({"name": "x", "url": url, "events": [{"entity": "REGISTERED_MODEL", "action": "DELETED"}]}),
            json!({"name": "x", "url": url, "events": [{"entity": "NOPE", "action": "CREATED"}]}),
            json!({"name": "x", "url": url, "events": [{"entity": "REGISTERED_MODEL"}]}),
            json!({"name": "x", "url": url, "events": "x"}),
            json!({"name": "x", "url": url, "events": created, "status": "NOPE"}),
            json!({"name": "x", "url": url, "events": created, "status": 5}),
            json!({"name": "x", "url": url, "events": created, "secret": 5}),
            json!({"name": "x", "url": url, "events": created, "secret": "s".repeat(1_001)}),
        ] {
            wire.post("/webhooks", body).await;
        }
        let of = |tail: &str| format!("/webhooks/{id}{tail}");
        wire.get(&of("")).await;
        wire.get("/webhooks/nope").await;
        wire.world.clock.advance(std::time::Duration::from_millis(5));
        for body in [
            json!({"name": "renamed", "status": "DISABLED", "description": ""}),
            json!({"events": [{"entity": "PROMPT", "action": "CREATED"}], "secret": ""}),
            json!({"events": []}),
            json!({"name": "-"}),
            json!({"url": "ftp://x"}),
            json!({"url": "http://10.0.0.1/"}),
            json!({}),
        ] {
            wire.ask(Method::PATCH, &of(""), body).await;
        }
        wire.ask(Method::PATCH, "/webhooks/nope", json!({"name": "a"})).await;
        let first = wire.get("/webhooks?max_results=1").await;
        wire.get(&format!("/webhooks?max_results=1&page_token={}", text(&first, "/next_page_token"))).await;
        for query in ["max_results=1001", "max_results=x", "page_token=nonsense"] {
            wire.get(&format!("/webhooks?{query}")).await;
        }
        wire.post("/webhooks/nope/test", json!({})).await;
        wire.post(&of("/test"), json!({})).await;
        wire.post(&of("/test"), json!({"event": {"entity": "REGISTERED_MODEL", "action": "DELETED"}})).await;
        wire.ask(Method::DELETE, &of(""), json!({})).await;
        wire.ask(Method::DELETE, &of(""), json!({})).await;
        wire.get(&of("")).await;
    });
}
