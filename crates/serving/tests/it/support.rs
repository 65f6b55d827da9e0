//! A server of serving alone: database, registry, events and jobs, driven until nothing is left to do.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use pitcrew_contracts::event::Envelope;
use pitcrew_contracts::names::{AliasName, DeploymentName, ModelName, ModelRef};
use pitcrew_contracts::registry::{Models, ServableVersion};
use pitcrew_contracts::release::{InferenceLog as _, LogSlice};
use pitcrew_contracts::rest::Settle as _;
use pitcrew_contracts::serving::{Tensor, TensorData};
use pitcrew_contracts::spec::{Change, Deployment, Project, ReleasePolicy};
use pitcrew_db::Db;
use pitcrew_kernel::{Clock, Ctx, Digest, Result, Timestamp};
use pitcrew_serving::{Ask, LabelCounts, MIGRATIONS, NewLabel, Parts, Prediction, Release, Serving, jobs, subscribers};
use pitcrew_testkit::{FakeEngine, FakeModels, TestDb, World, linear};
use pitcrew_work::{Applying, CodeSnapshot, Declared as _, Pump, Runner, Tasks, events_after, in_flight};
use serde_json::json;

/// The first hour of event time.
pub(crate) const START: &str = "2012-03-01T00:00:00Z";

pub(crate) fn hour(hours: u64) -> Timestamp {
    START.parse::<Timestamp>().unwrap().plus(std::time::Duration::from_secs(3600 * hours))
}

/// The registry, with a door before the bytes of models that a test can shut.
#[derive(Default)]
pub(crate) struct Doors {
    models: Arc<FakeModels>,
    /// Loading waits while this is held for writing.
    pub(crate) door: tokio::sync::RwLock<()>,
    /// How often somebody came to the door.
    pub(crate) came: AtomicUsize,
}

#[async_trait]
impl Models for Doors {
    async fn resolve(&self, ctx: &Ctx, model: &ModelName, alias: &AliasName) -> Result<Option<ServableVersion>> {
        self.models.resolve(ctx, model, alias).await
    }

    async fn version(&self, ctx: &Ctx, version: &ModelRef) -> Result<ServableVersion> {
        self.models.version(ctx, version).await
    }

    async fn bytes(&self, ctx: &Ctx, version: &ModelRef) -> Result<Bytes> {
        self.came.fetch_add(1, Ordering::SeqCst);
        let _through = self.door.read().await;
        self.models.bytes(ctx, version).await
    }

    async fn reference(&self, ctx: &Ctx, version: &ModelRef) -> Result<Option<Bytes>> {
        self.models.reference(ctx, version).await
    }

    async fn may_be(&self, ctx: &Ctx, version: &ModelRef, alias: &AliasName) -> Result<()> {
        self.models.may_be(ctx, version, alias).await
    }
}

/// One database of each kind with a folder for the log.
pub(crate) struct Place {
    pub(crate) doors: Arc<Doors>,
    pub(crate) world: World,
    pub(crate) db: Db,
    pub(crate) models: Arc<FakeModels>,
    pub(crate) folder: PathBuf,
    _test_db: TestDb,
    _folder: tempfile::TempDir,
}

pub(crate) async fn places() -> Vec<Place> {
    let mut all = Vec::new();
    for test_db in TestDb::each(&[MIGRATIONS]).await {
        all.push(place(test_db));
    }
    all
}

/// One on SQLite, for what does not depend on the database.
pub(crate) async fn one_place() -> Place {
    place(TestDb::sqlite(&[MIGRATIONS]).await)
}

fn place(test_db: TestDb) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let models = Arc::new(FakeModels::default());
    for (version, factor) in [(1, 1.0), (2, 2.0), (3, 3.0)] {
        models.add(&format!("bikes/{version}"), linear(factor));
    }
    Place {
        world: World::new(),
        doors: Arc::new(Doors { models: Arc::clone(&models), ..Doors::default() }),
        db: test_db.db.clone(),
        models,
        folder: folder.path().join("log"),
        _test_db: test_db,
        _folder: folder,
    }
}

/// A running server. Dropping it without `stop` is a kill.
pub(crate) struct Server {
    pub(crate) serving: Arc<Serving>,
    pub(crate) world: World,
    pub(crate) db: Db,
    pub(crate) models: Arc<FakeModels>,
    metrics: prometheus::Registry,
    pump: Arc<Pump>,
    tasks: Tasks,
}

impl Place {
    pub(crate) async fn start(&self) -> Server {
        self.start_with(self.world.clock()).await
    }

    /// A server of which serving asks this clock.
    pub(crate) async fn start_with(&self, clock: Arc<dyn Clock>) -> Server {
        let metrics = prometheus::Registry::new();
        let parts = Parts {
            db: self.db.clone(),
            clock,
            ids: Arc::clone(&self.world.ids),
            engine: Arc::new(FakeEngine { clock: Some(self.world.clock.clone()) }),
            models: self.doors.clone(),
            log_folder: self.folder.clone(),
            metrics: metrics.clone(),
        };
        let serving = Arc::new(Serving::new(parts).unwrap());
        let tasks = Tasks::new();
        serving.start(&tasks).await.unwrap();
        let runner = Runner::new(self.db.clone(), self.world.clock(), "test".into(), jobs(&serving));
        tasks.spawn("jobs", Arc::new(runner).run(tasks.clone()));
        let pump = Arc::new(Pump::new(self.db.clone(), self.world.clock(), subscribers(&serving)));
        Server {
            serving,
            world: self.world.clone(),
            db: self.db.clone(),
            models: Arc::clone(&self.models),
            metrics,
            pump,
            tasks,
        }
    }

