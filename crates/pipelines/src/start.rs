//! How runs come about and begin.

use std::collections::{BTreeMap, BTreeSet};

use pitcrew_contracts::names::{DatasetName, PipelineName, PipelineRunId};
use pitcrew_db::Tx;
use pitcrew_kernel::{Ctx, Error, Result};
use serde_json::Value;
use tracing::warn;

use crate::lifecycle::{Ask, Book, Facts};
use crate::model::{Plan, Run};
use crate::retain::keep_newest;
use crate::service::{Pipelines, view};
use crate::step::{ctx_of, is_passing, told};
use crate::store::declared;
use crate::store::runs::Dedup;
use crate::view::RunView;

/// The longest reason.
const MAX_REASON_BYTES: usize = 1_000;
/// All parameters of a run together, as JSON.
const MAX_PARAMS_BYTES: usize = 64 * 1024;

/// A wish of Pitcrew's own: an alert, a schedule, an event.
#[derive(Debug, Clone)]
pub(crate) struct OwnWish {
    pub(crate) reason: String,
    pub(crate) ancestry: Vec<PipelineName>,
    pub(crate) dedup: Dedup,
}

impl Book {
    /// A run that a caller wants.
    pub(crate) fn ask(
        &self,
        tx: &mut Tx<'_>,
        ctx: &Ctx,
        pipeline: &PipelineName,
        params: BTreeMap<String, Value>,
        reason: String,
        force: bool,
    ) -> Result<RunView> {
        let applied = declared::pipeline(tx, pipeline)?;
        let params = merge_params(&applied.plan, params)?;
        let mut reason = reason;
        while reason.len() > MAX_REASON_BYTES {
            reason.pop();
        }
        let ask = Ask { params, reason, force, ancestry: Vec::new(), dedup: Dedup::default() };
        let run = self.create(tx, ctx, &applied, ask)?;
        let run = run.ok_or_else(|| Error::internal("a run exists before it was made", pipeline.to_string()))?;
        view(tx, run)
    }

    /// A run that Pitcrew wants by itself, unless it is there already. A full queue or a pipeline that is gone is no reason to ask again.
    pub(crate) fn ask_by_itself(
        &self,
        tx: &mut Tx<'_>,
        ctx: &Ctx,
        pipeline: &PipelineName,
        wish: OwnWish,
    ) -> Result<()> {
        let asked = declared::pipeline(tx, pipeline).and_then(|applied| {
            let params = applied.plan.spec.params.clone();
            let ask = Ask { params, reason: wish.reason, force: false, ancestry: wish.ancestry, dedup: wish.dedup };
            self.create(tx, ctx, &applied, ask)
        });
        match asked {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), "PIPELINE_NOT_FOUND" | "PIPELINE_QUEUE_FULL") => {
                warn!(pipeline = %pipeline, error = %error, "a run is not started");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl Pipelines {
    /// Begins a run if it is its turn: finds its data and environments, then lets its first steps go.
    ///
    /// # Errors
    /// What will pass (the database is busy); anything else fails the run.
    pub(crate) async fn begin_run(&self, id: PipelineRunId) -> Result<()> {
        let book = self.book.clone();
        let Some(run) = self.db.write(move |tx| book.begin(tx, id)).await? else { return Ok(()) };
        self.forget_old_logs(id).await;
        let book = self.book.clone();
        match self.prepare(&run).await {
            Ok(facts) => self.db.write(move |tx| book.prepared(tx, id, &facts)).await?,
            Err(error) if is_passing(&error) => return Err(error),
            Err(error) => self.fail_run(id, &error).await?,
        }
        self.logs.announce();
        Ok(())
    }

    /// Ends a run that cannot begin.
    pub(crate) async fn fail_run(&self, id: PipelineRunId, error: &Error) -> Result<()> {
        warn!(run.id = %id, error = ?error, "a run cannot start");
        let (book, told) = (self.book.clone(), told(error));
        self.db.write(move |tx| book.fail_run(tx, id, &told)).await
    }

    async fn prepare(&self, run: &Run) -> Result<Facts> {
        let digest = run.plan;
        let plan = self.db.read(move |tx| declared::plan(tx, &digest)).await?;
        let ctx = ctx_of(run);
        let mut facts = Facts::default();
        if let Some(name) = &plan.spec.dataset {
            let name: DatasetName = name.parse()?;
            let snapshot = if plan.spec.refresh {
                self.ports.datasets.refresh(&ctx, &name).await?
            } else {
                self.ports.datasets.latest(&ctx, &name).await?
            };
            facts.dataset = Some((snapshot.version, snapshot.digest));
        }
        let used: BTreeSet<&str> = plan.spec.steps.values().filter_map(|step| plan.environment_of(step)).collect();
        for name in used {
            let environment = plan
                .environments
                .get(name)
                .ok_or_else(|| Error::internal("an environment is not in its plan", name.to_owned()))?;
            facts.environments.insert(name.to_owned(), self.environments.digest(environment).await?);
        }
        Ok(facts)
    }

    async fn forget_old_logs(&self, current: PipelineRunId) {
        let (root, keep, current) = (self.logs.root().to_owned(), self.options.keep_logs, current.to_string());
        let forgotten = tokio::task::spawn_blocking(move || keep_newest(&root, keep, &|name| name == current)).await;
        if let Ok(Err(error)) = forgotten {
            warn!(error = %error, "old logs cannot be removed");
        }
    }
}

/// Defaults, and over them what was given: known names, values of the default's kind.
fn merge_params(plan: &Plan, given: BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>> {
    let wrong = |what: String| Error::invalid("PARAM_INVALID", what);
    let mut params = plan.spec.params.clone();
    for (name, value) in given {
        let Some(default) = params.get(&name) else {
            let known: Vec<&str> = plan.spec.params.keys().map(String::as_str).collect();
            let hint = if known.is_empty() {
                "it has no parameters".to_owned()
            } else {
                format!("its parameters are {}", known.join(", "))
            };
            return Err(wrong(format!("the pipeline has no parameter `{}`", name.escape_debug())).hint(hint));
        };
        if !is_alike(default, &value) {
            return Err(wrong(format!("the parameter `{name}` is {}, not {}", kind(default), kind(&value)))
                .hint(format!("its default is `{default}`")));
        }
        params.insert(name, value);
    }
    let bytes = serde_json::to_string(&params).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_PARAMS_BYTES {
        return Err(wrong(format!("the parameters are longer than {MAX_PARAMS_BYTES} bytes together")));
    }
    Ok(params)
}

fn is_alike(default: &Value, value: &Value) -> bool {
    default.is_null() || kind(default) == kind(value)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
