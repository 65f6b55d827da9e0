//! What happens to runs and steps, one transaction per fact: a step's end, its outputs, the events and the jobs of the steps it frees commit
//! together or not at all.

mod attempt;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pitcrew_contracts::names::{DatasetRef, PipelineRunId, StepName};
use pitcrew_contracts::pipelines::{CancelRequested, RunCreated, RunFinished, RunStarted, StepFinished};
use pitcrew_db::{Outgoing, Tx};
use pitcrew_kernel::{Clock, Ctx, Digest, Error, Ids, Result, Timestamp};
use pitcrew_work::{NewJob, enqueue};
use serde_json::json;

pub(crate) use attempt::{Attempt, Figures, Keyed, Verdict};

use crate::graph::{BuiltIns, Graph};
use crate::model::{RUN_KIND, Run, RunState, Step, StepState};
use crate::store::declared::Applied;
use crate::store::runs::Dedup;
use crate::store::{declared, runs, steps};

/// The kind of the job that starts a run.
pub(crate) const RUN_JOB: &str = "pipelines.run";
/// The kind of the job that runs a step.
pub(crate) const STEP_JOB: &str = "pipelines.step";
/// Runs of one pipeline that may wait for their turn.
pub(crate) const MAX_QUEUED_RUNS: usize = 20;
/// When to ask again after a full queue.
const QUEUE_RETRY: Duration = Duration::from_secs(60);
/// Tries of a job when not the step but something around it fails (the database is busy, the server stops).
const JOB_TRIES: u32 = 50;

/// Writes the life of runs. Cheap to clone into a transaction.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) built_ins: Arc<BuiltIns>,
}

/// A wish for a run.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) params: BTreeMap<String, serde_json::Value>,
    pub(crate) reason: String,
    pub(crate) force: bool,
    pub(crate) ancestry: Vec<pitcrew_contracts::names::PipelineName>,
    pub(crate) dedup: Dedup,
}

/// What a run works on, found at its start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) dataset: Option<(DatasetRef, Digest)>,
    pub(crate) environments: BTreeMap<String, Digest>,
}

impl Book {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn out<'a>(&'a self, ctx: &'a Ctx) -> Outgoing<'a> {
        Outgoing { ctx, ids: self.ids.as_ref(), clock: self.clock.as_ref() }
    }

    /// Makes a run; it starts at once unless another run of the pipeline is under way. `None` when it exists already by `dedup`.
    pub(crate) fn create(&self, tx: &mut Tx<'_>, ctx: &Ctx, pipeline: &Applied, ask: Ask) -> Result<Option<Run>> {
        declared::lock(tx, &pipeline.name)?;
        if runs::exists(tx, &pipeline.name, &ask.dedup)? {
            return Ok(None);
        }
        let active = runs::active(tx, &pipeline.name)?;
        if active.iter().filter(|run| run.state == RunState::Queued).count() >= MAX_QUEUED_RUNS {
            return Err(Error::limited(
                "PIPELINE_QUEUE_FULL",
                format!("{MAX_QUEUED_RUNS} runs of `{}` wait already", pipeline.name),
            )
            .retry_after(QUEUE_RETRY)
            .hint("wait for them, or cancel some"));
        }
        let run = Run {
            id: PipelineRunId::new(self.ids.as_ref()),
            pipeline: pipeline.name.clone(),
            number: declared::count_run(tx, &pipeline.name)?,
            state: RunState::Queued,
            plan: pipeline.plan_digest,
            git_commit: pipeline.git_commit.clone(),
            params: ask.params,
            force: ask.force,
            reason: ask.reason,
            cause: ctx.cause.clone(),
            ancestry: ask.ancestry,
            dataset: None,
            dataset_digest: None,
            environments: BTreeMap::new(),
            prepared: false,
            cancel: false,
            error: None,
            created_at: self.now(),
            started_at: None,
            finished_at: None,
        };
        runs::insert(tx, &run, &ask.dedup)?;
        self.create_steps(tx, &run, pipeline)?;
        let event =
            RunCreated { run: run.id, pipeline: run.pipeline.clone(), number: run.number, reason: run.reason.clone() };
        tx.emit(self.out(ctx), &event)?;
        if active.is_empty() {
            self.enqueue_run(tx, run.id)?;
        }
        Ok(Some(run))
    }

