//! How steps and runs end when something goes wrong.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pitcrew_contracts::rest::Settle as _;
use pitcrew_pipelines::{RunState, StepState};
use serde_json::json;

use crate::yard::{Yard, step};

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_fail_says_what_to_do() {
    for yard in Yard::each().await {
        let mut said = Vec::new();
        for (what, command, outputs) in [
            ("exits", "sh -c 'echo loading >&2; echo KeyError: cnt >&2; exit 3'", json!([])),
            ("writes nothing", "sh -c 'echo x > $PITCREW_OUTPUT_DIR/other.onnx'", json!(["model.onnx"])),
            ("writes a link", "sh -c 'ln -s /etc/hostname $PITCREW_OUTPUT_DIR/model.onnx'", json!(["model.onnx"])),
            ("is killed", "sh -c 'kill -9 $$'", json!([])),
            ("does not exist", "no-such-program", json!([])),
        ] {
            yard.steps(json!({
                "train": {"run": command, "outputs": outputs},
                "after": {"run": "true", "needs": ["train"]},
                "beside": {"run": "true"},
            }))
            .await;
            let run = yard.run().await;
            assert_eq!(run.state, RunState::Failed, "{what} on {}", yard.name);
            assert_eq!(step(&run, "after").state, StepState::Skipped);
            assert!(step(&run, "beside").state.is_final());
            let train = step(&run, "train");
            said.push(format!(
                "# {what}: exit code {:?}\n{}\nrun: {}",
                train.exit_code,
                train.error.as_deref().unwrap(),
                run.error.as_deref().unwrap()
            ));
        }
        assert!(yard.tracker.0.lock().unwrap().iter().all(|(key, closed)| closed == &Some(!key.starts_with("train"))));
        insta::assert_snapshot!("each_way_to_fail", said.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_attempt_is_tried_again_after_a_while() {
    for yard in Yard::each().await {
        let marks = yard.home.path().join("marks").display().to_string();
        let command = format!("sh -c 'echo try >> {marks}; echo tried; [ $(wc -l < {marks}) -ge 3 ]'");
        yard.steps(json!({"train": {"run": command, "retries": 2}})).await;
        let run = yard.start().await;
        for attempt in 1..3 {
            let failed =
                yard.until(run.id, |run| run.steps[0].attempt == attempt && run.steps[0].error.is_some()).await;
            assert_eq!(failed.steps[0].state, StepState::Running, "it waits to be tried again");
            assert_eq!(yard.service.settle().await.as_deref(), Some("a pipeline run is not over"), "{}", yard.name);
            yard.advance(Duration::from_secs(2));
            yard.until(run.id, |run| run.steps[0].attempt > attempt).await;
        }
        let run = yard.finish(run.id).await;
        assert_eq!(
            (run.state, run.steps[0].attempt, &run.steps[0].error),
            (RunState::Succeeded, 3, &None),
            "{}",
            yard.name
        );
        assert_eq!(yard.service.settle().await, None, "{}", yard.name);
        let closed: Vec<_> = yard.tracker.0.lock().unwrap().values().copied().collect();
        assert_eq!(closed, [Some(false), Some(false), Some(true)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_run_out() {
    for yard in Yard::each().await {
        yard.steps(json!({"train": {"run": "false", "retries": 1}})).await;
        let run = yard.start().await;
        yard.until(run.id, |run| run.steps[0].error.is_some()).await;
        yard.advance(Duration::from_secs(2));
        let run = yard.finish(run.id).await;
        assert_eq!(
            (run.state, run.steps[0].attempt, run.steps[0].exit_code),
            (RunState::Failed, 2, Some(1)),
            "{}",
            yard.name
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_over_its_time_is_asked_to_end_and_then_ended_with_its_children() {
    for yard in Yard::each().await {
        // It ignores the request; its child would outlive it.
        let command = "sh -c 'trap \"echo asked\" TERM; sh -c \"trap : TERM; echo child $$; while :; do sleep 1; done\" & echo ready; while :; do wait; done'";
        yard.steps(json!({"train": {"run": command, "timeout": "3s"}})).await;
        let run = yard.start().await;
        yard.heard(run.id, "ready").await;
        yard.heard(run.id, "child").await;
        yard.world.clock.advance(Duration::from_secs(3));
        yard.heard(run.id, "asked").await;
        yard.world.clock.advance(Duration::from_secs(5));
        let run = yard.finish(run.id).await;
        let error = run.steps[0].error.as_deref().unwrap();
        assert!(error.starts_with("STEP_TIMEOUT: `sh -c") && error.contains("did not end within 3s"), "{error}");
        assert_eq!((run.state, run.steps[0].exit_code), (RunState::Failed, None), "{}", yard.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_its_processes_and_begins_nothing_more() {
    for yard in Yard::each().await {
        yard.steps(json!({
            "train": {"run": "sh -c 'echo ready; exec sleep 1000'"},
            "after": {"run": "true", "needs": ["train"]},
        }))
        .await;
        let run = yard.start().await;
        yard.heard(run.id, "ready").await;
        let cancelling = yard.service.cancel(&yard.world.ctx, run.id).await.unwrap();
        assert_eq!(step(&cancelling, "after").state, StepState::Cancelled);
        let run = yard.finish(run.id).await;
        assert_eq!(
            (run.state, step(&run, "train").state),
            (RunState::Cancelled, StepState::Cancelled),
            "{}",
            yard.name
        );
        let over = yard.service.cancel(&yard.world.ctx, run.id).await.unwrap_err();
        assert_eq!(over.code(), "PIPELINE_RUN_FINISHED");
        // Who asked is known, though the run ended later and by itself.
        let by_ana = ["pipelines.run_created", "pipelines.cancel_requested", "pipelines.step_finished"];
        assert_eq!(yard.stated_by("ana", run.id).await, by_ana, "{}", yard.name);
        assert_eq!(*yard.tracker.0.lock().unwrap(), [("train#1".to_owned(), Some(false))].into());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_to_try_again_is_cancelled_at_once() {
    for yard in Yard::each().await {
        yard.steps(json!({"train": {"run": "false", "retries": 5}})).await;
        let run = yard.start().await;
        yard.until(run.id, |run| run.steps[0].error.is_some()).await;
        yard.service.cancel(&yard.world.ctx, run.id).await.unwrap();
        let run = yard.finish(run.id).await;
        assert_eq!((run.state, run.steps[0].attempt), (RunState::Cancelled, 1), "{}", yard.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_fails_its_checks_fails_the_run_before_any_step() {
    for yard in Yard::each().await {
        yard.apply(
            json!({"pipelines": {"train": {"dataset": "bikes", "refresh": true, "steps": {"train": {"run": "true"}}}}}),
        )
        .await;
        yard.datasets.broken.store(true, Ordering::SeqCst);
        let run = yard.run().await;
        assert_eq!(run.error.as_deref(), Some("DATA_CHECKS_FAILED: 1 of 5 checks failed: cnt not null"));
        assert_eq!(
            (run.state, run.steps[0].state, run.dataset_version),
            (RunState::Failed, StepState::Skipped, None),
            "{}",
            yard.name
        );
        yard.datasets.broken.store(false, Ordering::SeqCst);
        assert_eq!(yard.run().await.state, RunState::Succeeded);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_checked_against_their_defaults() {
    for yard in Yard::each().await {
        yard.apply(
            json!({"pipelines": {"train": {"params": {"seed": 7, "until": ""}, "steps": {"train": {"run": "true"}}}}}),
        )
        .await;
        for bad in [json!({"sed": 8}), json!({"seed": "8"}), json!({"until": "x".repeat(70_000)})] {
            let error = yard.start_with(bad, false).await.unwrap_err();
            assert_eq!(error.code(), "PARAM_INVALID", "{}", yard.name);
        }
        let run = yard.start_with(json!({"seed": 8.5}), false).await.unwrap();
        assert_eq!(json!(run.params), json!({"seed": 8.5, "until": ""}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_of_failures_are_kept_for_a_while() {
    for yard in Yard::each_with(|options| options.keep_failed = 2).await {
        yard.steps(json!({"train": {"run": "false"}})).await;
        for _ in 0..4 {
            yard.run().await;
        }
        let kept = std::fs::read_dir(yard.home.path().join("work")).unwrap().count();
        assert_eq!(kept, 2, "{}", yard.name);
    }
}