    /// A server whose deployment `bikes` serves version 1.
    pub(crate) async fn serving_one(&self, policy: Option<ReleasePolicy>) -> Server {
        let server = self.start().await;
        server.serve_one(policy).await;
        server
    }
}

pub(crate) fn name() -> DeploymentName {
    "bikes".parse().unwrap()
}

/// Steps of 10, 50 and 100 per cent, 24 samples each.
pub(crate) fn policy() -> ReleasePolicy {
    serde_json::from_value(json!({
        "candidate": "challenger", "steps": [10, 50, 100],
        "judge": { "metric": "absolute_error", "alpha": 0.05, "min_samples": 24, "paired": true, "margin": 0.0 },
        "guardrails": { "failure_rate": 0.01, "latency_ratio_p99": 5.0 },
    }))
    .unwrap()
}

impl Server {
    /// Lets the deployment `bikes` serve version 1.
    pub(crate) async fn serve_one(&self, policy: Option<ReleasePolicy>) {
        self.apply(policy).await;
        self.alias("champion", Some(1)).await;
    }

    /// What a counter without labels says on `/metrics`.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let text = prometheus::TextEncoder::new().encode_to_string(&self.metrics.gather()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
        line.parse().unwrap()
    }

    pub(crate) async fn apply(&self, policy: Option<ReleasePolicy>) -> Vec<Change> {
        let deployment = Deployment { model: "bikes".into(), alias: "champion".into(), release: policy };
        self.apply_all(vec![("bikes", deployment)]).await
    }

    pub(crate) async fn apply_all(&self, deployments: Vec<(&str, Deployment)>) -> Vec<Change> {
        let deployments = deployments.into_iter().map(|(name, each)| (name.to_owned(), each)).collect();
        let project: Project = serde_json::from_value(json!({ "project": "city" })).unwrap();
        let project = Project { deployments, ..project };
        let code = CodeSnapshot { digest: Digest::from_bytes([1; 32]), git_commit: None, files: vec![] };
        let (serving, world) = (Arc::clone(&self.serving), self.world.clone());
        let changes = self
            .db
            .write(move |tx| {
                let root = std::path::Path::new("/nowhere");
                serving.apply(tx, &Applying { out: world.out(), project: &project, root, code: &code })
            })
            .await
            .unwrap();
        self.rest().await;
        changes
    }

    /// Moves an alias as the registry does, and lets everything follow.
    pub(crate) async fn alias(&self, alias: &str, to: Option<i64>) {
        // Releases are listed by the time they began.
        self.world.clock.advance(std::time::Duration::from_millis(1));
        self.models.alias(&self.world, &self.db, "bikes", alias, to).await;
        self.rest().await;
    }

    /// Until no event is undelivered and no job is left.
    pub(crate) async fn rest(&self) {
        loop {
            let busy = self.serving.settle().await;
            self.pump.drain().await.unwrap();
            let now = self.world.clock.now();
            let left = self.db.read(move |tx| in_flight(tx, now)).await.unwrap();
            if busy.is_none() && left == (0, 0) && self.pump.lag().await.unwrap() == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Delivers what is stated, while callers go on: there is never rest.
    pub(crate) async fn rest_of_events(&self) {
        self.serving.settle().await;
        self.pump.drain().await.unwrap();
        tokio::task::yield_now().await;
    }

    pub(crate) async fn predict(&self, id: &str, at: Timestamp, x: f32) -> Result<Prediction> {
        self.predict_rows(id, at, vec![x]).await
    }

    pub(crate) async fn predict_rows(&self, id: &str, at: Timestamp, x: Vec<f32>) -> Result<Prediction> {
        let ask = Ask {
            deployment: "bikes",
            version: None,
            request_id: Some(id),
            event_time: Some(at),
            inputs: vec![("x", column(x))],
        };
        self.serving.predict(&self.world.ctx, ask).await
    }

    pub(crate) async fn label(&self, id: &str, value: f64) -> LabelCounts {
        self.labels(vec![(id.to_owned(), value)]).await
    }

    pub(crate) async fn labels(&self, labels: Vec<(String, f64)>) -> LabelCounts {
        let labels =
            labels.into_iter().map(|(request_id, value)| NewLabel { request_id, value, event_time: None }).collect();
        self.serving.add_labels(&self.world.ctx, &name(), labels).await.unwrap()
    }

    pub(crate) async fn slice(&self, from: Timestamp, to: Timestamp) -> LogSlice {
        self.serving.slice(&self.world.ctx, &name(), from, to, None).await.unwrap()
    }

    pub(crate) async fn releases(&self) -> Vec<Release> {
        let page = self.serving.list_releases(&self.world.ctx, None, &Default::default()).await.unwrap();
        page.items.into_iter().map(|(release, _)| release).collect()
    }

    pub(crate) async fn events(&self) -> Vec<Envelope> {
        self.db.read(|tx| events_after(tx, 0, 1_000)).await.unwrap()
    }

    pub(crate) async fn event_names(&self) -> Vec<String> {
        let log = "serving.log_advanced";
        self.events().await.into_iter().map(|event| event.name).filter(|name| name != log).collect()
    }

    /// A graceful stop.
    pub(crate) async fn stop(self) {
        self.serving.stop().await.unwrap();
        self.tasks.stop(std::time::Duration::from_secs(5)).await;
    }

    /// What a kill leaves: everything that was in a segment, nothing rolled, no farewell.
    pub(crate) async fn kill(self) {
        self.tasks.stop(std::time::Duration::from_secs(5)).await;
    }
}

pub(crate) fn column(x: Vec<f32>) -> Tensor {
    Tensor::new(vec![x.len() as i64, 1], TensorData::F32(x)).unwrap()
}

/// The first output's values.
pub(crate) fn values(prediction: &Prediction) -> Vec<f64> {
    prediction.outputs[0].1.data.to_f64().unwrap()
}