    fn create_steps(&self, tx: &mut Tx<'_>, run: &Run, pipeline: &Applied) -> Result<()> {
        let mut graph = Graph::of(&pipeline.plan.spec, &self.built_ins)?;
        for (name, ord) in graph.order.iter().zip(0..) {
            let declared = pipeline.plan.step(name)?;
            let step = Step {
                run: run.id,
                name: name.clone(),
                kind: declared.uses.clone().unwrap_or_else(|| RUN_KIND.to_owned()),
                needs: graph.needs.remove(name).unwrap_or_default(),
                state: StepState::Waiting,
                attempt: 0,
                failures: 0,
                cache_key: None,
                cache_hit: false,
                why: None,
                parts: None,
                exit_code: None,
                cpu_us: None,
                peak_memory_bytes: None,
                error: None,
                outputs: Vec::new(),
                tracking_run_id: None,
                started_at: None,
                finished_at: None,
            };
            steps::insert(tx, &step, ord)?;
        }
        Ok(())
    }

    /// Takes a run out of the queue if it is its turn; answers it while it still has to be prepared.
    pub(crate) fn begin(&self, tx: &mut Tx<'_>, id: PipelineRunId) -> Result<Option<Run>> {
        let mut run = runs::lock(tx, id)?;
        if run.state == RunState::Queued {
            declared::lock(tx, &run.pipeline)?;
            let others = runs::active(tx, &run.pipeline)?;
            if others.iter().any(|other| other.state == RunState::Running) {
                return Ok(None);
            }
            run.state = run.state.to(RunState::Running)?;
            run.started_at = Some(self.now());
            runs::update(tx, &run)?;
        }
        Ok((run.state == RunState::Running && !run.prepared).then_some(run))
    }

    /// The run's data and environments are known: its first steps become ready.
    pub(crate) fn prepared(&self, tx: &mut Tx<'_>, id: PipelineRunId, facts: &Facts) -> Result<()> {
        let mut run = runs::lock(tx, id)?;
        if run.state != RunState::Running || run.prepared {
            return Ok(());
        }
        run.prepared = true;
        (run.dataset, run.dataset_digest) = facts.dataset.clone().unzip();
        run.environments.clone_from(&facts.environments);
        let event = RunStarted {
            run: run.id,
            pipeline: run.pipeline.clone(),
            number: run.number,
            dataset_version: run.dataset.clone(),
        };
        let ctx = ctx_of(&run);
        tx.emit(self.out(&ctx), &event)?;
        self.advance(tx, &ctx, run)
    }

    /// The run cannot start.
    pub(crate) fn fail_run(&self, tx: &mut Tx<'_>, id: PipelineRunId, error: &str) -> Result<()> {
        let mut run = runs::lock(tx, id)?;
        if run.state != RunState::Running {
            return Ok(());
        }
        let ctx = ctx_of(&run);
        for mut step in steps::of_run(tx, id)? {
            if step.state == StepState::Waiting {
                self.end_step(tx, &ctx, &run, &mut step, StepState::Skipped)?;
            }
        }
        run.error = Some(error.to_owned());
        self.finish(tx, &ctx, run, RunState::Failed)
    }

    /// Ends a run for `ctx`: what has not begun never begins; what runs is told by its job, and its end is no longer the caller's act.
    pub(crate) fn cancel(&self, tx: &mut Tx<'_>, ctx: &Ctx, id: PipelineRunId) -> Result<()> {
        let mut run = runs::lock(tx, id)?;
        if run.state.is_final() {
            return Err(Error::conflict("PIPELINE_RUN_FINISHED", format!("the run `{id}` is over: it {}", run.state)));
        }
        // What led to the run led to its end too, unless the caller knows better.
        let ctx = Ctx { cause: ctx.cause.clone().or_else(|| run.cause.clone()), ..ctx.clone() };
        if !run.cancel {
            let event = CancelRequested { run: run.id, pipeline: run.pipeline.clone(), number: run.number };
            tx.emit(self.out(&ctx), &event)?;
        }
        run.cancel = true;
        for mut step in steps::of_run(tx, id)? {
            match step.state {
                StepState::Waiting | StepState::Ready => {
                    self.end_step(tx, &ctx, &run, &mut step, StepState::Cancelled)?
                }
                // An attempt that waits to be tried again hears of it at once.
                StepState::Running => self.enqueue_step(tx, &step, self.now())?,
                _ => {}
            }
        }
        self.advance(tx, &ctx, run)
    }

    fn end_step(&self, tx: &mut Tx<'_>, ctx: &Ctx, run: &Run, step: &mut Step, end: StepState) -> Result<()> {
        step.state = step.state.to(end)?;
        if step.started_at.is_some() {
            step.finished_at = Some(self.now());
        }
        steps::update(tx, step)?;
        tx.emit(self.out(ctx), &finished(run, step, end.as_str()))
    }

