//! One step from "ready" to its end: the cache asked, an attempt begun, the work done, the end recorded.

mod built_in;
mod call;
mod command;
mod folder;
mod live;

use std::time::Duration;

use pitcrew_contracts::names::{PipelineRunId, StepName};
use pitcrew_kernel::{Error, Kind, Result};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::key::{Ingredients, KeyParts, changed_files};
use crate::lifecycle::{Attempt, Figures, Keyed, Verdict};
use crate::log::StepLog;
use crate::model::{RUN_KIND, StepState};
use crate::service::Pipelines;
use crate::step::folder::Folder;
use crate::store::steps::{self, Hit};
use crate::store::{declared, runs};

pub(crate) use call::{Call, ctx_of};
pub(crate) use live::LiveSteps;

/// How long an attempt may take when its declaration does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3_600);
/// How often the database is asked whether another server was told to cancel the run.
const CANCEL_POLL: Duration = Duration::from_secs(2);

/// An attempt under way.
#[derive(Debug)]
struct Trial<'a> {
    call: &'a Call,
    attempt: &'a Attempt,
    log: &'a StepLog,
    folder: &'a Folder,
    cancel: &'a CancellationToken,
    stop: &'a CancellationToken,
}

impl Trial<'_> {
    fn timeout(&self) -> Duration {
        self.call.declared.timeout.map_or(DEFAULT_TIMEOUT, pitcrew_kernel::Span::duration)
    }
}

impl Pipelines {
    /// Brings a step as far as it goes now. Called at least once for each step and try.
    ///
    /// # Errors
    /// What is not the step's own failure: the database is busy, the server stops. The job is then tried again.
    pub(crate) async fn work_on(&self, run: PipelineRunId, name: &StepName) -> Result<()> {
        // Registered before the attempt begins: whoever cancels after that finds the token, whoever cancels before is seen by the attempt.
        let live = self.live.enter(run, name);
        let Some(call) = self.load(run, name).await? else { return Ok(()) };
        let keyed = match self.keyed(&call).await {
            Ok(Decision::Take(keyed, hit)) => return self.take_over(&call, keyed, hit).await,
            Ok(Decision::Run(keyed)) => Ok(keyed),
            Err(error) if is_passing(&error) => return Err(error),
            Err(error) => Err(error),
        };
        let (book, begun, step) = (self.book.clone(), keyed.as_ref().ok().cloned(), name.clone());
        let begun = self.db.write(move |tx| book.begin_attempt(tx, run, &step, begun.as_ref())).await?;
        self.logs.announce();
        let Some(step) = begun else { return Ok(()) };
        let attempt = Attempt { run, step: name.clone(), number: step.attempt };
        if let Some(left) = &step.tracking_run_id {
            self.close_tracking(&call, left, false).await;
        }
        let ended = match keyed {
            Ok(_) => self.attempt(&call, &attempt, &live.token).await,
            Err(error) => Ok((Verdict::Failed(told(&error)), Figures::default())),
        };
        let (verdict, figures) = match ended {
            Ok(ended) => ended,
            Err(error) if is_passing(&error) => return Err(error),
            Err(error) if error.code() == "STEP_CANCELLED" => (Verdict::Cancelled(told(&error)), Figures::default()),
            Err(error) => {
                warn!(run.id = %run, step = %name, error = ?error, "a step failed");
                (Verdict::Failed(told(&error)), Figures::default())
            }
        };
        let (book, retries) = (self.book.clone(), call.declared.retries);
        self.db.write(move |tx| book.end_attempt(tx, &attempt, verdict, figures, retries)).await?;
        self.logs.announce();
        Ok(())
    }

    /// The job of a step was given up: what is around the step does not work.
    pub(crate) async fn give_up_step(&self, run: PipelineRunId, name: &StepName, error: &Error) -> Result<()> {
        let (book, name, told) = (self.book.clone(), name.clone(), told(error));
        self.db.write(move |tx| book.give_up(tx, run, &name, &told)).await?;
        self.logs.announce();
        Ok(())
    }

    async fn attempt(&self, call: &Call, attempt: &Attempt, cancel: &CancellationToken) -> Result<(Verdict, Figures)> {
        let folder = Folder::make(&self.options.home, attempt)?;
        let log = self.logs.open(attempt.run, &attempt.step, attempt.number)?;
        let stop = self.tasks.token();
        let trial = Trial { call, attempt, log: &log, folder: &folder, cancel, stop: &stop };
        let work =
            async { if call.step.kind == RUN_KIND { self.command(&trial).await } else { self.built_in(&trial).await } };
        let ended = tokio::select! {
            ended = work => ended,
            never = self.watch_cancel(attempt.run, cancel) => match never {},
        };
        match &ended {
            Ok((Verdict::Cancelled(text) | Verdict::Refused(text, _), _)) => log.say(text.as_str()),
            Err(error) => log.say(told(error)),
            Ok((Verdict::Succeeded(_) | Verdict::Failed(_), _)) => {}
        }
        let keep = matches!(ended, Ok((Verdict::Failed(_), _)) | Err(_));
        self.tidy_folders(folder, keep).await;
        ended
    }

