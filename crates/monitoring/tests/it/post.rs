//! A monitoring post over a log in memory: hours of predictions, labels that come when a test says so.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pitcrew_columnar::{Column, ColumnType, Table, Value as Cell, write_parquet_file};
use pitcrew_contracts::event::{Envelope, Event};
use pitcrew_contracts::monitoring::References as _;
use pitcrew_contracts::names::{AliasName, DeploymentName, ModelName, ModelRef, MonitorName};
use pitcrew_contracts::registry::{Models, ServableVersion};
use pitcrew_contracts::release::{InferenceLog, LogAdvanced, LogMark, LogSlice, LoggedPrediction, Role};
use pitcrew_contracts::serving::ModelEngine as _;
use pitcrew_contracts::spec::{Change, Project};
use pitcrew_db::{Db, Tx};
use pitcrew_kernel::{Ctx, Digest, Error, Result, Timestamp};
use pitcrew_monitoring::{MIGRATIONS, Monitoring, TrainingProfiles, Window};
use pitcrew_testkit::{FakeEngine, TestDb, World};
use pitcrew_work::{Applying, CodeSnapshot, Declared as _, events_after};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

/// The log of one deployment.
#[derive(Default)]
pub(crate) struct FakeLog {
    rows: Mutex<BTreeMap<i64, LoggedPrediction>>,
    champion: Mutex<Option<ModelRef>>,
    /// Rows that are read at once.
    pub(crate) most: Mutex<Option<usize>>,
}

#[async_trait]
impl InferenceLog for FakeLog {
    async fn slice(
        &self,
        _ctx: &Ctx,
        deployment: &DeploymentName,
        from: Timestamp,
        to: Timestamp,
        after: Option<&LogMark>,
    ) -> Result<LogSlice> {
        if deployment.as_str() != "bikes" {
            return Err(Error::not_found("DEPLOYMENT_NOT_FOUND", "there is no such deployment"));
        }
        let rows = self.rows.lock().unwrap();
        let mark = |row: &LoggedPrediction| LogMark { event_time: row.event_time, request_id: row.request_id.clone() };
        let within = |row: &&LoggedPrediction| {
            row.event_time >= from && row.event_time < to && after.is_none_or(|after| mark(row) > *after)
        };
        let most = self.most.lock().unwrap().unwrap_or(usize::MAX);
        let mut rest = rows.values().filter(within);
        let part: Vec<LoggedPrediction> = rest.by_ref().take(most).cloned().collect();
        let next = rest.next().and(part.last().map(mark));
        Ok(LogSlice { features: vec!["hour".into(), "temp".into()], rows: part, next })
    }

    async fn watermark(&self, _ctx: &Ctx, _deployment: &DeploymentName) -> Result<Option<Timestamp>> {
        Ok(self.rows.lock().unwrap().values().map(|row| row.event_time).max())
    }

    async fn champion(&self, _ctx: &Ctx, _deployment: &DeploymentName) -> Result<Option<ModelRef>> {
        Ok(self.champion.lock().unwrap().clone())
    }
}

/// The training profiles of versions.
#[derive(Default)]
pub(crate) struct Profiles(Mutex<HashMap<ModelRef, Bytes>>);

#[async_trait]
impl Models for Profiles {
    async fn resolve(&self, _ctx: &Ctx, _model: &ModelName, _alias: &AliasName) -> Result<Option<ServableVersion>> {
        Ok(None)
    }

    async fn version(&self, _ctx: &Ctx, version: &ModelRef) -> Result<ServableVersion> {
        Err(Error::not_found("MODEL_VERSION_NOT_FOUND", format!("there is no {version}")))
    }

    async fn bytes(&self, _ctx: &Ctx, version: &ModelRef) -> Result<Bytes> {
        Err(Error::not_found("MODEL_VERSION_NOT_FOUND", format!("there is no {version}")))
    }

    async fn reference(&self, _ctx: &Ctx, version: &ModelRef) -> Result<Option<Bytes>> {
        match self.0.lock().unwrap().get(version) {
            Some(bytes) => Ok(Some(bytes.clone()).filter(|bytes| !bytes.is_empty())),
            None => Err(Error::not_found("MODEL_VERSION_NOT_FOUND", format!("there is no {version}"))),
        }
    }

    async fn may_be(&self, _ctx: &Ctx, _version: &ModelRef, _alias: &AliasName) -> Result<()> {
        Ok(())
    }
}

pub(crate) struct Post {
    pub(crate) world: World,
    pub(crate) monitoring: Arc<Monitoring>,
    pub(crate) log: Arc<FakeLog>,
    profiles: Arc<Profiles>,
    test: TestDb,
}

