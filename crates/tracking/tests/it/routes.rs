use axum::http::{Method, StatusCode};
use bytes::Bytes;
use pitcrew_contracts::tracking::RunTracker as _;
use pitcrew_testkit::{call, open};
use pitcrew_tracking::{Metric, routes};
use serde_json::Value;

use crate::Place;

/// A run of a pipeline with a little of everything.
async fn filled(place: &Place) -> String {
    let (tracking, ctx) = (&place.tracking, &place.world.ctx);
    let tags = [("pitcrew.pipeline_run", "run_1"), ("pitcrew.pipeline_step", "train"), ("mlflow.parentRunId", "abc")];
    let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let run = tracking.open(ctx, "k", "bikes", "train", tags).await.unwrap();
    tracking.log_param(ctx, &run, "max_iter", "200").await.unwrap();
    for (step, value) in [f64::NAN, f64::INFINITY, 2.5].into_iter().enumerate() {
        tracking.log_metric(ctx, &run, Metric::new("train/mae", value, 1_700_000_000_000, step as i64)).await.unwrap();
    }
    tracking.log_metric(ctx, &run, Metric::new("down", f64::NEG_INFINITY, 1, 0)).await.unwrap();
    let path = format!("1/{run}/artifacts/model/notes.txt").parse().unwrap();
    let mut upload = tracking.upload_artifact(ctx, path).await.unwrap();
    upload.write(Bytes::from_static(b"hello")).await.unwrap();
    tracking.finish_artifact(ctx, upload).await.unwrap();
    run
}

async fn get(router: &axum::Router, path: &str) -> Value {
    let (status, json) = call(router, Method::GET, path, None).await;
    assert_eq!(status, StatusCode::OK, "{path}: {json}");
    json
}

#[tokio::test]
async fn the_native_shapes() {
    let place = Place::one().await;
    let run = filled(&place).await;
    let router = open(&place.world, routes(place.tracking.clone())).await;
    insta::assert_json_snapshot!("run", get(&router, &format!("/api/v1/runs/{run}")).await);
    let list = get(&router, "/api/v1/runs?experiment=bikes&filter=metrics.%60train/mae%60%20%3E%201&order_by=metrics.%60train/mae%60%20DESC,start_time").await;
    assert_eq!(list["items"][0], get(&router, &format!("/api/v1/runs/{run}")).await);
    insta::assert_json_snapshot!(
        "metric",
        get(&router, &format!("/api/v1/runs/{run}/metrics/train%2Fmae?max_points=10")).await
    );
    insta::assert_json_snapshot!("artifacts", get(&router, &format!("/api/v1/runs/{run}/artifacts?path=model")).await);
    insta::assert_json_snapshot!("experiments", get(&router, "/api/v1/experiments").await);
}

#[tokio::test]
async fn wrong_questions_get_precise_answers() {
    let place = Place::one().await;
    let run = filled(&place).await;
    let router = open(&place.world, routes(place.tracking.clone())).await;
    for (path, status, code) in [
        ("/api/v1/runs/nope".to_owned(), 404, "RUN_NOT_FOUND"),
        ("/api/v1/runs?experiment=nope".to_owned(), 404, "EXPERIMENT_NOT_FOUND"),
        ("/api/v1/runs?filter=nonsense".to_owned(), 400, "FILTER_INVALID"),
        ("/api/v1/runs?order_by=nonsense".to_owned(), 400, "ORDER_BY_INVALID"),
        ("/api/v1/runs?limit=5000".to_owned(), 400, "PAGE_INVALID"),
        (format!("/api/v1/runs/{run}/metrics/m?max_points=0"), 400, "TRACKING_VALUE_INVALID"),
        (format!("/api/v1/runs/{run}/artifacts?path=../x"), 400, "ARTIFACT_PATH_INVALID"),
        (format!("/api/v1/runs/{run}/artifacts/content?path=model"), 404, "ARTIFACT_NOT_FOUND"),
    ] {
        let (got, json) = call(&router, Method::GET, &path, None).await;
        assert_eq!((got.as_u16(), json["code"].as_str()), (status, Some(code)), "{path}: {json}");
    }
}
