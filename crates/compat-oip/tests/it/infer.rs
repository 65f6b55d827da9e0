//! The Open Inference Protocol with JSON.

use axum::http::{Method, StatusCode};
use pitcrew_compat_oip::routes;
use pitcrew_testkit::{FakeModels, linear, stranger_is_refused};
use serde_json::{Value, json};

use crate::support::{door, door_to};

fn request() -> Value {
    json!({
        "id": "h1", "parameters": { "event_time": "2012-03-01T05:00:00Z", "sequence_id": 7 },
        "inputs": [
            { "name": "hum", "shape": [1, 1], "datatype": "FP64", "data": [0.5] },
            { "name": "temp", "shape": [1, 1], "datatype": "FP32", "data": [[0.25]] },
        ],
    })
}

#[tokio::test]
async fn an_inference_answers_logs_and_says_who_answered() {
    let door = door().await;
    let reply = door.post("/v2/models/bikes/infer", &request().to_string()).await;
    assert_eq!(reply.status, StatusCode::OK);
    insta::assert_snapshot!(String::from_utf8(reply.body.clone()).unwrap());
    assert_eq!(reply.headers["x-pitcrew-arm"], "champion");
    assert_eq!(reply.headers["x-pitcrew-version"], "1");
    assert_eq!(reply.headers["content-type"], "application/json");
    let logged = door.logged().await;
    assert_eq!(logged, [("h1".into(), "2012-03-01T05:00:00.000000Z".into(), vec![0.25, 0.5], 1.5)]);
}

#[tokio::test]
async fn one_may_ask_for_a_version_for_outputs_and_without_an_id() {
    let door = door().await;
    let body = json!({ "inputs": [{ "name": "x", "shape": [2, 1], "datatype": "FP32", "data": [1, null] }], "outputs": [{ "name": "y" }] });
    let reply = door.post("/v2/models/trams/versions/1/infer", &body.to_string()).await.json();
    assert_eq!(reply["outputs"][0]["data"], json!([1.0, null]));
    assert_eq!(reply["id"].as_str().unwrap().len(), 32);
    let words = json!({ "inputs": [
        { "name": "word", "shape": [2, 1], "datatype": "BYTES", "data": ["a", "b"] },
        { "name": "n", "shape": [2, 1], "datatype": "INT64", "data": [3, 4] },
    ] });
    let reply = door.post("/v2/models/words/infer", &words.to_string()).await.json();
    assert_eq!(reply["outputs"][0]["data"], json!([3.0, 4.0]));
}

#[tokio::test]
async fn what_the_server_and_its_models_are() {
    let door = door().await;
    let mut told = Vec::new();
    for path in [
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models",
        "/v2/models/bikes",
        "/v2/models/bikes/versions/1",
        "/v2/models/bikes/ready",
        "/v2/models/bikes/versions/1/ready",
        "/v2/models/bikes/versions/2",
        "/v2/models/planes",
        "/ping",
    ] {
        let reply = door.get(path).await;
        told.push(json!([path, reply.status.as_u16(), reply.json()]));
    }
    for body in ["", "{\"ready\":true}", "{"] {
        let reply = door.post("/v2/repository/index", body).await;
        told.push(json!(["index", reply.status.as_u16(), reply.json()]));
    }
    told[0][2]["version"] = json!("[version]");
    insta::assert_json_snapshot!(told);
}

#[tokio::test]
async fn a_deployment_without_a_version_is_not_ready() {
    let door = door_to(FakeModels::default(), &["empty"]).await;
    assert_eq!(door.get("/v2/models/empty/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let index = door.post("/v2/repository/index", "").await.json();
    assert_eq!(index[0]["state"], "UNAVAILABLE");
    let body = json!({ "inputs": [] }).to_string();
    assert_eq!(door.post("/v2/models/empty/infer", &body).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(door.post("/deployments/empty/invocations", "{}").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn what_is_wrong_is_told_as_triton_does() {
    let door = door().await;
    let with = |change: fn(&mut Value)| {
        let mut body = request();
        change(&mut body);
        body.to_string()
    };
    let cases = [
        with(|b| b["inputs"][0]["name"] = json!("wind")),
        with(|b| b["inputs"][1]["name"] = json!("hum")),
        with(|b| drop(b["inputs"].as_array_mut().unwrap().pop())),
        with(|b| b["inputs"][0]["shape"] = json!([2, 1])),
        with(|b| b["inputs"][0]["shape"] = json!([1])),
        with(|b| b["inputs"][0]["shape"] = json!([-1, 1])),
        with(|b| b["inputs"][0]["shape"] = json!("wide")),
        with(|b| b["inputs"][0]["datatype"] = json!("FP32")),
        with(|b| b["inputs"][0]["datatype"] = json!("FP16")),
        with(|b| b["inputs"][0]["data"] = json!(["warm"])),
        with(|b| b["inputs"][0]["data"] = json!([true])),
        with(|b| drop(b["inputs"][0].as_object_mut().unwrap().remove("data"))),
        with(|b| b["outputs"] = json!([{ "name": "z" }])),
        with(|b| b["id"] = json!("x".repeat(300))),
        with(|b| b["parameters"]["event_time"] = json!("soon")),
        with(|b| b["parameters"]["event_time"] = json!(7)),
        with(|b| b["inputs"] = json!(7)),
        r#"{"inputs":[{"name":"temp","shape":[1,1],"datatype":"FP32","data":[NaN]}]}"#.to_owned(),
        r#"{"inputs":[{"name":"temp","shape":[1,1],"data"#.to_owned(),
        r#"{"inputs":[{"name":"hum","shape":[1,1],"datatype":"FP64","data":[1e999]}]}"#.to_owned(),
        "{}".to_owned(),
        String::new(),
        "[".repeat(5_000),
    ];
    let mut told = Vec::new();
    for body in cases {
        let reply = door.post("/v2/models/bikes/infer", &body).await;
        told.push(json!([reply.status.as_u16(), reply.json()["code"], reply.json()["error"]]));
    }
    for path in ["/v2/models/planes/infer", "/v2/models/bikes/versions/7/infer", "/v2/models/bikes/versions/new/infer"]
    {
        let reply = door.post(path, &request().to_string()).await;
        told.push(json!([reply.status.as_u16(), reply.json()["code"], reply.json()["error"]]));
    }
    insta::assert_json_snapshot!(told);
    assert!(door.logged().await.is_empty());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let door = door_to(
        {
            let models = FakeModels::default();
            models.add("trams/1", linear(1.0));
            models
        },
        &["trams"],
    )
    .await;
    let reply = door.post("/v2/models/trams/infer", &" ".repeat(pitcrew_compat_oip::MAX_INFER_BYTES + 1)).await;
    assert_eq!((reply.status, reply.json()["code"].clone()), (StatusCode::PAYLOAD_TOO_LARGE, json!("BODY_TOO_LARGE")));
    let encoded = door.send(Method::POST, "/v2/models/trams/infer", &[("content-encoding", "gzip")], "x").await;
    assert_eq!(encoded.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn strangers_are_refused() {
    let door = door().await;
    stranger_is_refused(&door.world, routes(&door.serving)).await;
}
