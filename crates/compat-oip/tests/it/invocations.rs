//! MLflow's scoring server.

use axum::http::{Method, StatusCode};
use pitcrew_testkit::{FakeModels, linear};
use serde_json::json;

use crate::support::{door, door_to};

const PATH: &str = "/deployments/bikes/invocations";

#[tokio::test]
async fn the_four_forms_ask_the_same() {
    let door = door().await;
    let table = [
        json!({ "dataframe_split": { "columns": ["hum", "temp", "more"], "index": [0, 1], "data": [[0.5, 1, "x"], [0.25, null, "y"]] } }),
        json!({ "dataframe_records": [{ "temp": 1, "hum": 0.5 }, { "hum": 0.25 , "temp": null }], "params": {} }),
    ];
    for body in table {
        let reply = door.post(PATH, &body.to_string()).await;
        let text = String::from_utf8(reply.body.clone()).unwrap();
        assert_eq!((reply.status, text.as_str()), (StatusCode::OK, r#"{"predictions": [{"y": 3.0}, {"y": null}]}"#));
        assert_eq!(reply.headers["x-pitcrew-version"], "1");
    }
    let tensors = [
        json!({ "instances": [{ "temp": 1, "hum": 0.5 }, { "temp": 2, "hum": 0.5 }] }),
        json!({ "inputs": { "temp": [[1], [2]], "hum": [0.5, 0.5] } }),
    ];
    for body in tensors {
        let reply = door.post(PATH, &body.to_string()).await;
        assert_eq!(String::from_utf8(reply.body).unwrap(), r#"{"predictions": {"y": [[3.0], [5.0]]}}"#);
    }
    for body in [json!({ "instances": [1, 2] }), json!({ "inputs": [[1], [2]] })] {
        let reply = door.post("/deployments/trams/invocations", &body.to_string()).await;
        assert_eq!(String::from_utf8(reply.body).unwrap(), r#"{"predictions": {"y": [[1.0], [2.0]]}}"#);
    }
}

#[tokio::test]
async fn ids_and_event_times_come_in_headers() {
    let door = door().await;
    let headers = [
        ("content-type", "application/json; charset=UTF-8"),
        ("x-request-id", "req"),
        ("x-event-time", "2012-03-01 05:00:00"),
    ];
    let body = json!({ "dataframe_split": { "data": [[1, 2], [3, 4]] } }).to_string();
    assert_eq!(door.send(Method::POST, PATH, &headers, body).await.status, StatusCode::OK);
    let logged = door.logged().await;
    let seen: Vec<_> = logged.iter().map(|row| (row.0.as_str(), row.1.as_str(), row.2.as_slice())).collect();
    let at = "2012-03-01T05:00:00.000000Z";
    assert_eq!(seen, [("req-0", at, &[1.0, 2.0][..]), ("req-1", at, &[3.0, 4.0])]);
}

#[tokio::test]
async fn the_deployment_is_named_by_header_or_the_only_one() {
    let door = door().await;
    let body = json!({ "inputs": [[1]] }).to_string();
    let reply = door.post("/invocations", &body).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(reply.json()["message"].as_str().unwrap().contains("bikes, trams, words"));
    let named = [("content-type", "application/json"), ("x-pitcrew-deployment", "trams")];
    assert_eq!(door.send(Method::POST, "/invocations", &named, body.clone()).await.status, StatusCode::OK);
    let models = FakeModels::default();
    models.add("trams/1", linear(1.0));
    assert_eq!(door_to(models, &["trams"]).await.post("/invocations", &body).await.status, StatusCode::OK);
    assert_eq!(
        door_to(FakeModels::default(), &[]).await.post("/invocations", &body).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn what_is_wrong_is_told_as_mlflow_does() {
    let door = door().await;
    let bodies = [
        json!({}).to_string(),
        json!({ "inputs": {}, "instances": [] }).to_string(),
        json!({ "dataframe_records": [{ "temp": 1 }] }).to_string(),
        json!({ "dataframe_records": [{ "temp": "warm", "hum": 1 }] }).to_string(),
        json!({ "dataframe_records": [] }).to_string(),
        json!({ "dataframe_records": 7 }).to_string(),
        json!({ "dataframe_split": { "columns": ["temp", "hum"], "data": [[1, 2], [3]] } }).to_string(),
        json!({ "dataframe_split": { "data": [[1, 2, 3]] } }).to_string(),
        json!({ "inputs": { "temp": [1] } }).to_string(),
        json!({ "inputs": { "wind": [1] } }).to_string(),
        json!({ "inputs": { "temp": [[1], 2], "hum": [1] } }).to_string(),
        json!({ "inputs": [1, 2] }).to_string(),
        r#"{"inputs": [NaN]}"#.to_owned(),
        r#"{"inputs": ["#.to_owned(),
    ];
    let mut told = Vec::new();
    for body in bodies {
        let reply = door.post(PATH, &body).await;
        told.push(json!([body, reply.status.as_u16(), reply.json()["error_code"], reply.json()["message"]]));
    }
    let unknown = door.post("/deployments/planes/invocations", "{}").await;
    told.push(json!(["planes", unknown.status.as_u16(), unknown.json()["error_code"], unknown.json()["message"]]));
    for kind in ["text/csv", "application/json; charset=latin-1"] {
        let reply = door.send(Method::POST, PATH, &[("content-type", kind)], "{}").await;
        told.push(json!([kind, reply.status.as_u16(), String::from_utf8(reply.body).unwrap()]));
    }
    insta::assert_json_snapshot!(told);
    assert!(door.logged().await.is_empty());
}
