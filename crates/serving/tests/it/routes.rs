//! The native API's shapes.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use pitcrew_serving::routes;
use pitcrew_testkit::{call, open, stranger_is_refused};
use serde_json::{Value, json};

use crate::support::{hour, one_place, policy};

#[tokio::test]
async fn the_answers_have_their_shapes() {
    let place = one_place().await;
    let server = place.serving_one(Some(policy())).await;
    let router = open(&server.world, routes(Arc::clone(&server.serving))).await;
    for h in 0..30 {
        server.predict(&format!("h{h}"), hour(h), 3.0).await.unwrap();
    }
    server.alias("challenger", Some(2)).await;
    for h in 30..34 {
        server.predict(&format!("h{h}"), hour(h), f32::from(u8::try_from(h).unwrap())).await.unwrap();
    }
    server.rest().await;
    let get = async |path: &str| call(&router, Method::GET, path, None).await;
    let labels = json!({ "labels": [{ "request_id": "h33", "value": 30.0, "event_time": "2012-03-02T09:00:00Z" }, { "request_id": "h77", "value": 1 }] });
    let (status, counts) = call(&router, Method::POST, "/api/v1/deployments/bikes/labels", Some(labels)).await;
    assert_eq!(status, StatusCode::OK);
    let (_, releases) = get("/api/v1/releases?deployment=bikes").await;
    let id = releases["items"][0]["id"].as_str().unwrap().to_owned();
    let shapes = json!({
        "labels": counts,
        "deployments": get("/api/v1/deployments").await.1,
        "deployment": get("/api/v1/deployments/bikes").await.1,
        "predictions": get("/api/v1/deployments/bikes/predictions?limit=2").await.1,
        "traffic": get("/api/v1/deployments/bikes/traffic").await.1,
        "release": get(&format!("/api/v1/releases/{id}")).await.1,
        "aborted": call(&router, Method::POST, &format!("/api/v1/releases/{id}/abort"), Some(json!({ "reason": "enough" }))).await.1["state"],
    });
    insta::assert_json_snapshot!(shapes);
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    let place = one_place().await;
    let server = place.serving_one(Some(policy())).await;
    let router = open(&server.world, routes(Arc::clone(&server.serving))).await;
    let nobody = "rel_00000000000000000000000000";
    let cases: Vec<(Method, String, Option<Value>)> = vec![
        (Method::GET, "/api/v1/deployments/trams".into(), None),
        (Method::GET, "/api/v1/deployments/..".into(), None),
        (Method::GET, "/api/v1/deployments/bikes/predictions?limit=0".into(), None),
        (Method::GET, "/api/v1/deployments/bikes/traffic?points=many".into(), None),
        (Method::GET, format!("/api/v1/releases/{nobody}"), None),
        (Method::GET, "/api/v1/releases/nonsense".into(), None),
        (Method::POST, format!("/api/v1/releases/{nobody}/promote"), Some(json!({}))),
        (Method::POST, "/api/v1/deployments/bikes/labels".into(), Some(json!({ "labels": [{ "request_id": "a" }] }))),
        (
            Method::POST,
            "/api/v1/deployments/bikes/labels".into(),
            Some(json!({ "labels": [{ "request_id": "a", "value": null }] })),
        ),
        (
            Method::POST,
            "/api/v1/deployments/bikes/labels".into(),
            Some(json!({ "labels": [{ "request_id": "a", "value": 1, "event_time": "soon" }] })),
        ),
        (Method::POST, "/api/v1/deployments/trams/labels".into(), Some(json!({ "labels": [] }))),
    ];
    let mut told = Vec::new();
    for (method, path, body) in cases {
        let (status, answer) = call(&router, method, &path, body).await;
        told.push(json!([path, status.as_u16(), answer["code"], answer["detail"]]));
    }
    insta::assert_json_snapshot!(told);
}

#[tokio::test]
async fn strangers_are_refused() {
    let place = one_place().await;
    let server = place.start().await;
    stranger_is_refused(&server.world, routes(Arc::clone(&server.serving))).await;
}
