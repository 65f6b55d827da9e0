//! Declaring, loading, swapping and finding deployments.

use std::sync::Arc;

use axum::http::Method;
use pitcrew_contracts::release::InferenceLog as _;
use pitcrew_kernel::{Access, Timestamp};
use pitcrew_serving::{ArmKind, Ask, routes};
use pitcrew_testkit::{call, linear, open};
use serde_json::{Value, json};

use crate::support::{Server, column, hour, name, one_place, places, policy, values};

#[tokio::test]
async fn a_deployment_is_empty_until_its_alias_names_a_version() {
    for place in places().await {
        let server = place.start().await;
        let changes = server.apply(None).await;
        assert_eq!((changes.len(), changes[0].detail.as_str()), (1, "follows bikes@champion"));
        assert_eq!(server.predict("a", hour(0), 1.0).await.unwrap_err().code(), "SERVING_NOT_READY");
        server.alias("champion", Some(2)).await;
        let answer = server.predict("a", hour(0), 1.5).await.unwrap();
        assert_eq!((answer.arm, answer.version, values(&answer)), (ArmKind::Champion, 2, vec![3.0]));
        assert_eq!(server.serving.champion(&server.world.ctx, &name()).await.unwrap().unwrap().to_string(), "bikes/2");
        assert!(server.event_names().await.contains(&"serving.model_loaded".to_owned()));
    }
}

#[tokio::test]
async fn an_alias_that_stands_already_is_followed_at_apply() {
    let place = one_place().await;
    let server = place.start().await;
    server.alias("champion", Some(1)).await;
    server.apply(Some(policy())).await;
    assert_eq!(server.predict("a", hour(0), 1.0).await.unwrap().version, 1);
    assert_eq!(server.apply(Some(policy())).await[0].action, pitcrew_contracts::spec::ChangeAction::Unchanged);
    server.apply_all(vec![]).await;
    assert_eq!(server.predict("a", hour(0), 1.0).await.unwrap_err().code(), "DEPLOYMENT_NOT_FOUND");
}

#[tokio::test]
async fn a_restart_serves_what_was_served_without_any_event() {
    for place in places().await {
        place.serving_one(None).await.kill().await;
        let server = place.start().await;
        assert_eq!(values(&server.predict("a", hour(0), 5.0).await.unwrap()), [5.0]);
    }
}

#[tokio::test]
async fn serving_goes_on_when_registry_and_versions_are_away() {
    let place = one_place().await;
    let server = place.serving_one(None).await;
    place.models.vanish(true);
    assert_eq!(values(&server.predict("a", hour(0), 5.0).await.unwrap()), [5.0]);
}

#[tokio::test]
async fn what_is_in_memory_is_served_only_while_the_registry_names_the_same_bytes() {
    let place = one_place().await;
    let server = place.serving_one(None).await;
    place.models.add("bikes/1", linear(4.0));
    server.alias("champion", Some(1)).await;
    assert_eq!(values(&server.predict("a", hour(0), 5.0).await.unwrap()), [20.0]);
    place.models.vanish(true);
    server.alias("champion", Some(1)).await;
    assert_eq!(values(&server.predict("b", hour(0), 5.0).await.unwrap()), [20.0], "nobody says otherwise");
}

#[tokio::test]
async fn a_start_without_the_registry_serves_later() {
    let place = one_place().await;
    place.serving_one(None).await.stop().await;
    place.models.vanish(true);
    let server = place.start().await;
    assert_eq!(server.predict("a", hour(0), 5.0).await.unwrap_err().code(), "SERVING_NOT_READY");
    place.models.vanish(false);
    server.world.clock.advance(std::time::Duration::from_secs(600));
    server.rest().await;
    assert_eq!(values(&server.predict("a", hour(0), 5.0).await.unwrap()), [5.0]);
}

#[tokio::test]
async fn a_version_that_does_not_load_never_takes_over() {
    let place = one_place().await;
    let server = place.serving_one(None).await;
    place.models.add("bikes/4", json!("not a model"));
    server.alias("champion", Some(4)).await;
    assert_eq!(server.predict("a", hour(0), 1.0).await.unwrap().version, 1);
    assert_eq!(server.serving.champion(&server.world.ctx, &name()).await.unwrap().unwrap().version, 1);
}

#[tokio::test]
async fn bad_requests_are_told_and_not_logged() {
    let place = one_place().await;
    let server = place.serving_one(None).await;
    let ctx = &server.world.ctx;
    let ask = |deployment, version, id, tensor| Ask {
        deployment,
        version,
        request_id: id,
        event_time: Some(hour(0)),
        inputs: vec![("x", tensor)],
    };
    let code = async |ask| server.serving.predict(ctx, ask).await.unwrap_err().code();
    assert_eq!(code(ask("trams", None, None, column(vec![1.0]))).await, "DEPLOYMENT_NOT_FOUND");
    assert_eq!(code(ask("bikes", Some(9), None, column(vec![1.0]))).await, "SERVING_VERSION_NOT_LOADED");
    assert_eq!(code(ask("bikes", None, Some(""), column(vec![1.0]))).await, "SERVING_REQUEST_ID_INVALID");
    let long = "x".repeat(257);
    assert_eq!(code(ask("bikes", None, Some(&long), column(vec![1.0]))).await, "SERVING_REQUEST_ID_INVALID");
    let mut misshapen = column(vec![1.0]);
    misshapen.shape = vec![1, 1, 1];
    assert_eq!(code(ask("bikes", None, None, misshapen)).await, "SERVING_INPUT_INVALID");
    let other = Ask { inputs: vec![("y", column(vec![1.0]))], ..ask("bikes", None, None, column(vec![])) };
    assert_eq!(code(other).await, "SERVING_INPUT_INVALID");
    let reader = server.world.ctx_with(Access::Public);
    let refused = server.serving.predict(&reader, ask("bikes", None, None, column(vec![1.0]))).await;
    assert_eq!(refused.unwrap_err().code(), "FORBIDDEN");
    server.rest().await;
    assert!(server.slice(hour(0), hour(9)).await.rows.is_empty());
    let fine = server.serving.predict(ctx, ask("bikes", Some(1), None, column(vec![1.0]))).await.unwrap();
    assert_eq!((fine.version, fine.request_id.len()), (1, 32));
}

