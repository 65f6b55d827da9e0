//! Several servers on one database, and a database that is not always there.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pitcrew_contracts::names::PipelineRunId;
use pitcrew_kernel::Error;
use pitcrew_pipelines::{RunState, StepState, jobs};
use pitcrew_work::{Job, JobHandler};
use serde_json::json;

use crate::yard::Yard;

/// The job of the step `train`, as the queue hands it out.
async fn step_job(yard: &Yard, run: PipelineRunId) -> (std::sync::Arc<dyn JobHandler>, Job) {
    let handler = jobs(&yard.service).into_iter().find(|handler| handler.kind() == "pipelines.step").unwrap();
    let job = yard.db.read(move |tx| {
        tx.one("SELECT id FROM work_jobs WHERE kind = 'pipelines.step'", &[], |row| {
            Ok(Job {
                id: row.parsed(0)?,
                kind: "pipelines.step".to_owned(),
                key: format!("{run}/train#0"),
                payload: json!({"run": run, "step": "train"}),
                attempt: 1,
                max_attempts: 1,
            })
        })
    });
    (handler, job.await.unwrap())
}

async fn hanging(yard: &Yard) -> (PipelineRunId, String) {
    let gate = yard.home.path().join("gate").display().to_string();
    nix::unistd::mkfifo(gate.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mark = yard.home.path().join("mark").display().to_string();
    // The first attempt waits at the gate and then fails; any later one succeeds.
    let command =
        format!("sh -c 'if [ -e {mark} ]; then exit 0; fi; echo > {mark}; echo here; read x < {gate}; exit 7'");
    yard.steps(json!({"train": {"run": command}})).await;
    let run = yard.start().await.id;
    yard.heard(run, "here").await;
    (run, gate)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_attempt_that_is_not_the_newest_changes_nothing() {
    for yard in Yard::each().await {
        let (run, gate) = hanging(&yard).await;
        // A second server takes the job over, as after a lost lease, while the first one's process still runs.
        let other = yard.beside();
        let (handler, job) = step_job(&other, run).await;
        handler.run(&job).await.unwrap();
        let done = yard.finish(run).await;
        assert_eq!((done.state, done.steps[0].attempt), (RunState::Succeeded, 2), "{}", yard.name);
        std::fs::write(&gate, "go\n").unwrap();
        yard.tasks.stop(Duration::from_secs(30)).await;
        let after = yard.service.run(&yard.world.ctx, run).await.unwrap();
        assert_eq!(json!(after), json!(done));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_leaves_the_processes_of_living_servers_alone() {
    for yard in Yard::each().await {
        let (run, gate) = hanging(&yard).await;
        let recovered = yard.beside().service.recover().await.unwrap();
        assert_eq!((recovered.processes, recovered.runs), (0, 1));
        std::fs::write(&gate, "go\n").unwrap();
        let run = yard.finish(run).await;
        assert_eq!((run.steps[0].attempt, run.steps[0].exit_code), (1, Some(7)), "{}", yard.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_through_another_server() {
    for yard in Yard::each().await {
        let (run, _gate) = hanging(&yard).await;
        yard.beside().service.cancel(&yard.world.ctx, run).await.unwrap();
        // Cancelling queued the job once more, so the step's server may hear of it that way; at the latest it looks itself.
        yard.world.clock.advance(Duration::from_secs(2));
        let run = yard.finish(run).await;
        assert_eq!((run.state, run.steps[0].state), (RunState::Cancelled, StepState::Cancelled), "{}", yard.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_no_failure_of_the_step() {
    for yard in Yard::each().await {
        yard.tracker.1.store(true, Ordering::SeqCst);
        yard.steps(json!({"train": {"run": "true"}})).await;
        let run = yard.start().await.id;
        yard.heard_of(run, "DB_BUSY: the database is busy").await;
        yard.tracker.1.store(false, Ordering::SeqCst);
        // The job's failure is recorded a moment after the step has told of it.
        let retried = async {
            while yard.service.run(&yard.world.ctx, run).await.unwrap().steps[0].attempt < 2 {
                yard.advance(Duration::from_millis(20));
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), retried).await.expect("it is tried again");
        let run = yard.finish(run).await;
        assert_eq!((run.state, run.steps[0].state), (RunState::Succeeded, StepState::Succeeded), "{}", yard.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_given_up_fails_the_run_and_says_why() {
    for yard in Yard::each().await {
        let (run, gate) = hanging(&yard).await;
        let (handler, job) = step_job(&yard, run).await;
        handler.gave_up(&job, &Error::unavailable("DB_BUSY", "the database is busy")).await;
        let run = yard.finish(run).await;
        assert_eq!(run.state, RunState::Failed, "{}", yard.name);
        assert_eq!(run.error.as_deref(), Some("step `train` failed: DB_BUSY: the database is busy"));
        std::fs::write(&gate, "go\n").unwrap();
    }
}
