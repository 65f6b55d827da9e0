//! A yard to run pipelines in: a database, a home folder, fakes of the other parts, a runner.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use pitcrew_auth::{Auth, Mode};
use pitcrew_blob::Blobs;
use pitcrew_contracts::data::{DatasetSnapshot, Datasets};
use pitcrew_contracts::names::{DatasetName, DatasetRef, PipelineRunId};
use pitcrew_contracts::pipelines::{StepAction, StepCall, StepOutcome, StepProbe};
use pitcrew_contracts::spec::Change;
use pitcrew_contracts::tracking::{RunSummary, RunTracker};
use pitcrew_db::{Db, Outgoing, Signal};
use pitcrew_kernel::{Ctx, Digest, Error, Result, Timestamp};
use pitcrew_pipelines::{Follow, LogLine, Options, Pipelines, Ports, RunView, StepView, Stream, jobs};
use pitcrew_testkit::{TestDb, World};
use pitcrew_work::{Applying, CodeFile, CodeSnapshot, Declared as _, Runner, Tasks, events_after};
use serde_json::Value;

/// Nothing here takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Yard {
    pub(crate) name: &'static str,
    pub(crate) world: World,
    pub(crate) db: Db,
    pub(crate) auth: Arc<Auth>,
    pub(crate) service: Arc<Pipelines>,
    pub(crate) tasks: Tasks,
    pub(crate) datasets: Arc<FakeDatasets>,
    pub(crate) tracker: Arc<FakeTracker>,
    pub(crate) acts: Arc<Acts>,
    pub(crate) home: Arc<tempfile::TempDir>,
    pub(crate) project: tempfile::TempDir,
    pub(crate) blobs: Blobs,
    _database: Option<TestDb>,
}

impl Yard {
    /// One yard for each kind of database.
    pub(crate) async fn each() -> Vec<Self> {
        Self::each_with(|_| {}).await
    }

    /// The same with other options.
    pub(crate) async fn each_with(change: impl Fn(&mut Options)) -> Vec<Self> {
        let mut yards = Vec::new();
        for database in TestDb::each(&[pitcrew_pipelines::MIGRATIONS]).await {
            yards.push(Self::on(database, &change));
        }
        yards
    }

    pub(crate) async fn sqlite() -> Self {
        Self::on(TestDb::sqlite(&[pitcrew_pipelines::MIGRATIONS]).await, &|_| {})
    }

    fn on(database: TestDb, change: &dyn Fn(&mut Options)) -> Self {
        let (db, name) = (database.db.clone(), database.name);
        let home = Arc::new(tempfile::tempdir().unwrap());
        let mut yard = Self::at(db, home, World::new(), change);
        (yard.name, yard._database) = (name, Some(database));
        yard.work();
        yard
    }

    /// A yard whose server asks for a token.
    pub(crate) async fn guarded() -> Self {
        let database = TestDb::sqlite(&[pitcrew_auth::MIGRATIONS, pitcrew_pipelines::MIGRATIONS]).await;
        let home = Arc::new(tempfile::tempdir().unwrap());
        let mut yard = Self::behind(Mode::Token, database.db.clone(), home, World::new(), &|_| {});
        yard._database = Some(database);
        yard.work();
        yard
    }

    /// A yard without a runner, on a home that may have been used before.
    pub(crate) fn at(db: Db, home: Arc<tempfile::TempDir>, world: World, change: &dyn Fn(&mut Options)) -> Self {
        Self::behind(Mode::None, db, home, world, change)
    }

    fn behind(mode: Mode, db: Db, home: Arc<tempfile::TempDir>, world: World, change: &dyn Fn(&mut Options)) -> Self {
        let mut options = Options::at(home.path().to_owned());
        options.concurrency = 4;
        change(&mut options);
        let blobs = Blobs::open(&pitcrew_blob::Options::Local(options.home.join("blobs")), world.clock()).unwrap();
        let (datasets, tracker, acts) =
            (Arc::<FakeDatasets>::default(), Arc::<FakeTracker>::default(), Arc::<Acts>::default());
        let tasks = Tasks::new();
        let auth = Arc::new(Auth::new(db.clone(), world.clock(), Arc::clone(&world.ids), mode));
        let ports = Ports {
            auth: Arc::clone(&auth),
            datasets: Arc::clone(&datasets) as Arc<dyn Datasets>,
            tracker: Arc::clone(&tracker) as Arc<dyn RunTracker>,
            actions: vec![Arc::new(Evaluate(Arc::clone(&acts))), Arc::new(Register(Arc::clone(&acts)))],
        };
        let service = Pipelines::new(
            db.clone(),
            world.clock(),
            Arc::clone(&world.ids),
            blobs.clone(),
            ports,
            options,
            tasks.clone(),
        );
        let service = Arc::new(service.unwrap());
        service.serve_at("http://127.0.0.1:7070");
        let project = tempfile::tempdir().unwrap();
        Self {
            name: "",
            world,
            db,
            auth,
            service,
            tasks,
            datasets,
            tracker,
            acts,
            home,
            project,
            blobs,
            _database: None,
        }
    }