/// The start of event time.
pub(crate) fn hour(hours: i64) -> Timestamp {
    let base: Timestamp = "2011-01-01T00:00:00Z".parse().unwrap();
    base.plus(HOUR * u32::try_from(hours).unwrap())
}

/// Something between 0 and 1 that differs from hour to hour, and is the same each time.
fn noise(hours: i64, salt: u64) -> f64 {
    let mut x = (hours as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD1B5_4A32_D192_ED03);
    x = (x ^ (x >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    ((x ^ (x >> 32)) >> 11) as f64 / (1u64 << 53) as f64
}

/// The features of an hour: the hour of day, and a temperature from 15 to 25, in sixty-fourths so that sums are exact.
pub(crate) fn features(hours: i64) -> Vec<f64> {
    vec![(hours % 24 + 1) as f64, 15.0 + (640.0 * noise(hours, 1)).floor() / 64.0]
}

/// A day of windows of a day, labels a day later, a mean absolute error of at most 10.
pub(crate) fn project() -> Value {
    json!({
        "project": "bikes",
        "monitors": { "bikes": {
            "deployment": "bikes", "every": "1d", "window": "1d", "label_delay": "1d", "min_samples": 12,
            "objectives": [{ "metric": "mae", "max": 10.0 }],
        } },
        "alerts": { "bikes-error": {
            "monitor": "bikes", "metric": "mae", "for": 2, "action": { "run": "train", "cooldown": "3d" },
        } },
    })
}

impl Post {
    /// One for each kind of database, with [`project`] applied and `bikes/1` in charge, of which no profile is kept.
    pub(crate) async fn each() -> Vec<Self> {
        let mut posts = Vec::new();
        for test in TestDb::each(&[MIGRATIONS]).await {
            posts.push(Self::over(test).await);
        }
        posts
    }

    pub(crate) async fn over(test: TestDb) -> Self {
        let (world, log, profiles) = (World::new(), Arc::new(FakeLog::default()), Arc::new(Profiles::default()));
        let monitoring = Arc::new(Monitoring::new(
            test.db.clone(),
            world.clock(),
            world.ids.clone(),
            Arc::clone(&log) as Arc<dyn InferenceLog>,
            Arc::clone(&profiles) as Arc<dyn Models>,
        ));
        *log.champion.lock().unwrap() = Some("bikes/1".parse().unwrap());
        let post = Self { world, monitoring, log, profiles, test };
        post.apply(project()).await;
        post
    }

    pub(crate) fn db(&self) -> &Db {
        &self.test.db
    }

    pub(crate) fn name(&self) -> &'static str {
        self.test.name
    }

    pub(crate) async fn apply(&self, project: Value) -> Vec<Change> {
        let (monitoring, world) = (Arc::clone(&self.monitoring), self.world.clone());
        self.test.db.write(move |tx| declare(tx, &monitoring, &world, project)).await.unwrap()
    }

    /// Freezes the profile of sixty days of [`features`] for `bikes/<version>`, of a model that answers twice their sum.
    pub(crate) async fn train(&self, version: i64) {
        let column = |kind: ColumnType, value: &dyn Fn(i64) -> f64| {
            let mut column = Column::new(kind);
            (10_000..11_440).for_each(|hours| column.push(Cell::Float(value(hours))).unwrap());
            column
        };
        let table = Table::from_columns(vec![
            ("hour".to_owned(), column(ColumnType::Float, &|hours| features(hours)[0])),
            ("temp".to_owned(), column(ColumnType::Float, &|hours| features(hours)[1])),
        ])
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.parquet");
        write_parquet_file(&table, &path).unwrap();
        let model = json!({ "factor": 2.0, "inputs": [["hour", "FP32"], ["temp", "FP32"]] });
        let loaded = FakeEngine::default().load(model.to_string().as_bytes()).unwrap();
        let profile = TrainingProfiles.build(loaded, &path).await.unwrap();
        self.profiles.0.lock().unwrap().insert(ModelRef { model: "bikes".parse().unwrap(), version }, profile);
    }

    /// Keeps `bikes/<version>` without a profile.
    pub(crate) fn register_without_profile(&self, version: i64) {
        self.profiles.0.lock().unwrap().insert(ModelRef { model: "bikes".parse().unwrap(), version }, Bytes::new());
    }

    pub(crate) fn champion(&self, version: Option<&str>) {
        *self.log.champion.lock().unwrap() = version.map(|version| version.parse().unwrap());
    }

    /// Predictions of version 1 for these hours, changed as the test likes.
    pub(crate) fn log_rows(&self, hours: Range<i64>, change: impl Fn(i64, &mut LoggedPrediction)) {
        let mut rows = self.log.rows.lock().unwrap();
        for at in hours {
            let features = features(at);
            let mut row = LoggedPrediction {
                request_id: format!("r{at}"),
                event_time: hour(at),
                version: 1,
                role: Role::Served,
                failed: false,
                prediction: 2.0 * features.iter().sum::<f64>(),
                features,
                label: None,
            };
            change(at, &mut row);
            rows.insert(at, row);
        }
    }

    /// Labels these hours, off by `error`.
    pub(crate) fn label_rows(&self, hours: impl IntoIterator<Item = i64>, error: f64) {
        let mut rows = self.log.rows.lock().unwrap();
        for at in hours {
            let row = rows.get_mut(&at).unwrap();
            row.label = Some(row.prediction + error);
        }
    }

    /// Predictions for these hours, and the loop goes on.
    pub(crate) async fn predict(&self, hours: Range<i64>) {
        self.log_rows(hours.clone(), |_, _| {});
        self.advanced(hours).await;
    }

    /// Predictions for these hours whose labels are there at once, off by `error`.
    pub(crate) async fn observe(&self, hours: Range<i64>, error: f64) {
        self.log_rows(hours.clone(), |_, _| {});
        self.label_rows(hours.clone(), error);
        self.advanced(hours).await;
    }

    /// Labels for these hours, and the loop goes on.
    pub(crate) async fn label(&self, hours: Range<i64>, error: f64) {
        self.label_rows(hours.clone(), error);
        self.advanced(hours).await;
    }

    /// Something has changed within these hours.
    pub(crate) async fn advanced(&self, hours: Range<i64>) {
        let watermark = self.log.rows.lock().unwrap().values().map(|row| row.event_time).max().unwrap();
        let (from, to) = (hour(hours.start), hour(hours.end - 1));
        let deployment = "bikes".parse().unwrap();
        self.state(LogAdvanced { deployment, from, to, watermark, predictions: 1, labels: 1 }).await;
        self.judge().await;
    }

    pub(crate) async fn state(&self, event: impl Event) {
        self.world.clock.advance(Duration::from_secs(1));
        let world = self.world.clone();
        self.test.db.write(move |tx| tx.emit(world.out(), &event)).await.unwrap();
        self.pump().await;
    }

    pub(crate) async fn pump(&self) {
        self.world.pump(self.db(), pitcrew_monitoring::subscribers(&self.monitoring)).await;
    }

    /// Does what the queued job does, until nothing is left to judge.
    pub(crate) async fn judge(&self) {
        for _ in 0..20 {
            let more = self.monitoring.evaluate_due(&self.world.ctx, &monitor()).await.unwrap();
            self.pump().await;
            if !more {
                return;
            }
        }
        panic!("judging comes to no end");
    }

    pub(crate) async fn windows(&self) -> Vec<Window> {
        let ever = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
        self.monitoring.list_windows(&self.world.ctx, &monitor(), ever, 10_000).await.unwrap()
    }

    /// Each window as `day state revision labels`.
    pub(crate) async fn verdicts(&self) -> Vec<String> {
        let day = |window: &Window| window.end.since(hour(0)).as_secs() / 86_400;
        let say = |w: &Window| format!("{} {} {} {}", day(w), w.state.as_str(), w.revision, w.labels);
        self.windows().await.iter().map(say).collect()
    }

    pub(crate) async fn events(&self) -> Vec<Envelope> {
        self.test.db.read(|tx| events_after(tx, 0, 10_000)).await.unwrap()
    }

    /// What monitoring itself said, as `name: summary`.
    pub(crate) async fn said(&self) -> Vec<String> {
        let own =
            |event: &Envelope| event.name.strip_prefix("monitoring.").map(|name| format!("{name}: {}", event.summary));
        self.events().await.iter().filter_map(own).collect()
    }
}

pub(crate) fn declare(tx: &mut Tx<'_>, monitoring: &Monitoring, world: &World, project: Value) -> Result<Vec<Change>> {
    let project: Project = serde_json::from_value(project).unwrap();
    let code = CodeSnapshot { digest: Digest::from_bytes([0; 32]), git_commit: None, files: Vec::new() };
    monitoring.apply(tx, &Applying { out: world.out(), project: &project, root: Path::new("/nowhere"), code: &code })
}

pub(crate) fn monitor() -> MonitorName {
    "bikes".parse().unwrap()
}
