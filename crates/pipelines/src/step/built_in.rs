//! A step that the platform itself performs.

use pitcrew_contracts::pipelines::{StepCall, StepInput, StepOutcome};
use pitcrew_kernel::{Error, Result};

use crate::environment::{cancelled, stopping};
use crate::lifecycle::{Figures, Verdict};
use crate::service::Pipelines;
use crate::step::Trial;
use crate::step::call::From;

impl Pipelines {
    pub(super) async fn built_in(&self, trial: &Trial<'_>) -> Result<(Verdict, Figures)> {
        let call = trial.call;
        let Some(action) = self.action(&call.step.kind) else {
            return Err(Error::precondition(
                "STEP_UNKNOWN",
                format!("this server has no built-in step `{}`", call.step.kind),
            ));
        };
        self.write_inputs(call, trial.folder).await?;
        let inputs = call.inputs.iter().map(|input| {
            let tracking_run_id = match &input.from {
                From::Dataset(_) => None,
                From::File { tracking_run_id, .. } => tracking_run_id.clone(),
            };
            let path = trial.folder.input(&input.name, &input.from);
            (input.name.clone(), StepInput { path, digest: input.digest, tracking_run_id })
        });
        let step_call = StepCall {
            run: call.run.id,
            step: call.step.name.clone(),
            with: call.declared.with.clone(),
            inputs: inputs.collect(),
            output_dir: trial.folder.outputs(),
            lineage: call.lineage(),
            cause: call.run.cause.clone(),
        };
        let ctx = call.ctx();
        let outcome = tokio::select! {
            outcome = action.run(&ctx, step_call) => outcome?,
            () = trial.cancel.cancelled() => return Err(cancelled()),
            () = trial.stop.cancelled() => return Err(stopping()),
            () = self.clock.sleep(trial.timeout()) => return Err(super::command::timed_out(&call.step.kind, trial.timeout())),
        };
        let verdict = match outcome {
            StepOutcome::Done(said) => {
                trial.log.say(said);
                Verdict::Succeeded(self.store_outputs(&call.outputs, trial.folder).await?)
            }
            StepOutcome::Refused(why) => {
                // What it wrote before it said no is evidence; it need not have written anything.
                let written: Vec<String> =
                    call.outputs.iter().filter(|name| trial.folder.outputs().join(name).is_file()).cloned().collect();
                Verdict::Refused(why, self.store_outputs(&written, trial.folder).await?)
            }
        };
        Ok((verdict, Figures::default()))
    }
}
