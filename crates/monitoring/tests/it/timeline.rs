//! What happened, beside the curve of quality.

use axum::http::Method;
use pitcrew_contracts::names::{GateDecisionId, PipelineRunId, ReleaseId};
use pitcrew_contracts::pipelines::{RunFinished, RunStarted};
use pitcrew_contracts::registry::{AliasMoved, GateDecided, VersionRegistered};
use pitcrew_contracts::release::{ReleaseFacts, ReleasePromoted, ReleaseRolledBack, ReleaseStarted, ReleaseStepped};
use pitcrew_testkit::{call, open};
use serde_json::Value;

use crate::post::{Post, hour};

async fn timeline(post: &Post, query: &str) -> Value {
    let router = open(&post.world, pitcrew_monitoring::routes(post.monitoring.clone())).await;
    call(&router, Method::GET, &format!("/api/v1/timeline{query}"), None).await.1
}

fn release(post: &Post, share: f64) -> ReleaseFacts {
    ReleaseFacts {
        release: ReleaseId::new(post.world.ids.as_ref()),
        deployment: "bikes".parse().unwrap(),
        model: "bikes".parse().unwrap(),
        alias: "champion".parse().unwrap(),
        candidate_alias: "challenger".parse().unwrap(),
        champion: 1,
        candidate: 2,
        share,
        event_time: Some(hour(60)),
        reason: "better by 61".to_owned(),
    }
}

#[tokio::test]
async fn a_lap_is_told_in_marks() {
    for post in Post::each().await {
        let run = PipelineRunId::new(post.world.ids.as_ref());
        let (pipeline, model) = (|| "train".parse().unwrap(), || "bikes".parse().unwrap());
        post.state(AliasMoved {
            model: model(),
            alias: "champion".parse().unwrap(),
            from: None,
            to: Some(1),
            reason: "first".into(),
        })
        .await;
        for day in 0..4 {
            post.observe(day * 24..day * 24 + 24, 20.0).await;
        }
        post.state(RunStarted { run, pipeline: pipeline(), number: 2, dataset_version: None }).await;
        let decision = || GateDecisionId::new(post.world.ids.as_ref());
        let decided = |verdict: &str| GateDecided {
            decision: decision(),
            model: model(),
            pipeline_run: Some(run),
            verdict: verdict.into(),
            reason: "why".into(),
        };
        post.state(decided("refused")).await;
        post.state(decided("passed")).await;
        post.state(VersionRegistered { version: "bikes/2".parse().unwrap(), digest: None }).await;
        post.state(AliasMoved {
            model: model(),
            alias: "challenger".parse().unwrap(),
            from: None,
            to: Some(2),
            reason: "gate".into(),
        })
        .await;
        let finished =
            |state: &str| RunFinished { run, pipeline: pipeline(), number: 2, state: state.into(), error: None };
        post.state(finished("succeeded")).await;
        post.state(finished("failed")).await;
        post.state(ReleaseStarted(release(&post, 0.1))).await;
        post.state(ReleaseStepped(release(&post, 0.5))).await;
        post.state(ReleaseRolledBack(release(&post, 0.5))).await;
        post.state(ReleasePromoted(release(&post, 1.0))).await;
        for day in 4..6 {
            post.observe(day * 24..day * 24 + 24, 3.0).await;
        }
        post.observe(24 * 6..24 * 7, 3.0).await;
        let told = timeline(&post, "").await;
        insta::allow_duplicates! { insta::assert_json_snapshot!("timeline", told) };
        assert_eq!(timeline(&post, "?monitor=bikes").await, told, "{}", post.name());
        assert_eq!(timeline(&post, "?monitor=other").await["code"], "MONITOR_NOT_FOUND", "{}", post.name());
    }
}

#[tokio::test]
async fn a_server_without_monitors_has_an_empty_timeline() {
    for post in Post::each().await {
        post.apply(serde_json::json!({ "project": "bikes" })).await;
        let told = timeline(&post, "").await;
        assert_eq!(told["monitor"], Value::Null, "{}", post.name());
        assert_eq!(
            (told["points"].as_array().map(Vec::len), told["annotations"].as_array().map(Vec::len)),
            (Some(0), Some(0)),
            "{}",
            post.name()
        );
    }
}
