//! The use cases: start, cancel, look.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::Stream as Flow;
use futures_util::stream;
use pitcrew_auth::Auth;
use pitcrew_blob::Blobs;
use pitcrew_contracts::data::Datasets;
use pitcrew_contracts::names::{PipelineName, PipelineRunId, StepName};
use pitcrew_contracts::pipelines::StepAction;
use pitcrew_contracts::rest::Settle;
use pitcrew_contracts::tracking::RunTracker;
use pitcrew_db::{Db, Tx};
use pitcrew_kernel::{Access, Clock, Ctx, Digest, Error, Ids, Page, PageRequest, Result, Timestamp};
use pitcrew_work::Tasks;
use serde_json::Value;
use tokio::sync::watch;

use crate::environment::Environments;
use crate::graph::{BuiltIns, Graph};
use crate::lifecycle::Book;
use crate::log::{LogLine, Logs};
use crate::model::{RUN_KIND, Run, RunState};
use crate::options::Options;
use crate::process::Identity;
use crate::step::LiveSteps;
use crate::store::declared::{self, Applied};
use crate::store::runs::Filter;
use crate::store::{runs, steps};
use crate::view::{PipelineView, RunView, StepShape};

/// The kind of job that a pipeline's schedule queues: the server's scheduler must know it.
pub const SCHEDULED_JOB: &str = "pipelines.scheduled";
/// How often a follower looks without being woken: for steps that another server runs.
const FOLLOW_POLL: Duration = Duration::from_secs(2);

/// What pipelines need of other parts.
#[derive(Clone)]
pub struct Ports {
    /// Data sets.
    pub datasets: Arc<dyn Datasets>,
    /// Experiment tracking.
    pub tracker: Arc<dyn RunTracker>,
    /// Who may call: steps get a pass of their own.
    pub auth: Arc<Auth>,
    /// The built-in steps.
    pub actions: Vec<Arc<dyn StepAction>>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports").field("actions", &self.actions.len()).finish_non_exhaustive()
    }
}

/// Pipelines and their runs.
#[derive(Debug)]
pub struct Pipelines {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) blobs: Blobs,
    pub(crate) ports: Ports,
    pub(crate) options: Options,
    pub(crate) tasks: Tasks,
    pub(crate) book: Book,
    pub(crate) logs: Logs,
    pub(crate) environments: Environments,
    pub(crate) live: Arc<LiveSteps>,
    /// This server's process, by which a later one knows that it is gone.
    pub(crate) owner: Identity,
    url: OnceLock<String>,
}

/// Which runs a list shows.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only of this pipeline.
    pub pipeline: Option<PipelineName>,
    /// Only in this state.
    pub state: Option<RunState>,
}

/// What a follower of a run's logs gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follow {
    /// A line.
    Line(LogLine),
    /// The run is over (or the server stops): nothing follows.
    End,
}

