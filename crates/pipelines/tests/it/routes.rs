//! The shapes of `docs/api.md`, and who may call.

use axum::http::{Method, StatusCode};
use pitcrew_testkit::{call, open, stranger_is_refused};
use serde_json::{Value, json};

use crate::yard::Yard;

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused_everywhere() {
    let yard = Yard::sqlite().await;
    stranger_is_refused(&yard.world, pitcrew_pipelines::routes(yard.service.clone())).await;
}

/// Ids, keys and figures differ from run to run.
fn redacted(mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => items.iter_mut().for_each(|item| *item = redacted(item.take())),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                *field = match (name.as_str(), field.take()) {
                    ("id" | "request_id", Value::String(id)) => {
                        json!(id.split('_').next().unwrap().to_owned() + "_[id]")
                    }
                    ("key", Value::String(_)) => json!("b3:[key]"),
                    ("cpu_seconds" | "peak_memory_bytes", Value::Number(_)) => json!("[figure]"),
                    (_, inner) => redacted(inner),
                };
            }
        }
        _ => {}
    }
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shapes_are_those_of_the_contract() {
    for yard in Yard::each().await {
        let router = open(&yard.world, pitcrew_pipelines::routes(yard.service.clone())).await;
        yard.apply(json!({"pipelines": {"train": {"description": "Trains", "dataset": "bikes", "params": {"seed": 7}, "steps": {
            "prepare": {"run": "sh -c 'echo one; echo two; echo x > $PITCREW_OUTPUT_DIR/rows'", "outputs": ["rows"], "inputs": {"data": "dataset"}},
            "register": {"uses": "register", "inputs": {"rows": "prepare/rows"}},
        }}}}))
        .await;
        let mut shapes = Vec::new();
        let (status, started) = call(
            &router,
            Method::POST,
            "/api/v1/pipelines/train/runs",
            Some(json!({"params": {"seed": 8}, "reason": "why not"})),
        )
        .await;
        assert_eq!(status, StatusCode::ACCEPTED);
        let id = started["id"].as_str().unwrap().to_owned();
        shapes.push(("started", redacted(started)));
        yard.finish(id.parse().unwrap()).await;
        for (name, path) in [
            ("pipelines", "/api/v1/pipelines?limit=5".to_owned()),
            ("runs", "/api/v1/pipeline-runs?pipeline=train&state=succeeded&limit=1".to_owned()),
            ("nothing", "/api/v1/pipeline-runs?state=failed".to_owned()),
            ("run", format!("/api/v1/pipeline-runs/{id}")),
        ] {
            let (status, body) = call(&router, Method::GET, &path, None).await;
            assert_eq!(status, StatusCode::OK, "{path}");
            shapes.push((name, redacted(body)));
        }
        let single = shapes.last().unwrap().1.clone();
        assert_eq!(shapes[2].1["items"][0], single, "a list shows what the thing itself shows");
        insta::assert_json_snapshot!("shapes", shapes);

        for (method, path, body, expected) in [
            (Method::GET, "/api/v1/pipelines/none".to_owned(), None, "PIPELINE_NOT_FOUND"),
            (Method::GET, "/api/v1/pipelines/a%2Fb".to_owned(), None, "NAME_INVALID"),
            (Method::GET, "/api/v1/pipeline-runs/run_none".to_owned(), None, "ID_INVALID"),
            (Method::GET, "/api/v1/pipeline-runs?state=done".to_owned(), None, "STATE_UNKNOWN"),
            (Method::GET, "/api/v1/pipeline-runs?page=x".to_owned(), None, "PAGE_INVALID"),
            (Method::GET, "/api/v1/pipeline-runs?limit=0".to_owned(), None, "PAGE_INVALID"),
            (Method::POST, "/api/v1/pipelines/train/runs".to_owned(), Some(json!({"parms": {}})), "JSON_UNEXPECTED"),
            (
                Method::POST,
                "/api/v1/pipelines/train/runs".to_owned(),
                Some(json!({"params": {"x": 1}})),
                "PARAM_INVALID",
            ),
            (Method::POST, format!("/api/v1/pipeline-runs/{id}/cancel"), None, "PIPELINE_RUN_FINISHED"),
            (Method::GET, format!("/api/v1/pipeline-runs/{id}/steps/none/log"), None, "STEP_NOT_FOUND"),
        ] {
            let (_, problem) = call(&router, method, &path, body).await;
            assert_eq!(problem["code"], expected, "{path}: {problem}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_runs_are_the_whole_list() {
    for yard in Yard::each().await {
        let router = open(&yard.world, pitcrew_pipelines::routes(yard.service.clone())).await;
        yard.steps(json!({"a": {"run": "true"}})).await;
        for _ in 0..5 {
            yard.run().await;
        }
        let mut numbers = Vec::new();
        let mut path = "/api/v1/pipeline-runs?limit=2".to_owned();
        loop {
            let (_, page) = call(&router, Method::GET, &path, None).await;
            numbers.extend(page["items"].as_array().unwrap().iter().map(|run| run["number"].as_i64().unwrap()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/pipeline-runs?limit=2&page={next}");
        }
        assert_eq!(numbers, [5, 4, 3, 2, 1], "{}", yard.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_text_with_an_offset_and_a_stream_with_an_end() {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    let yard = Yard::sqlite().await;
    let router = open(&yard.world, pitcrew_pipelines::routes(yard.service.clone())).await;
    yard.steps(json!({"a": {"run": "sh -c 'echo one; echo two'"}})).await;
    let run = yard.run().await;
    let get = async |path: String| {
        let request = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let next = head.headers.get("x-next-offset").map(|next| next.to_str().unwrap().to_owned());
        (String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(), next)
    };
    let log = format!("/api/v1/pipeline-runs/{}/steps/a/log", run.id);
    let (text, next) = get(log.clone()).await;
    assert_eq!(text, "$ sh -c 'echo one; echo two'\none\ntwo\n");
    assert_eq!(get(format!("{log}?offset={}", next.as_ref().unwrap())).await, (String::new(), next));
    let (stream, _) = get(format!("/api/v1/pipeline-runs/{}/log/stream", run.id)).await;
    insta::assert_snapshot!(stream);
}