    /// Another server on the same database and home, without a runner of its own.
    pub(crate) fn beside(&self) -> Self {
        let mut other = Self::at(self.db.clone(), Arc::clone(&self.home), self.world.clone(), &|_| {});
        other.name = self.name;
        other
    }

    /// Starts a runner.
    pub(crate) fn work(&self) {
        let runner = Runner::new(
            self.db.clone(),
            self.world.clock(),
            format!("runner-{}", std::process::id()),
            jobs(&self.service),
        );
        self.tasks.spawn("runner", Arc::new(runner).run(self.tasks.clone()));
    }

    /// Writes a file of the project.
    pub(crate) fn file(&self, path: &str, text: &str) {
        let path = self.project.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Applies `pipelines` (and what else the project has) with the project's files as code.
    pub(crate) async fn try_apply(&self, mut project: Value) -> Result<Vec<Change>> {
        project["project"] = "bikes".into();
        let project = serde_json::from_value(project).unwrap();
        let mut files = Vec::new();
        collect(self.project.path(), self.project.path(), &mut files);
        files.sort();
        let mut code = CodeSnapshot { digest: Digest::from_bytes([0; 32]), git_commit: None, files: Vec::new() };
        for path in files {
            let bytes = std::fs::read(self.project.path().join(&path)).unwrap();
            code.files.push(CodeFile { path, digest: self.blobs.put(bytes).await.unwrap(), executable: false });
        }
        let (service, world, root) = (Arc::clone(&self.service), self.world.clone(), self.project.path().to_owned());
        self.db
            .write(move |tx| {
                let out = Outgoing { ctx: &world.ctx, ids: world.ids.as_ref(), clock: &world.clock };
                service.apply(tx, &Applying { out, project: &project, root: &root, code: &code })
            })
            .await
    }

    pub(crate) async fn apply(&self, project: Value) -> Vec<Change> {
        self.try_apply(project).await.unwrap()
    }

    /// Applies one pipeline `train` with these steps.
    pub(crate) async fn steps(&self, steps: Value) {
        self.apply(serde_json::json!({"pipelines": {"train": {"steps": steps}}})).await;
    }

    /// Asks for a run of `train`.
    pub(crate) async fn start(&self) -> RunView {
        self.start_with(serde_json::json!({}), false).await.unwrap()
    }

    pub(crate) async fn start_with(&self, params: Value, force: bool) -> Result<RunView> {
        // Runs are listed by the time they were asked for.
        self.world.clock.advance(Duration::from_millis(1));
        let params: BTreeMap<String, Value> = serde_json::from_value(params).unwrap();
        let pipeline = "train".parse().unwrap();
        self.service.start(&self.world.ctx, &pipeline, params, "a test".to_owned(), force).await
    }

    /// Runs `train` to its end.
    pub(crate) async fn run(&self) -> RunView {
        let run = self.start().await;
        self.finish(run.id).await
    }

    /// Waits for the end of a run.
    pub(crate) async fn finish(&self, run: PipelineRunId) -> RunView {
        self.lines(run, |_| {}).await;
        self.service.run(&self.world.ctx, run).await.unwrap()
    }

    /// Follows a run to its end; answers its lines.
    pub(crate) async fn lines(&self, run: PipelineRunId, mut each: impl FnMut(&LogLine)) -> Vec<LogLine> {
        let mut lines = Vec::new();
        let follow = async {
            let mut followed = std::pin::pin!(self.service.follow(&self.world.ctx, run).await.unwrap());
            while let Some(Follow::Line(line)) = followed.next().await {
                each(&line);
                lines.push(line);
            }
        };
        tokio::time::timeout(PATIENCE, follow)
            .await
            .unwrap_or_else(|_| panic!("the run does not end on {}", self.name));
        lines
    }

    /// The events about a run that `actor` stated, in order.
    pub(crate) async fn stated_by(&self, actor: &str, run: PipelineRunId) -> Vec<String> {
        self.world.pump(&self.db, Vec::new()).await;
        let events = self.db.read(|tx| events_after(tx, 0, 1_000)).await.unwrap();
        let of_run = events.into_iter().filter(|event| event.actor == actor && event.subject.name == run.to_string());
        of_run.map(|event| event.name).collect()
    }

    /// Waits until some process of the run has said `text`.
    pub(crate) async fn heard(&self, run: PipelineRunId, text: &str) {
        self.until_said(run, text, |stream| stream != Stream::Pitcrew).await;
    }

    /// Waits until Pitcrew has said `text` of the run.
    pub(crate) async fn heard_of(&self, run: PipelineRunId, text: &str) {
        self.until_said(run, text, |stream| stream == Stream::Pitcrew).await;
    }

    async fn until_said(&self, run: PipelineRunId, text: &str, by: impl Fn(Stream) -> bool) {
        let follow = async {
            let mut followed = std::pin::pin!(self.service.follow(&self.world.ctx, run).await.unwrap());
            while let Some(Follow::Line(line)) = followed.next().await {
                if by(line.stream) && line.line.contains(text) {
                    return;
                }
            }
            panic!("the run ended without saying `{text}`");
        };
        tokio::time::timeout(PATIENCE, follow)
            .await
            .unwrap_or_else(|_| panic!("`{text}` is not said on {}", self.name));
    }

    /// Moves the clock and lets the runner look at it.
    pub(crate) fn advance(&self, by: Duration) {
        self.world.clock.advance(by);
        self.db.raise(Signal::Jobs);
    }

    /// Moves the clock until the machine of some run was looked at so often.
    pub(crate) async fn observed(&self, times: usize) -> Vec<Observed> {
        let look = async {
            while self.tracker.2.lock().unwrap().len() < times {
                // In small steps: who looks takes a moment, and leases must not run out meanwhile.
                self.world.clock.advance(Duration::from_millis(1));
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("it is looked at");
        self.tracker.2.lock().unwrap().clone()
    }

    /// Waits until `is_so`, looking again whenever something changed or a moment has passed.
    pub(crate) async fn until(&self, run: PipelineRunId, is_so: impl Fn(&RunView) -> bool) -> RunView {
        let look = async {
            loop {
                let view = self.service.run(&self.world.ctx, run).await.unwrap();
                if is_so(&view) {
                    return view;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("it becomes so")
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        self.tasks.token().cancel();
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

/// A step of a run.
pub(crate) fn step<'a>(run: &'a RunView, name: &str) -> &'a StepView {
    run.steps.iter().find(|step| step.name.as_str() == name).unwrap_or_else(|| panic!("no step `{name}`"))
}

/// `name state why` of each step.
pub(crate) fn told(run: &RunView) -> Vec<String> {
    let why = |step: &StepView| step.cache.as_ref().map(|cache| format!(" ({})", cache.why)).unwrap_or_default();
    run.steps.iter().map(|step| format!("{} {}{}", step.name, step.state, why(step))).collect()
}

/// A data set whose content is a number.
#[derive(Debug, Default)]
pub(crate) struct FakeDatasets {
    pub(crate) content: AtomicI64,
    pub(crate) refreshed: AtomicI64,
    pub(crate) broken: AtomicBool,
}

impl FakeDatasets {
    fn snapshot(&self, dataset: &DatasetName) -> DatasetSnapshot {
        let content = self.content.load(Ordering::SeqCst);
        DatasetSnapshot {
            version: DatasetRef { dataset: dataset.clone(), version: content + 1 },
            digest: Digest::from_bytes([content as u8 + 1; 32]),
            rows: 10,
        }
    }
}

#[async_trait]
impl Datasets for FakeDatasets {
    async fn refresh(&self, _ctx: &Ctx, dataset: &DatasetName) -> Result<DatasetSnapshot> {
        self.refreshed.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::precondition("DATA_CHECKS_FAILED", "1 of 5 checks failed: cnt not null"));
        }
        Ok(self.snapshot(dataset))
    }

    async fn latest(&self, _ctx: &Ctx, dataset: &DatasetName) -> Result<DatasetSnapshot> {
        Ok(self.snapshot(dataset))
    }

    async fn materialize(&self, _ctx: &Ctx, version: &DatasetRef, folder: &Path) -> Result<()> {
        std::fs::write(folder.join("rows.csv"), format!("{version}\n")).unwrap();
        Ok(())
    }
}

/// What was told of one run's machine: the run, the count and the names.
pub(crate) type Observed = (String, i64, Vec<String>);

/// Remembers what was opened, how it was closed and what was observed. May be down.
#[derive(Debug, Default)]
pub(crate) struct FakeTracker(
    pub(crate) Mutex<BTreeMap<String, Option<bool>>>,
    pub(crate) AtomicBool,
    pub(crate) Mutex<Vec<Observed>>,
);

#[async_trait]
impl RunTracker for FakeTracker {
    async fn open(
        &self,
        _ctx: &Ctx,
        key: &str,
        experiment: &str,
        _name: &str,
        _tags: BTreeMap<String, String>,
    ) -> Result<String> {
        assert_eq!(experiment, "bikes");
        if self.1.load(Ordering::SeqCst) {
            return Err(Error::unavailable("DB_BUSY", "the database is busy"));
        }
        let short = key.split_once('/').unwrap().1.to_owned();
        self.0.lock().unwrap().entry(short.clone()).or_insert(None);
        Ok(short)
    }

    async fn close(&self, _ctx: &Ctx, run_id: &str, succeeded: bool) -> Result<()> {
        self.0.lock().unwrap().entry(run_id.to_owned()).or_insert(None).get_or_insert(succeeded);
        Ok(())
    }

    async fn observe(
        &self,
        _ctx: &Ctx,
        run_id: &str,
        _at: Timestamp,
        count: i64,
        readings: Vec<(String, f64)>,
    ) -> Result<()> {
        assert!(
            readings.iter().all(|(name, value)| value.is_finite() && *value >= 0.0 && !name.is_empty()),
            "{readings:?}"
        );
        let names = readings.into_iter().map(|(name, _)| name).collect();
        self.2.lock().unwrap().push((run_id.to_owned(), count, names));
        if self.1.load(Ordering::SeqCst) { Err(Error::unavailable("DB_BUSY", "the database is busy")) } else { Ok(()) }
    }

    async fn summary(&self, _ctx: &Ctx, _run_id: &str) -> Result<RunSummary> {
        Ok(RunSummary::default())
    }
}

/// What the built-in steps saw and shall do.
#[derive(Debug, Default)]
pub(crate) struct Acts {
    pub(crate) calls: Mutex<Vec<StepCall>>,
    pub(crate) champion: AtomicI64,
    pub(crate) refuse: AtomicBool,
}

/// Writes a report; what it says depends on the champion.
struct Evaluate(Arc<Acts>);

#[async_trait]
impl StepAction for Evaluate {
    fn name(&self) -> &'static str {
        "evaluate"
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["report.json"]
    }

    async fn cache_salt(&self, _ctx: &Ctx, _probe: &StepProbe) -> Result<Option<String>> {
        Ok(Some(format!("champion {}", self.0.champion.load(Ordering::SeqCst))))
    }

    async fn run(&self, _ctx: &Ctx, call: StepCall) -> Result<StepOutcome> {
        let champion = self.0.champion.load(Ordering::SeqCst);
        std::fs::write(call.output_dir.join("report.json"), format!("{{\"champion\":{champion}}}")).unwrap();
        self.0.calls.lock().unwrap().push(call);
        Ok(StepOutcome::Done("evaluated".to_owned()))
    }
}

/// Writes nothing; may refuse.
struct Register(Arc<Acts>);

#[async_trait]
impl StepAction for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn outputs(&self) -> &'static [&'static str] {
        &[]
    }

    async fn run(&self, _ctx: &Ctx, call: StepCall) -> Result<StepOutcome> {
        self.0.calls.lock().unwrap().push(call);
        match self.0.refuse.load(Ordering::SeqCst) {
            true => Ok(StepOutcome::Refused("wape 0.61 is over 0.4".to_owned())),
            false => Ok(StepOutcome::Done("registered".to_owned())),
        }
    }
}