impl Pipelines {
    /// Pipelines that keep logs, work folders and environments below `options.home`.
    ///
    /// # Errors
    /// `INTERNAL` where `/proc` is not mounted or the working folder is gone.
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        blobs: Blobs,
        ports: Ports,
        options: Options,
        tasks: Tasks,
    ) -> Result<Self> {
        // Commands start in folders of their own, where a relative path means something else.
        let home = std::path::absolute(&options.home)
            .map_err(|source| Error::internal("the home folder has no absolute path", source))?;
        let options = Options { home, ..options };
        let built_ins: BuiltIns = ports.actions.iter().map(|action| (action.name(), action.outputs())).collect();
        Ok(Self {
            db,
            blobs,
            tasks,
            book: Book { ids, clock: Arc::clone(&clock), built_ins: Arc::new(built_ins) },
            logs: Logs::new(options.home.join("logs"), Arc::clone(&clock)),
            environments: Environments::new(&options, Arc::clone(&clock)),
            live: Arc::default(),
            owner: Identity::current()?,
            url: OnceLock::new(),
            clock,
            ports,
            options,
        })
    }

    /// Tells the address at which steps reach this server. Only the first call counts.
    pub fn serve_at(&self, url: &str) {
        self.url.get_or_init(|| url.to_owned());
    }

    /// Asks for a run. Parameters that are not given keep their defaults; `force` runs every step whatever the cache knows.
    ///
    /// # Errors
    /// `PIPELINE_NOT_FOUND`, `PARAM_INVALID`, `PIPELINE_QUEUE_FULL`.
    pub async fn start(
        &self,
        ctx: &Ctx,
        pipeline: &PipelineName,
        params: BTreeMap<String, Value>,
        reason: String,
        force: bool,
    ) -> Result<RunView> {
        ctx.require(Access::Write)?;
        let (book, ctx, pipeline) = (self.book.clone(), ctx.clone(), pipeline.clone());
        self.db.write(move |tx| book.ask(tx, &ctx, &pipeline, params, reason, force)).await
    }

    /// Ends a run: steps that wait never begin, processes are asked to end and then ended.
    ///
    /// # Errors
    /// `PIPELINE_RUN_NOT_FOUND`, `PIPELINE_RUN_FINISHED`.
    pub async fn cancel(&self, ctx: &Ctx, id: PipelineRunId) -> Result<RunView> {
        ctx.require(Access::Write)?;
        let (book, ctx) = (self.book.clone(), ctx.clone());
        let cancelled = self
            .db
            .write(move |tx| {
                book.cancel(tx, &ctx, id)?;
                let run = runs::get(tx, id)?;
                view(tx, run)
            })
            .await?;
        self.live.cancel(id);
        self.logs.announce();
        Ok(cancelled)
    }

    /// Declared pipelines by name.
    ///
    /// # Errors
    /// `PAGE_INVALID`.
    pub async fn pipelines(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<PipelineView>> {
        ctx.require(Access::Read)?;
        let limit = page.limit()?;
        let built_ins = Arc::clone(&self.book.built_ins);
        let after = page.page.unwrap_or_default();
        let found = self.db.read(move |tx| {
            let all = declared::pipelines(tx, &after, i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))?;
            all.into_iter().map(|applied| pipeline_view(tx, applied, &built_ins)).collect::<Result<Vec<_>>>()
        });
        Ok(Page::from_overfull(found.await?, limit, |pipeline| pipeline.name.to_string()))
    }

    /// One declared pipeline.
    ///
    /// # Errors
    /// `PIPELINE_NOT_FOUND`.
    pub async fn pipeline(&self, ctx: &Ctx, name: &PipelineName) -> Result<PipelineView> {
        ctx.require(Access::Read)?;
        let (name, built_ins) = (name.clone(), Arc::clone(&self.book.built_ins));
        self.db
            .read(move |tx| {
                let applied = declared::pipeline(tx, &name)?;
                pipeline_view(tx, applied, &built_ins)
            })
            .await
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// `PAGE_INVALID`.
    pub async fn runs(&self, ctx: &Ctx, filter: RunFilter, page: PageRequest) -> Result<Page<RunView>> {
        ctx.require(Access::Read)?;
        let limit = page.limit()?;
        let before = page.page.as_deref().map(page_key).transpose()?;
        let filter = Filter { pipeline: filter.pipeline, state: filter.state, before };
        let found = self.db.read(move |tx| {
            let all = runs::list(tx, &filter, limit + 1)?;
            all.into_iter().map(|run| view(tx, run)).collect::<Result<Vec<_>>>()
        });
        Ok(Page::from_overfull(found.await?, limit, |run| format!("{}.{}", run.created_at.micros(), run.id)))
    }

    /// One run.
    ///
    /// # Errors
    /// `PIPELINE_RUN_NOT_FOUND`.
    pub async fn run(&self, ctx: &Ctx, id: PipelineRunId) -> Result<RunView> {
        ctx.require(Access::Read)?;
        self.db
            .read(move |tx| {
                let run = runs::get(tx, id)?;
                view(tx, run)
            })
            .await
    }

    /// How many runs are queued or running.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn active_runs(&self) -> Result<i64> {
        self.db.read(runs::count_active).await
    }

    /// The log of an attempt (the newest when `None`) from byte `offset` of its file on, up to a limit, and where the next read starts.
    ///
    /// # Errors
    /// `PIPELINE_RUN_NOT_FOUND`, `STEP_NOT_FOUND`.
    pub async fn log(
        &self,
        ctx: &Ctx,
        run: PipelineRunId,
        step: &StepName,
        attempt: Option<i64>,
        offset: u64,
    ) -> Result<(Vec<LogLine>, u64)> {
        ctx.require(Access::Read)?;
        let name = step.clone();
        let found = self.db.read(move |tx| {
            runs::get(tx, run)?;
            steps::get(tx, run, &name)
        });
        let newest = found.await?.attempt;
        self.logs.read(run, step, attempt.unwrap_or(newest), offset)
    }

    /// Every line of a run's logs, from the beginning, and then as they come, until the run is over.
    ///
    /// # Errors
    /// `PIPELINE_RUN_NOT_FOUND`.
    pub async fn follow(self: &Arc<Self>, ctx: &Ctx, run: PipelineRunId) -> Result<impl Flow<Item = Follow> + use<>> {
        ctx.require(Access::Read)?;
        self.db.read(move |tx| runs::get(tx, run).map(drop)).await?;
        let follower = Follower {
            service: Arc::clone(self),
            run,
            offsets: BTreeMap::new(),
            lines: VecDeque::new(),
            changed: self.logs.listen(),
            over: false,
        };
        Ok(stream::unfold(follower, Follower::next))
    }

    /// Every object that pipelines refer to: code and outputs. For garbage collection.
    ///
    /// # Errors
    /// What the database can give.
    pub fn referenced_digests(tx: &mut Tx<'_>) -> Result<Vec<Digest>> {
        let mut found = Vec::new();
        declared::code_digests(tx, &mut found)?;
        steps::output_digests(tx, &mut found)?;
        Ok(found)
    }

    pub(crate) fn action(&self, kind: &str) -> Option<&Arc<dyn StepAction>> {
        self.ports.actions.iter().find(|action| action.name() == kind)
    }

    pub(crate) fn url(&self) -> Option<String> {
        self.url.get().cloned()
    }
}

