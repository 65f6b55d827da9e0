//! Work outside of transactions: beginning runs, running steps, keeping schedules.

use std::sync::Arc;

use async_trait::async_trait;
use pitcrew_contracts::names::{PipelineName, PipelineRunId, StepName};
use pitcrew_kernel::{Cause, Ctx, Error, Result};
use pitcrew_work::{Job, JobHandler};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tracing::error;

use crate::lifecycle::{RUN_JOB, STEP_JOB};
use crate::service::{Pipelines, SCHEDULED_JOB};
use crate::start::OwnWish;
use crate::store::runs::Dedup;

/// Runs that may begin at once.
const RUNS_AT_ONCE: usize = 4;

/// The handlers of this crate's jobs.
pub fn jobs(service: &Arc<Pipelines>) -> Vec<Arc<dyn JobHandler>> {
    vec![
        Arc::new(BeginRun(Arc::clone(service))),
        Arc::new(RunStep(Arc::clone(service))),
        Arc::new(Scheduled(Arc::clone(service))),
    ]
}

#[derive(Deserialize)]
struct RunPayload {
    run: PipelineRunId,
}

#[derive(Deserialize)]
struct StepPayload {
    run: PipelineRunId,
    step: StepName,
}

#[derive(Deserialize)]
struct SchedulePayload {
    pipeline: PipelineName,
}

fn payload<T: DeserializeOwned>(job: &Job) -> Result<T> {
    serde_json::from_value(job.payload.clone())
        .map_err(|source| Error::internal(format!("the job `{}` does not read as expected", job.key), source))
}

struct BeginRun(Arc<Pipelines>);

#[async_trait]
impl JobHandler for BeginRun {
    fn kind(&self) -> &'static str {
        RUN_JOB
    }

    fn concurrency(&self) -> usize {
        RUNS_AT_ONCE
    }

    async fn run(&self, job: &Job) -> Result<()> {
        self.0.begin_run(payload::<RunPayload>(job)?.run).await
    }

    async fn gave_up(&self, job: &Job, error: &Error) {
        let failed = match payload::<RunPayload>(job) {
            Ok(payload) => self.0.fail_run(payload.run, error).await,
            Err(error) => Err(error),
        };
        if let Err(error) = failed {
            error!(key = job.key, error = ?error, "a run cannot be failed");
        }
    }
}

struct RunStep(Arc<Pipelines>);

#[async_trait]
impl JobHandler for RunStep {
    fn kind(&self) -> &'static str {
        STEP_JOB
    }

    fn concurrency(&self) -> usize {
        self.0.options.concurrency.max(1)
    }

    async fn run(&self, job: &Job) -> Result<()> {
        let StepPayload { run, step } = payload(job)?;
        self.0.work_on(run, &step).await
    }

    async fn gave_up(&self, job: &Job, error: &Error) {
        let failed = match payload::<StepPayload>(job) {
            Ok(StepPayload { run, step }) => self.0.give_up_step(run, &step, error).await,
            Err(error) => Err(error),
        };
        if let Err(error) = failed {
            error!(key = job.key, error = ?error, "a step cannot be failed");
        }
    }
}

struct Scheduled(Arc<Pipelines>);

#[async_trait]
impl JobHandler for Scheduled {
    fn kind(&self) -> &'static str {
        SCHEDULED_JOB
    }

    fn concurrency(&self) -> usize {
        1
    }

    async fn run(&self, job: &Job) -> Result<()> {
        let SchedulePayload { pipeline } = payload(job)?;
        // The key is `pipeline:train/0@2026-01-02T03:00:00Z`: one run a tick, however often the job is tried.
        let tick = job.key.rsplit_once('@').map_or(job.key.as_str(), |(_, tick)| tick);
        let reason = format!("scheduled for {tick}");
        let cause = Cause { kind: "schedule".to_owned(), id: job.key.clone(), summary: reason.clone() };
        let wish = OwnWish {
            reason,
            ancestry: Vec::new(),
            // A tick whose predecessor still waits adds nothing.
            dedup: Dedup { once: Some(job.key.clone()), cause_key: Some("schedule".to_owned()) },
        };
        let (book, ctx) = (self.0.book.clone(), Ctx::system("schedule").because(cause));
        self.0.db.write(move |tx| book.ask_by_itself(tx, &ctx, &pipeline, wish)).await
    }
}
