//! A step with everything it works on.

use std::collections::BTreeMap;

use pitcrew_contracts::names::{DatasetRef, PipelineRunId, StepName};
use pitcrew_contracts::pipelines::{Lineage, StepProbe};
use pitcrew_contracts::spec;
use pitcrew_db::Tx;
use pitcrew_kernel::{Cause, Ctx, Digest, Error, Result};

use crate::graph::{BuiltIns, Source, outputs_of};
use crate::model::{Plan, Run, RunState, Step};
use crate::service::Pipelines;
use crate::store::{declared, runs, steps};

/// A step with everything it works on, as stored.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) run: Run,
    pub(crate) step: Step,
    pub(crate) plan: Plan,
    pub(crate) declared: spec::Step,
    /// The files it must write.
    pub(crate) outputs: Vec<String>,
    pub(crate) inputs: Vec<Input>,
}

/// One input, found.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) digest: Digest,
    pub(crate) from: From,
}

/// Where an input's bytes are.
#[derive(Debug)]
pub(crate) enum From {
    Dataset(DatasetRef),
    File { name: String, tracking_run_id: Option<String> },
}

impl Call {
    /// Who speaks for the run when other parts are asked.
    pub(crate) fn ctx(&self) -> Ctx {
        ctx_of(&self.run)
    }

    pub(crate) fn input_digests(&self) -> BTreeMap<String, Digest> {
        self.inputs.iter().map(|input| (input.name.clone(), input.digest)).collect()
    }

    pub(crate) fn probe(&self) -> StepProbe {
        StepProbe {
            run: self.run.id,
            step: self.step.name.clone(),
            with: self.declared.with.clone(),
            inputs: self.input_digests(),
        }
    }

    pub(crate) fn lineage(&self) -> Lineage {
        let pipelines_own = self.plan.spec.environment.as_ref().and_then(|name| self.run.environments.get(name));
        Lineage {
            dataset: self.run.dataset.clone(),
            dataset_digest: self.run.dataset_digest,
            code_digest: self.plan.code,
            git_commit: self.run.git_commit.clone(),
            environment_digest: pipelines_own.or_else(|| self.run.environments.values().next()).copied(),
            pipeline_run: self.run.id,
            params: self.run.params.clone(),
        }
    }
}

/// Who speaks for a run when other parts are asked: what they do was led to by the run.
pub(crate) fn ctx_of(run: &Run) -> Ctx {
    Ctx::system("pipelines").because(Cause {
        kind: "pipeline_run".to_owned(),
        id: run.id.to_string(),
        summary: format!("{} #{}: {}", run.pipeline, run.number, run.reason),
    })
}

impl Pipelines {
    /// The step, unless it or its run is over or waits.
    pub(crate) async fn load(&self, run: PipelineRunId, name: &StepName) -> Result<Option<Call>> {
        let (name, built_ins) = (name.clone(), std::sync::Arc::clone(&self.book.built_ins));
        self.db.read(move |tx| load(tx, run, &name, &built_ins)).await
    }
}

fn load(tx: &mut Tx<'_>, run: PipelineRunId, name: &StepName, built_ins: &BuiltIns) -> Result<Option<Call>> {
    let run = runs::get(tx, run)?;
    let all = steps::of_run(tx, run.id)?;
    let Some(step) = all.iter().find(|step| step.name == *name).cloned() else {
        return Err(Error::internal("a job names a step that its run does not have", name.to_string()));
    };
    if run.state != RunState::Running || step.state.is_final() || step.state == crate::model::StepState::Waiting {
        return Ok(None);
    }
    let plan = declared::plan(tx, &run.plan)?;
    let declared = plan.step(name)?.clone();
    let inputs = declared.inputs.iter().map(|(name, source)| input(&run, &all, name, source)).collect::<Result<_>>()?;
    Ok(Some(Call { outputs: outputs_of(&declared, built_ins), run, step, plan, declared, inputs }))
}

fn input(run: &Run, all: &[Step], name: &str, source: &str) -> Result<Input> {
    let lost = || Error::internal(format!("the input `{name}` is not there"), source.to_owned());
    let found = match Source::parse(source)? {
        Source::Dataset => {
            run.dataset.clone().zip(run.dataset_digest).map(|(dataset, digest)| (digest, From::Dataset(dataset)))
        }
        Source::Output { step, output } => all.iter().find(|made| made.name == step).and_then(|made| {
            let file = made.outputs.iter().find(|file| file.name == output)?;
            Some((file.digest, From::File { name: output, tracking_run_id: made.tracking_run_id.clone() }))
        }),
    };
    let (digest, from) = found.ok_or_else(lost)?;
    Ok(Input { name: name.to_owned(), digest, from })
}
