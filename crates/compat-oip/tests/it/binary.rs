//! The binary tensor extension.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Door, Reply, door};

async fn send(door: &Door, header: &Value, raw: &[u8], length: Option<usize>) -> Reply {
    let json = header.to_string();
    let length = length.unwrap_or(json.len()).to_string();
    let body = [json.as_bytes(), raw].concat();
    let headers = [("inference-header-content-length", length.as_str()), ("content-type", "application/octet-stream")];
    door.send(Method::POST, "/v2/models/bikes/infer", &headers, body).await
}

/// As `tritonclient` sends it when nothing else is asked for.
fn header() -> Value {
    json!({
        "inputs": [
            { "name": "temp", "shape": [2, 1], "datatype": "FP32", "parameters": { "binary_data_size": 8 } },
            { "name": "hum", "shape": [2, 1], "datatype": "FP64", "parameters": { "binary_data_size": 16 } },
        ],
        "parameters": { "binary_data_output": true },
    })
}

fn raw() -> Vec<u8> {
    let temp = [1.0f32, 2.0].map(f32::to_le_bytes).concat();
    let hum = [0.5f64, 0.25].map(f64::to_le_bytes).concat();
    [temp, hum].concat()
}

#[tokio::test]
async fn raw_tensors_go_both_ways() {
    let door = door().await;
    let reply = send(&door, &header(), &raw(), None).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.headers["content-type"], "application/octet-stream");
    let length: usize = reply.headers["inference-header-content-length"].to_str().unwrap().parse().unwrap();
    let (json, raw) = reply.body.split_at(length);
    let json: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(json["outputs"][0]["parameters"]["binary_data_size"], 8);
    assert_eq!(json["outputs"][0].get("data"), None);
    assert_eq!(raw, [3.0f32, 4.5].map(f32::to_le_bytes).concat());
}

#[tokio::test]
async fn an_output_may_be_asked_for_as_json() {
    let door = door().await;
    let mut header = header();
    header["outputs"] = json!([{ "name": "y", "parameters": { "binary_data": false } }]);
    let reply = send(&door, &header, &raw(), None).await;
    assert_eq!(reply.json()["outputs"][0]["data"], json!([3.0, 4.5]));
    assert!(!reply.headers.contains_key("inference-header-content-length"));
}

#[tokio::test]
async fn lengths_that_do_not_fit_are_told() {
    let door = door().await;
    let wrong = |at: usize, key: &str, value: Value| {
        let mut header = header();
        header["inputs"][at][key] = value;
        header
    };
    let raw = raw();
    let cases: Vec<(Value, &[u8], Option<usize>)> = vec![
        (header(), &raw[..20], None),
        (header(), &[&raw[..], &[0]].concat().leak()[..], None),
        (header(), &raw, Some(1_000_000)),
        (wrong(0, "shape", json!([3, 1])), &raw, None),
        (wrong(0, "data", json!([1, 2])), &raw, None),
        (wrong(1, "parameters", json!({ "binary_data_size": 7 })), &raw, None),
        (wrong(1, "parameters", json!({ "binary_data_size": -7 })), &raw, None),
        (wrong(0, "datatype", json!("BYTES")), &raw, None),
    ];
    let mut told = Vec::new();
    for (header, raw, length) in cases {
        let reply = send(&door, &header, raw, length).await;
        told.push(json!([reply.status.as_u16(), reply.json()["error"]]));
    }
    insta::assert_json_snapshot!(told);
}
