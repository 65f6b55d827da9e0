//! The API's shapes.

use axum::http::{Method, StatusCode};
use pitcrew_testkit::{call, open, stranger_is_refused};
use serde_json::{Value, json};

use crate::post::{Post, project};

#[tokio::test]
async fn shapes() {
    for post in Post::each().await {
        let mut told = project();
        told["alerts"]["bikes-error"]["notify"] = json!([{ "webhook": "http://127.0.0.1:9/hook" }]);
        post.apply(told).await;
        let router = open(&post.world, pitcrew_monitoring::routes(post.monitoring.clone())).await;
        let get = |path: String| {
            let router = router.clone();
            async move {
                let (status, body) = call(&router, Method::GET, &path, None).await;
                assert_eq!(status, StatusCode::OK, "{path}: {body}");
                body
            }
        };
        let before = get("/api/v1/monitors".to_owned()).await;
        assert_eq!((&before["items"][0]["latest"], &before["items"][0]["watermark"]), (&Value::Null, &Value::Null));
        assert_eq!(get("/api/v1/monitors/bikes/windows".to_owned()).await, json!({ "items": [], "next": null }));
        for day in 0..4 {
            post.observe(day * 24..day * 24 + 24, 20.0).await;
        }
        let monitors = get("/api/v1/monitors".to_owned()).await;
        insta::allow_duplicates! { insta::assert_json_snapshot!("monitors", monitors) };
        let windows = get("/api/v1/monitors/bikes/windows".to_owned()).await;
        assert_eq!(windows["items"].as_array().unwrap().last(), Some(&monitors["items"][0]["latest"]));
        let part =
            get("/api/v1/monitors/bikes/windows?from=2011-01-02T00:00:00Z&to=2011-01-03T00:00:00Z".to_owned()).await;
        assert_eq!(part["items"], json!([windows["items"][1]]));
        let newest = get("/api/v1/monitors/bikes/windows?limit=1".to_owned()).await;
        assert_eq!(newest["items"], json!([windows["items"][1]]));
        let rules = get("/api/v1/alert-rules".to_owned()).await;
        insta::allow_duplicates! { insta::assert_json_snapshot!("alert_rules", rules) };
        let alerts = get("/api/v1/alerts".to_owned()).await;
        let alert = &alerts["items"][0];
        insta::allow_duplicates! { insta::assert_json_snapshot!("alert_firing", alert) };
        assert_eq!(&get(format!("/api/v1/alerts/{}", alert["id"].as_str().unwrap())).await, alert);
        assert_eq!(get("/api/v1/alerts?state=firing".to_owned()).await, alerts);
        assert_eq!(get("/api/v1/alerts?state=resolved".to_owned()).await["items"], json!([]));
    }
}

#[tokio::test]
async fn pages_of_alerts_are_the_whole_list() {
    for post in Post::each().await {
        let mut eager = project();
        eager["alerts"]["bikes-error"]["for"] = json!(1);
        post.apply(eager).await;
        for day in 0..12 {
            post.observe(day * 24..day * 24 + 24, if day % 2 == 0 { 20.0 } else { 3.0 }).await;
        }
        let router = open(&post.world, pitcrew_monitoring::routes(post.monitoring.clone())).await;
        let mut path = "/api/v1/alerts?limit=2".to_owned();
        let mut seen = Vec::new();
        loop {
            let (_, page) = call(&router, Method::GET, &path, None).await;
            seen.extend(
                page["items"].as_array().unwrap().iter().map(|alert| alert["pending_at"].as_str().unwrap().to_owned()),
            );
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/alerts?limit=2&page={next}");
        }
        assert_eq!(seen.len(), 5, "{}", post.name());
        assert!(seen.is_sorted_by(|newer, older| newer > older), "{}: {seen:?}", post.name());
    }
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    for post in Post::each().await {
        let router = open(&post.world, pitcrew_monitoring::routes(post.monitoring.clone())).await;
        for (path, status, code) in [
            ("/api/v1/monitors/other/windows", 404, "MONITOR_NOT_FOUND"),
            ("/api/v1/monitors/a%20b/windows", 400, "NAME_INVALID"),
            ("/api/v1/monitors/bikes/windows?from=yesterday", 400, "QUERY_INVALID"),
            ("/api/v1/monitors/bikes/windows?limit=100000", 400, "PAGE_INVALID"),
            ("/api/v1/alerts?state=odd", 400, "QUERY_INVALID"),
            ("/api/v1/alerts/al_1", 400, "ID_INVALID"),
            ("/api/v1/alerts/al_00000000000000000000000000", 404, "ALERT_NOT_FOUND"),
            ("/api/v1/timeline?monitor=a%20b", 400, "NAME_INVALID"),
        ] {
            let (found, problem) = call(&router, Method::GET, path, None).await;
            assert_eq!(
                (found.as_u16(), problem["code"].as_str().unwrap_or_default()),
                (status, code),
                "{path}: {problem}"
            );
        }
    }
}

#[tokio::test]
async fn strangers_are_refused_everywhere() {
    for post in Post::each().await {
        stranger_is_refused(&post.world, pitcrew_monitoring::routes(post.monitoring.clone())).await;
    }
}
