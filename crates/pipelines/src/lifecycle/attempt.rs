//! The life of one step: taken over, begun, ended, tried again.

use std::time::Duration;

use pitcrew_contracts::names::{PipelineRunId, StepName};
use pitcrew_contracts::pipelines::StepStarted;
use pitcrew_db::Tx;
use pitcrew_kernel::{Digest, Result};

use crate::key::KeyParts;
use crate::lifecycle::{Book, ctx_of, finished};
use crate::model::{Output, Run, RunState, Step, StepState};
use crate::store::{processes, runs, steps};

/// Attempts of one step, those counted that ended with their server.
const MAX_ATTEMPTS: i64 = 1_000;
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LAST_BACKOFF: Duration = Duration::from_secs(60);

/// The key of a step and why it runs.
#[derive(Debug, Clone)]
pub(crate) struct Keyed {
    pub(crate) key: Digest,
    pub(crate) parts: KeyParts,
    pub(crate) why: String,
}

/// One attempt. Its number is the fencing token: the end of an attempt that is not the newest changes nothing.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) run: PipelineRunId,
    pub(crate) step: StepName,
    pub(crate) number: i64,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    Succeeded(Vec<Output>),
    Refused(String, Vec<Output>),
    Failed(String),
    Cancelled(String),
}

/// What an attempt used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) exit_code: Option<i64>,
    pub(crate) cpu_us: Option<i64>,
    pub(crate) peak_memory_bytes: Option<i64>,
}

impl Book {
    /// Takes over the outputs of an equal step.
    pub(crate) fn take_over(
        &self,
        tx: &mut Tx<'_>,
        id: PipelineRunId,
        name: &StepName,
        keyed: Keyed,
        hit: &steps::Hit,
    ) -> Result<()> {
        let run = runs::lock(tx, id)?;
        let mut step = steps::get(tx, id, name)?;
        if run.state != RunState::Running || step.state != StepState::Ready {
            return Ok(());
        }
        step.cache_key = Some(keyed.key);
        step.parts = Some(keyed.parts);
        step.why = Some(keyed.why);
        step.cache_hit = true;
        step.outputs.clone_from(&hit.outputs);
        step.tracking_run_id.clone_from(&hit.tracking_run_id);
        step.started_at = Some(self.now());
        self.end_step(tx, &ctx_of(&run), &run, &mut step, StepState::Cached)?;
        self.advance(tx, &ctx_of(&run), run)
    }

    /// Begins an attempt; `None` when the step shall not run any more.
    pub(crate) fn begin_attempt(
        &self,
        tx: &mut Tx<'_>,
        id: PipelineRunId,
        name: &StepName,
        keyed: Option<&Keyed>,
    ) -> Result<Option<Step>> {
        let run = runs::lock(tx, id)?;
        let mut step = steps::get(tx, id, name)?;
        if run.state != RunState::Running || !matches!(step.state, StepState::Ready | StepState::Running) {
            return Ok(None);
        }
        if run.cancel || step.attempt >= MAX_ATTEMPTS {
            let end = if run.cancel { StepState::Cancelled } else { StepState::Failed };
            step.error =
                step.error.or_else(|| (end == StepState::Failed).then(|| format!("it was begun {MAX_ATTEMPTS} times")));
            self.end_step(tx, &ctx_of(&run), &run, &mut step, end)?;
            self.advance(tx, &ctx_of(&run), run)?;
            return Ok(None);
        }
        step.state = step.state.to(StepState::Running)?;
        step.attempt += 1;
        (step.error, step.exit_code, step.cpu_us, step.peak_memory_bytes) = (None, None, None, None);
        step.started_at = step.started_at.or(Some(self.now()));
        if let Some(keyed) = keyed {
            step.cache_key = Some(keyed.key);
            step.parts = Some(keyed.parts.clone());
            step.why = Some(keyed.why.clone());
        }
        steps::update(tx, &step)?;
        let event = StepStarted { run: id, pipeline: run.pipeline.clone(), step: name.clone(), attempt: step.attempt };
        tx.emit(self.out(&ctx_of(&run)), &event)?;
        Ok(Some(step))
    }

    /// Remembers the tracking run of an attempt.
    pub(crate) fn tracked(&self, tx: &mut Tx<'_>, attempt: &Attempt, tracking_run_id: &str) -> Result<()> {
        runs::lock(tx, attempt.run)?;
        let mut step = steps::get(tx, attempt.run, &attempt.step)?;
        if step.attempt == attempt.number && step.state == StepState::Running {
            step.tracking_run_id = Some(tracking_run_id.to_owned());
            steps::update(tx, &step)?;
        }
        Ok(())
    }

    /// Ends an attempt; `retries` says how often the step may fail and be tried again.
    pub(crate) fn end_attempt(
        &self,
        tx: &mut Tx<'_>,
        attempt: &Attempt,
        verdict: Verdict,
        figures: Figures,
        retries: u32,
    ) -> Result<()> {
        let run = runs::lock(tx, attempt.run)?;
        let mut step = steps::get(tx, attempt.run, &attempt.step)?;
        if step.attempt != attempt.number || step.state != StepState::Running {
            return Ok(());
        }
        processes::remove(tx, attempt.run, &attempt.step)?;
        step.exit_code = figures.exit_code;
        step.cpu_us = figures.cpu_us;
        step.peak_memory_bytes = figures.peak_memory_bytes;
        let end = match verdict {
            Verdict::Succeeded(outputs) => {
                step.outputs = outputs;
                step.error = None;
                StepState::Succeeded
            }
            Verdict::Refused(reason, outputs) => {
                step.outputs = outputs;
                step.error = Some(reason);
                StepState::Refused
            }
            Verdict::Cancelled(error) => {
                step.error = Some(error);
                StepState::Cancelled
            }
            Verdict::Failed(error) => {
                step.error = Some(error);
                step.failures += 1;
                if step.failures <= i64::from(retries) && !run.cancel {
                    return self.try_again(tx, &run, &step);
                }
                StepState::Failed
            }
        };
        self.end_step(tx, &ctx_of(&run), &run, &mut step, end)?;
        if end == StepState::Succeeded {
            steps::remember(tx, &run, &step, self.now())?;
        }
        self.advance(tx, &ctx_of(&run), run)
    }

    /// The step cannot be worked on: what is around it does not work.
    pub(crate) fn give_up(&self, tx: &mut Tx<'_>, id: PipelineRunId, name: &StepName, error: &str) -> Result<()> {
        let run = runs::lock(tx, id)?;
        let mut step = steps::get(tx, id, name)?;
        if run.state != RunState::Running || !matches!(step.state, StepState::Ready | StepState::Running) {
            return Ok(());
        }
        processes::remove(tx, id, name)?;
        step.error = Some(error.to_owned());
        self.end_step(tx, &ctx_of(&run), &run, &mut step, StepState::Failed)?;
        self.advance(tx, &ctx_of(&run), run)
    }

    fn try_again(&self, tx: &mut Tx<'_>, run: &Run, step: &Step) -> Result<()> {
        steps::update(tx, step)?;
        tx.emit(self.out(&ctx_of(run)), &finished(run, step, "retrying"))?;
        self.enqueue_step(tx, step, self.now().plus(backoff(step.failures)))
    }
}

/// 1 s, 2 s, 4 s, ... up to a minute.
fn backoff(failures: i64) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(16);
    FIRST_BACKOFF.saturating_mul(1 << doublings).min(LAST_BACKOFF)
}