pub(crate) fn view(tx: &mut Tx<'_>, run: Run) -> Result<RunView> {
    let steps = steps::of_run(tx, run.id)?;
    Ok(RunView::of(run, steps))
}

fn pipeline_view(tx: &mut Tx<'_>, applied: Applied, built_ins: &BuiltIns) -> Result<PipelineView> {
    let last_run = match runs::last(tx, &applied.name)? {
        Some(run) => Some(view(tx, run)?),
        None => None,
    };
    let mut graph = Graph::of(&applied.plan.spec, built_ins)?;
    let steps = graph.order.iter().map(|name| {
        let uses = applied.plan.step(name)?.uses.clone();
        let needs = graph.needs.remove(name).unwrap_or_default();
        Ok(StepShape { name: name.clone(), kind: uses.unwrap_or_else(|| RUN_KIND.to_owned()), needs })
    });
    let steps = steps.collect::<Result<_>>()?;
    let spec = applied.plan.spec;
    Ok(PipelineView {
        name: applied.name,
        description: spec.description,
        dataset: spec.dataset,
        params: spec.params,
        triggers: applied.triggers,
        steps,
        last_run,
    })
}

fn page_key(token: &str) -> Result<(Timestamp, String)> {
    let wrong = || Error::invalid("PAGE_INVALID", "`page` is not the `next` of a page of runs");
    let (micros, id) = token.split_once('.').ok_or_else(wrong)?;
    let id: PipelineRunId = id.parse().map_err(|_| wrong())?;
    Ok((Timestamp::from_micros(micros.parse().map_err(|_| wrong())?), id.to_string()))
}

/// Reads the logs of a run as they grow.
struct Follower {
    service: Arc<Pipelines>,
    run: PipelineRunId,
    /// How far each attempt's log was read.
    offsets: BTreeMap<(StepName, i64), u64>,
    lines: VecDeque<LogLine>,
    changed: watch::Receiver<u64>,
    over: bool,
}

impl Follower {
    async fn next(mut self) -> Option<(Follow, Self)> {
        let stop = self.service.tasks.token();
        while !self.over {
            if let Some(line) = self.lines.pop_front() {
                return Some((Follow::Line(line), self));
            }
            self.changed.mark_unchanged();
            // The state is read before the logs: when it is final, no line comes after those read now.
            let finished = self.read().await.unwrap_or(true);
            if !self.lines.is_empty() {
                continue;
            }
            if finished || stop.is_cancelled() {
                self.over = true;
                return Some((Follow::End, self));
            }
            let poll = self.service.clock.sleep(FOLLOW_POLL);
            tokio::select! {
                _ = self.changed.changed() => {}
                () = stop.cancelled() => {}
                () = poll => {}
            }
        }
        None
    }

    async fn read(&mut self) -> Result<bool> {
        let run = self.run;
        let (state, steps) =
            self.service.db.read(move |tx| Ok((runs::get(tx, run)?.state, steps::of_run(tx, run)?))).await?;
        for step in steps {
            for attempt in 0..=step.attempt {
                let offset = self.offsets.entry((step.name.clone(), attempt)).or_default();
                let (lines, next) = self.service.logs.read(run, &step.name, attempt, *offset)?;
                *offset = next;
                self.lines.extend(lines);
            }
        }
        Ok(state.is_final())
    }
}

/// A step that waits to be tried again, or for another, is in no queue; its run is not over.
#[async_trait]
impl Settle for Pipelines {
    async fn settle(&self) -> Option<String> {
        match self.active_runs().await {
            Ok(0) => None,
            Ok(1) => Some("a pipeline run is not over".to_owned()),
            Ok(runs) => Some(format!("{runs} pipeline runs are not over")),
            Err(error) => Some(format!("the pipeline runs cannot be counted: {error}")),
        }
    }
}
