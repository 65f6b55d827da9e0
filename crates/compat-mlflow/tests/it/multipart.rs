//! Uploads in parts.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::Wire;

const MPU: &str = "/api/2.0/mlflow-artifacts/mpu";
const FOLDER: &str = "1/r/artifacts/model";
const FILE: &str = "/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/model/b%20ig.bin";

/// Sends bytes to an address as the client does: the one it was given.
async fn put(router: &Router, url: &str, bytes: &[u8]) -> (StatusCode, String) {
    let request = Request::put(url.strip_prefix("http://localhost").unwrap_or(url)).header(header::HOST, "localhost");
    let response = router.clone().oneshot(request.body(Body::from(bytes.to_vec())).unwrap()).await.unwrap();
    let tag = response.headers().get(header::ETAG).map_or("", |tag| tag.to_str().unwrap()).to_owned();
    (response.status(), tag)
}

async fn file(router: &Router) -> (StatusCode, Vec<u8>) {
    let request = Request::get(FILE).header(header::HOST, "localhost").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    (response.status(), response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

/// Begins an upload; answers its id and the addresses of its parts.
async fn begin(wire: &mut Wire, parts: usize) -> (String, Vec<String>) {
    let body = json!({"path": "/home/me/b ig.bin", "num_parts": parts});
    let begun = wire.post(&format!("{MPU}/create/{FOLDER}"), body).await;
    let urls: Vec<String> = begun["credentials"]
        .as_array()
        .unwrap_or_else(|| panic!("{begun}"))
        .iter()
        .map(|credential| credential["url"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(urls.len(), parts);
    (begun["upload_id"].as_str().unwrap().to_owned(), urls)
}

async fn end(wire: &mut Wire, what: &str, id: &str, parts: &[(usize, &str)]) -> Value {
    let parts: Vec<Value> = parts.iter().map(|(number, tag)| json!({"part_number": number, "etag": tag})).collect();
    wire.post(&format!("{MPU}/{what}/{FOLDER}"), json!({"path": "b ig.bin", "upload_id": id, "parts": parts})).await
}

#[tokio::test]
async fn parts_become_one_file_even_when_the_server_starts_anew_in_between() {
    for mut wire in Wire::each().await {
        let (id, urls) = begin(&mut wire, 3).await;
        let pieces = [vec![1u8; 1_000_000], vec![2u8; 1_000_000], vec![3u8; 7]];
        let (status, third) = put(&wire.router, &urls[2], &pieces[2]).await;
        assert_eq!(status, StatusCode::OK);
        let (_, spoilt) = put(&wire.router, &urls[0], b"half of it").await;
        wire.restart().await;
        let (_, first) = put(&wire.router, &urls[0], &pieces[0]).await;
        assert_ne!(first, spoilt);
        let list = urls[0].split('?').next().unwrap().trim_start_matches("http://localhost");
        let there = wire.get(&format!("{list}?upload_id={id}")).await;
        let there: Vec<_> =
            there["parts"].as_array().unwrap().iter().map(|part| (&part["part_number"], &part["size"])).collect();
        assert_eq!(there, [(&json!(1), &json!(1_000_000)), (&json!(3), &json!(7))], "what need not be sent again");
        let (_, second) = put(&wire.router, &urls[1], &pieces[1]).await;
        assert_eq!(file(&wire.router).await.0, StatusCode::NOT_FOUND, "nobody sees a file before it is whole");
        let named = [(1, first.as_str()), (2, second.as_str()), (3, third.as_str())];
        assert_eq!(end(&mut wire, "complete", &id, &named).await, json!({}));
        let (status, bytes) = file(&wire.router).await;
        assert_eq!((status, bytes == pieces.concat()), (StatusCode::OK, true));
        assert_eq!(end(&mut wire, "complete", &id, &named).await, json!({}), "the answer may not have been heard");
        assert_eq!(put(&wire.router, &urls[0], b"late").await.0, StatusCode::NOT_FOUND);
        assert_eq!(wire.kept().await.len(), 1, "parts are needed no more");
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_the_same_is_not_completed() {
    for mut wire in Wire::each().await {
        let (id, urls) = begin(&mut wire, 2).await;
        let (_, first) = put(&wire.router, &urls[0], b"one").await;
        let (_, second) = put(&wire.router, &urls[1], b"two").await;
        for named in [
            vec![],
            vec![(1, first.as_str()), (1, first.as_str())],
            vec![(2, second.as_str()), (1, first.as_str())],
            vec![(1, second.as_str()), (2, second.as_str())],
            vec![(1, ""), (2, second.as_str())],
            vec![(1, first.as_str()), (3, second.as_str())],
        ] {
            let answer = end(&mut wire, "complete", &id, &named).await;
            assert_eq!(answer["error_code"], "INVALID_PARAMETER_VALUE", "{named:?}: {answer}");
        }
        for url in ["&part_number=0", "&part_number=3", "&part_number=x", ""] {
            let url = urls[0].replace("&part_number=1", url);
            assert_eq!(put(&wire.router, &url, b"x").await.0, StatusCode::BAD_REQUEST, "{url}");
        }
        let other = urls[0].replace("/r/", "/other/");
        assert_eq!(put(&wire.router, &other, b"x").await.0, StatusCode::NOT_FOUND, "another path is another upload");
        let climbing = urls[0].replace("/r/", "/%252e%252e/");
        assert_eq!(put(&wire.router, &climbing, b"x").await.0, StatusCode::BAD_REQUEST);
        for parts in [0, 10_001] {
            let answer = wire.post(&format!("{MPU}/create/{FOLDER}"), json!({"path": "a", "num_parts": parts})).await;
            assert_eq!(answer["error_code"], "INVALID_PARAMETER_VALUE", "{answer}");
        }
        for (folder, path) in [("1/..", "a"), ("1/r", ".."), ("1/r", ""), ("_registered/bikes/1", "model.onnx")] {
            let answer = wire.post(&format!("{MPU}/create/{folder}"), json!({"path": path, "num_parts": 1})).await;
            assert_eq!(answer["error_code"], "INVALID_PARAMETER_VALUE", "{folder} {path}");
        }
        assert_eq!(file(&wire.router).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn uploads_that_are_given_up_or_forgotten_leave_nothing() {
    for mut wire in Wire::each().await {
        let (aborted, urls) = begin(&mut wire, 1).await;
        put(&wire.router, &urls[0], b"one").await;
        assert_eq!(wire.kept().await.len(), 1);
        assert_eq!(end(&mut wire, "abort", &aborted, &[]).await, json!({}));
        assert_eq!(end(&mut wire, "abort", &aborted, &[]).await, json!({}), "given up is given up");
        assert_eq!(put(&wire.router, &urls[0], b"one").await.0, StatusCode::NOT_FOUND);
        assert!(wire.kept().await.is_empty());

        let (_, old) = begin(&mut wire, 2).await;
        put(&wire.router, &old[0], b"one").await;
        wire.world.clock.advance(Duration::from_secs(23 * 3_600));
        put(&wire.router, &old[1], b"two").await;
        wire.world.clock.advance(Duration::from_secs(23 * 3_600));
        assert_eq!(wire.forget().await, 0, "not a day since it was touched");
        wire.world.clock.advance(Duration::from_secs(2 * 3_600));
        assert_eq!(wire.forget().await, 1);
        assert_eq!(put(&wire.router, &old[0], b"one").await.0, StatusCode::NOT_FOUND);
        assert!(wire.kept().await.is_empty());
    }
}

#[tokio::test]
async fn the_callers_login_goes_with_the_parts() {
    let wire = Wire::each().await.remove(0);
    let request = Request::post(format!("{MPU}/create/{FOLDER}"))
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, "Bearer pc_mine")
        .header("x-forwarded-proto", "https")
        .body(Body::from(json!({"path": "C:\\models\\a.bin", "num_parts": 1}).to_string()))
        .unwrap();
    let response = wire.router.clone().oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let begun: Value = serde_json::from_slice(&body).unwrap();
    let credential = &begun["credentials"][0];
    assert_eq!(credential["headers"], json!({"Authorization": "Bearer pc_mine"}), "{begun}");
    let url = credential["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("https://localhost{MPU}/part/{FOLDER}/a.bin?upload_id=")), "{url}");
}

#[tokio::test]
async fn a_long_header_does_not_come_back_ten_thousand_times() {
    let wire = Wire::each().await.remove(0);
    let request = Request::post(format!("{MPU}/create/{FOLDER}"))
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Basic {}", "x".repeat(30_000)))
        .body(Body::from(json!({"path": "a.bin", "num_parts": 10_000}).to_string()))
        .unwrap();
    let response = wire.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.into_body().collect().await.unwrap().to_bytes().len() < 1_000);
}