    /// Cancels `cancel` when the run is to be ended; for ever.
    async fn watch_cancel(&self, run: PipelineRunId, cancel: &CancellationToken) -> std::convert::Infallible {
        loop {
            self.clock.sleep(CANCEL_POLL).await;
            if let Ok(true) = self.db.read(move |tx| Ok(runs::get(tx, run)?.cancel)).await {
                cancel.cancel();
            }
        }
    }

    async fn take_over(&self, call: &Call, keyed: Keyed, hit: Hit) -> Result<()> {
        let log = self.logs.open(call.run.id, &call.step.name, call.step.attempt)?;
        log.say(format!("nothing to do: {}", keyed.why));
        let (book, run, name) = (self.book.clone(), call.run.id, call.step.name.clone());
        self.db.write(move |tx| book.take_over(tx, run, &name, keyed, &hit)).await?;
        self.logs.announce();
        Ok(())
    }

    /// The key of the step, and whether its result is known already.
    async fn keyed(&self, call: &Call) -> Result<Decision> {
        if let (StepState::Running, Some(key), Some(parts)) = (call.step.state, call.step.cache_key, &call.step.parts) {
            let why = call.step.why.clone().unwrap_or_default();
            return Ok(Decision::Run(Keyed { key, parts: parts.clone(), why }));
        }
        let parts = self.parts(call).await?;
        let key = parts.key();
        let run = |why: String| Decision::Run(Keyed { key, parts: parts.clone(), why });
        if !call.declared.cache {
            return Ok(run("cache is off".to_owned()));
        }
        if call.run.force {
            return Ok(run("forced".to_owned()));
        }
        let Some(hit) = self.db.read(move |tx| steps::cached(tx, &key)).await? else {
            return Ok(run(self.what_changed(call, &parts).await?));
        };
        for output in &hit.outputs {
            // Renewed, so that a collection of garbage that runs now does not take what this step is about to refer to.
            if !self.blobs.renew(&output.digest).await? {
                return Ok(run(format!("the output `{}` of run #{} is gone", output.name, hit.number)));
            }
        }
        let why = format!("same key as run #{}", hit.number);
        Ok(Decision::Take(Keyed { key, parts, why }, hit))
    }

    async fn parts(&self, call: &Call) -> Result<KeyParts> {
        let is_command = call.step.kind == RUN_KIND;
        let salt = match self.action(&call.step.kind) {
            Some(action) => action.cache_salt(&call.ctx(), &call.probe()).await?,
            None => None,
        };
        let environment = call.plan.environment_of(&call.declared).and_then(|name| call.run.environments.get(name));
        KeyParts::of(&Ingredients {
            step: &call.declared,
            outputs: &call.outputs,
            params: &call.run.params,
            inputs: &call.input_digests(),
            code: is_command.then_some(call.plan.code),
            environment: environment.copied(),
            salt,
        })
    }

    /// Why a step whose key is not known runs: what differs from its last success.
    async fn what_changed(&self, call: &Call, parts: &KeyParts) -> Result<String> {
        let (pipeline, name, number) = (call.run.pipeline.clone(), call.step.name.clone(), call.run.number);
        let (after, parts) = (parts.code(), parts.clone());
        self.db
            .read(move |tx| {
                let Some((number, before)) = steps::last_success(tx, &pipeline, &name, number)? else {
                    return Ok("first run".to_owned());
                };
                let files = match (before.code(), after) {
                    (Some(old), Some(new)) if old != new => {
                        changed_files(&declared::code(tx, &old)?, &declared::code(tx, &new)?)
                    }
                    _ => Vec::new(),
                };
                let changed = parts.changed_since(&before, &files);
                Ok(changed.unwrap_or_else(|| format!("the result of run #{number} is not kept")))
            })
            .await
    }

    async fn close_tracking(&self, call: &Call, tracking_run_id: &str, succeeded: bool) {
        if let Err(error) = self.ports.tracker.close(&call.ctx(), tracking_run_id, succeeded).await {
            warn!(run.id = %call.run.id, tracking.run_id = tracking_run_id, error = ?error, "a tracking run cannot be closed");
        }
    }
}

/// Whether a step runs.
enum Decision {
    Take(Keyed, Hit),
    Run(Keyed),
}

/// Whether an error is not the step's own and will pass: the work is then tried again without counting a failure.
pub(crate) fn is_passing(error: &Error) -> bool {
    error.kind() == Kind::Unavailable
}

/// An error as it is shown of a step.
pub(crate) fn told(error: &Error) -> String {
    match error.hint_text() {
        Some(hint) => format!("{}: {}\nhint: {hint}", error.code(), error.detail()),
        None => format!("{}: {}", error.code(), error.detail()),
    }
}