#[tokio::test]
async fn each_row_of_a_request_is_a_prediction_of_its_own() {
    let place = one_place().await;
    let server = place.serving_one(None).await;
    server.predict_rows("batch", hour(3), vec![1.0, f32::NAN, 3.0]).await.unwrap();
    server.rest().await;
    let slice = server.slice(hour(3), hour(4)).await;
    let seen: Vec<_> =
        slice.rows.iter().map(|row| (row.request_id.as_str(), row.failed, row.prediction.is_nan())).collect();
    assert_eq!(seen, [("batch-0", false, false), ("batch-1", true, true), ("batch-2", false, false)]);
    assert_eq!((slice.features, slice.rows[2].features.clone()), (vec!["x".to_owned()], vec![3.0]));
    let watermark: Option<Timestamp> = server.serving.watermark(&server.world.ctx, &name()).await.unwrap();
    assert_eq!(watermark, Some(hour(3)));
}

#[tokio::test]
async fn a_slow_model_answers_away_from_the_async_threads() {
    let place = one_place().await;
    place.models.add("bikes/1", json!({ "factor": 4.0, "memory_bytes": 1_000_000_000u64 }));
    place.models.add("bikes/2", json!({ "factor": 5.0, "memory_bytes": 1_000_000_000u64 }));
    let server = place.serving_one(Some(policy())).await;
    server.alias("challenger", Some(2)).await;
    let answer = server.predict("a", hour(0), 1.0).await.unwrap();
    server.rest().await;
    assert_eq!(values(&answer), [(answer.version + 3) as f64]);
}

/// `(requests, unseen, failures)` of each arm in the items at `place` of a path's answer.
async fn figures(server: &Server, path: &str, place: &str) -> Vec<(String, u64, u64, u64)> {
    let router = open(&server.world, routes(Arc::clone(&server.serving))).await;
    let (_, answer) = call(&router, Method::GET, path, None).await;
    let number = |item: &Value, field: &str| item[field].as_u64().unwrap();
    let items = answer[place].as_array().unwrap().iter();
    items
        .map(|item| {
            let arm = item["arm"].as_str().unwrap().to_owned();
            (arm, number(item, "requests"), number(item, "unseen"), number(item, "failures"))
        })
        .collect()
}

const DEPLOYMENT: &str = "/api/v1/deployments/bikes";

#[tokio::test]
async fn figures_follow_the_split_though_both_arms_compute_each_request() {
    let place = one_place().await;
    let server = place.serving_one(Some(policy())).await;
    server.alias("challenger", Some(2)).await;
    let mut answered = [0, 0];
    for h in 0..400 {
        let answer = server.predict(&format!("h{h}"), hour(h), 1.0).await.unwrap();
        answered[usize::from(answer.arm == ArmKind::Candidate)] += 1;
    }
    assert!((20..80).contains(&answered[1]), "about a tenth: {answered:?}");
    let wanted = vec![
        ("champion".to_owned(), answered[0], answered[1], 0),
        ("candidate".to_owned(), answered[1], answered[0], 0),
    ];
    assert_eq!(figures(&server, DEPLOYMENT, "arms").await, wanted);
    // The present second ends when the arms change.
    let release = server.releases().await.remove(0);
    server.serving.abort_release(&server.world.ctx, release.id, "").await.unwrap();
    let mut points = figures(&server, "/api/v1/deployments/bikes/traffic", "items").await;
    points.retain(|(_, requests, unseen, _)| requests + unseen > 0);
    assert_eq!(points, wanted);
}

#[tokio::test]
async fn what_a_candidate_failed_was_answered_by_the_champion() {
    let place = one_place().await;
    place.models.add("bikes/2", json!({ "factor": 2.0, "mode": "fail" }));
    let server = place.serving_one(Some(policy())).await;
    server.alias("challenger", Some(2)).await;
    for h in 0..40 {
        server.predict(&format!("h{h}"), hour(h), 1.0).await.unwrap();
    }
    let wanted = vec![("champion".to_owned(), 40, 0, 0), ("candidate".to_owned(), 0, 40, 40)];
    assert_eq!(figures(&server, DEPLOYMENT, "arms").await, wanted);
}

#[tokio::test]
async fn a_date_far_ahead_is_refused_and_a_future_that_was_come_to_is_not() {
    let place = one_place().await;
    let server = place.serving_one(None).await;
    let now = pitcrew_kernel::Clock::now(&server.world.clock);
    let days = |days: u64| now.plus(std::time::Duration::from_secs(days * 86_400));
    let century = "9999-01-01T00:00:00Z".parse().unwrap();
    for ahead in [days(8), century] {
        assert_eq!(server.predict("a", ahead, 1.0).await.unwrap_err().code(), "EVENT_TIME_AHEAD");
    }
    for day in [7, 14, 21] {
        server.predict(&format!("d{day}"), days(day), 1.0).await.unwrap();
        server.rest().await;
    }
    assert_eq!(server.predict("a", days(29), 1.0).await.unwrap_err().code(), "EVENT_TIME_AHEAD");
    assert_eq!(server.serving.watermark(&server.world.ctx, &name()).await.unwrap(), Some(days(21)));
}