    /// Frees steps whose needs are done, skips those whose needs never will be, and ends the run when every step has ended.
    fn advance(&self, tx: &mut Tx<'_>, ctx: &Ctx, run: Run) -> Result<()> {
        let mut all = steps::of_run(tx, run.id)?;
        let mut states: BTreeMap<StepName, StepState> =
            all.iter().map(|step| (step.name.clone(), step.state)).collect();
        // In order, so that what a skipped step frees to be skipped is seen in the same pass.
        for step in all.iter_mut().filter(|step| step.state == StepState::Waiting && run.prepared) {
            let needs: Vec<StepState> = step.needs.iter().filter_map(|need| states.get(need).copied()).collect();
            if needs.iter().any(|need| need.is_final() && !need.is_done()) {
                self.end_step(tx, ctx, &run, step, StepState::Skipped)?;
            } else if needs.iter().all(|need| need.is_done()) {
                step.state = step.state.to(StepState::Ready)?;
                steps::update(tx, step)?;
                self.enqueue_step(tx, step, self.now())?;
            }
            states.insert(step.name.clone(), step.state);
        }
        if !all.iter().all(|step| step.state.is_final()) {
            return runs::update(tx, &run);
        }
        let (state, error) = outcome(&all);
        let run = Run { error, ..run };
        self.finish(tx, ctx, run, state)
    }

    /// Ends a run and lets the next one of its pipeline begin.
    fn finish(&self, tx: &mut Tx<'_>, ctx: &Ctx, mut run: Run, state: RunState) -> Result<()> {
        run.state = run.state.to(state)?;
        run.finished_at = Some(self.now());
        runs::update(tx, &run)?;
        let event = RunFinished {
            run: run.id,
            pipeline: run.pipeline.clone(),
            number: run.number,
            state: state.to_string(),
            error: run.error.as_deref().and_then(|error| error.lines().next()).map(str::to_owned),
        };
        tx.emit(self.out(ctx), &event)?;
        declared::lock(tx, &run.pipeline)?;
        let waiting = runs::active(tx, &run.pipeline)?;
        match waiting.first().filter(|next| next.state == RunState::Queued) {
            Some(next) => self.enqueue_run(tx, next.id),
            None => Ok(()),
        }
    }

    pub(crate) fn enqueue_run(&self, tx: &mut Tx<'_>, id: PipelineRunId) -> Result<()> {
        let job = NewJob {
            kind: RUN_JOB,
            key: id.to_string(),
            payload: json!({"run": id}),
            run_at: self.now(),
            max_attempts: JOB_TRIES,
        };
        enqueue(tx, self.ids.as_ref(), self.now(), &job)
    }

    /// Queues the next attempt of a step. The key counts failures, so that a new try is another job than the one that just failed.
    pub(crate) fn enqueue_step(&self, tx: &mut Tx<'_>, step: &Step, run_at: Timestamp) -> Result<()> {
        let job = NewJob {
            kind: STEP_JOB,
            key: format!("{}/{}#{}", step.run, step.name, step.failures),
            payload: json!({"run": step.run, "step": step.name}),
            run_at,
            max_attempts: JOB_TRIES,
        };
        enqueue(tx, self.ids.as_ref(), self.now(), &job)
    }
}

/// How a run ends whose steps have all ended.
fn outcome(steps: &[Step]) -> (RunState, Option<String>) {
    let of = |state: StepState| steps.iter().find(|step| step.state == state);
    let told = |step: &Step, what: &str| {
        let reason = step.error.as_deref().and_then(|error| error.lines().next()).unwrap_or("no reason is known");
        Some(format!("step `{}` {what}: {reason}", step.name))
    };
    if of(StepState::Cancelled).is_some() {
        return (RunState::Cancelled, None);
    }
    if let Some(step) = of(StepState::Failed) {
        return (RunState::Failed, told(step, "failed"));
    }
    if let Some(step) = of(StepState::Refused) {
        return (RunState::Refused, told(step, "refused"));
    }
    (RunState::Succeeded, None)
}

fn finished(run: &Run, step: &Step, state: &str) -> StepFinished {
    StepFinished {
        run: run.id,
        pipeline: run.pipeline.clone(),
        step: step.name.clone(),
        attempt: step.attempt,
        state: state.to_owned(),
    }
}

/// Who speaks for a run that goes its way: this part of Pitcrew, for what led to the run.
fn ctx_of(run: &Run) -> Ctx {
    Ctx { cause: run.cause.clone(), ..Ctx::system("pipelines") }
}
