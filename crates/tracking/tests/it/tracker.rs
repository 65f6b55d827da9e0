use std::collections::BTreeMap;

use pitcrew_contracts::tracking::RunTracker as _;
use pitcrew_kernel::Timestamp;
use pitcrew_tracking::{Metric, RunChange, RunStatus};

use crate::Place;

fn tags() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("pitcrew.pipeline_run".to_owned(), "run_1".to_owned()),
        ("pitcrew.pipeline_step".to_owned(), "train".to_owned()),
    ])
}

#[tokio::test]
async fn opening_twice_is_opening_once() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let one = tracking.open(ctx, "run_1/train/1", "bikes", "train", tags()).await.unwrap();
        let two = tracking.open(ctx, "run_1/train/1", "bikes", "train", tags()).await.unwrap();
        let other = tracking.open(ctx, "run_1/train/2", "bikes", "train", tags()).await.unwrap();
        assert!(one == two && one != other);
        let run = tracking.run(ctx, &one).await.unwrap();
        assert_eq!((run.info.name.as_str(), run.info.status), ("train", RunStatus::Running));
        assert_eq!(tracking.experiment(ctx, run.info.experiment_id).await.unwrap().name, "bikes");
    }
}

#[tokio::test]
async fn a_run_the_script_ended_stays_as_it_ended() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = tracking.open(ctx, "k", "bikes", "train", tags()).await.unwrap();
        let resumed = RunChange { status: Some(RunStatus::Running), ..RunChange::default() };
        tracking.update_run(ctx, &run, resumed).await.unwrap();
        let ended = RunChange { status: Some(RunStatus::Failed), end_ms: Some(7), name: None };
        tracking.update_run(ctx, &run, ended).await.unwrap();
        tracking.close(ctx, &run, true).await.unwrap();
        let info = tracking.run(ctx, &run).await.unwrap().info;
        assert_eq!((info.status, info.end_ms), (RunStatus::Failed, Some(7)));
        tracking.delete_run(ctx, &run).await.unwrap();
        tracking.close(ctx, &run, true).await.unwrap();
        assert_eq!(tracking.close(ctx, "nope", true).await.unwrap_err().code(), "RUN_NOT_FOUND");
    }
}

#[tokio::test]
async fn closing_ends_what_is_open_and_the_summary_tells_it() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = tracking.open(ctx, "k", "bikes", "train", tags()).await.unwrap();
        tracking.log_param(ctx, &run, "depth", "5").await.unwrap();
        tracking.log_metric(ctx, &run, Metric::new("mae", 2.5, 1, 1)).await.unwrap();
        let (at, memory) = (Timestamp::from_millis(9), vec![("process_memory_megabytes".to_owned(), 64.0)]);
        tracking.observe(ctx, &run, at, 3, memory.clone()).await.unwrap();
        assert_eq!(tracking.observe(ctx, "nope", at, 3, memory).await.unwrap_err().code(), "RUN_NOT_FOUND");
        tracking.close(ctx, &run, false).await.unwrap();
        let closed = tracking.run(ctx, &run).await.unwrap();
        assert_eq!(closed.info.status, RunStatus::Failed);
        let seen = closed.metrics.iter().find(|metric| metric.key == "system/process_memory_megabytes").unwrap();
        assert_eq!((seen.value, seen.at_ms, seen.step), (64.0, 9, 3));
        let summary = tracking.summary(ctx, &run).await.unwrap();
        assert_eq!(summary.params["depth"], "5");
        assert_eq!(summary.metrics, [("mae".to_owned(), 2.5)].into(), "what the machine did is no lineage");
    }
}
