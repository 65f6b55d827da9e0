//! What runs again, what does not, and why.

use std::sync::atomic::Ordering;

use pitcrew_pipelines::{RunState, StepState};
use serde_json::{Value, json};

use crate::yard::{Yard, step, told};

fn project(command: &str) -> Value {
    json!({"pipelines": {"train": {"dataset": "bikes", "params": {"seed": 7}, "steps": {
        "prepare": {"run": "sh prepare.sh", "inputs": {"data": "dataset"}, "outputs": ["rows"]},
        "train": {"run": command, "inputs": {"rows": "prepare/rows"}, "outputs": ["model"]},
        "evaluate": {"uses": "evaluate", "inputs": {"model": "train/model"}},
        "register": {"uses": "register", "inputs": {"report": "evaluate/report.json"}},
    }}}})
}

const PREPARE: &str = "cat $PITCREW_INPUT_DATA/rows.csv > $PITCREW_OUTPUT_DIR/rows\n";
const TRAIN: &str = "sh -c 'cat $PITCREW_INPUT_ROWS > $PITCREW_OUTPUT_DIR/model'";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_nothing_changed_runs_nothing_and_every_change_is_named() {
    for yard in Yard::each().await {
        yard.file("prepare.sh", PREPARE);
        yard.apply(project(TRAIN)).await;
        let mut said = Vec::new();
        let mut note = |what: &str, run: &pitcrew_pipelines::RunView| {
            assert_eq!(run.state, RunState::Succeeded, "{what}: {:?}", run.error);
            said.push(format!("# {what}\n{}", told(run).join("\n")));
        };
        note("first", &yard.run().await);
        let again = yard.run().await;
        assert!(
            again
                .steps
                .iter()
                .all(|step| step.state == StepState::Cached && step.attempt == 0 && step.cache.as_ref().unwrap().hit)
        );
        assert_eq!(step(&again, "train").tracking_run_id.as_deref(), Some("train#1"));
        note("nothing changed", &again);
        assert_eq!(yard.acts.calls.lock().unwrap().len(), 2, "no built-in step was called again");

        let seeded = yard.start_with(json!({"seed": 8}), false).await.unwrap();
        note("another seed", &yard.finish(seeded.id).await);
        note("the old seed", &yard.run().await);
        yard.datasets.content.fetch_add(1, Ordering::SeqCst);
        note("new data", &yard.run().await);
        yard.file("prepare.sh", &format!("# a comment\n{PREPARE}"));
        yard.apply(project(TRAIN)).await;
        note("a comment in the code", &yard.run().await);
        yard.apply(project(&TRAIN.replace("cat", "cat -u"))).await;
        note("another command with the same effect", &yard.run().await);
        yard.acts.champion.fetch_add(1, Ordering::SeqCst);
        note("another champion", &yard.run().await);
        let forced = yard.start_with(json!({}), true).await.unwrap();
        note("forced", &yard.finish(forced.id).await);
        let mut off = project(TRAIN);
        off["pipelines"]["train"]["steps"]["train"]["cache"] = false.into();
        yard.apply(off).await;
        note("cache off", &yard.run().await);
        insta::assert_snapshot!("every_change_is_named", said.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_whose_bytes_are_gone_is_made_again() {
    for yard in Yard::each().await {
        yard.steps(json!({"make": {"run": "sh -c 'echo x > $PITCREW_OUTPUT_DIR/x'", "outputs": ["x"]}})).await;
        yard.run().await;
        yard.world.clock.advance(std::time::Duration::from_secs(20));
        let removed = yard.blobs.gc(&Default::default(), std::time::Duration::from_secs(1), false).await.unwrap();
        assert_eq!(removed.objects, 1);
        let run = yard.run().await;
        assert_eq!(told(&run), ["make succeeded (the output `x` of run #1 is gone)"], "{}", yard.name);
        let kept = yard.db.read(pitcrew_pipelines::Pipelines::referenced_digests).await.unwrap();
        assert!(kept.contains(&run.steps[0].outputs[0].digest));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_asked_for_again_each_time() {
    for yard in Yard::each().await {
        yard.steps(json!({
            "register": {"uses": "register"},
            "after": {"run": "true", "needs": ["register"]},
        }))
        .await;
        yard.acts.refuse.store(true, Ordering::SeqCst);
        for number in 1..3 {
            let run = yard.run().await;
            assert_eq!(run.state, RunState::Refused, "{}", yard.name);
            assert_eq!(run.error.as_deref(), Some("step `register` refused: wape 0.61 is over 0.4"));
            assert_eq!(step(&run, "after").state, StepState::Skipped);
            assert_eq!(yard.acts.calls.lock().unwrap().len(), number);
        }
    }
}
