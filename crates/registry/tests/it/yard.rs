//! A registry with everything around it, and offers of candidates as pipelines make them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pitcrew_blob::{Blobs, Options};
use pitcrew_columnar::{Column, ColumnType, Table, Value as Cell, read_parquet_file, write_parquet_file};
use pitcrew_contracts::event::Envelope;
use pitcrew_contracts::monitoring::References;
use pitcrew_contracts::names::{ModelName, ModelRef, PipelineRunId};
use pitcrew_contracts::pipelines::{Lineage, StepAction, StepCall, StepInput, StepOutcome, StepProbe};
use pitcrew_contracts::serving::LoadedModel;
use pitcrew_contracts::spec::{Change, Project};
use pitcrew_contracts::tracking::{ArtifactFile, ArtifactReader};
use pitcrew_db::{Db, Tx};
use pitcrew_kernel::{Ctx, Digest, Result};
use pitcrew_registry::{Evaluate, MIGRATIONS, Parts, Register, Registry, Report, Signer};
use pitcrew_testkit::{FakeEngine, TestDb, World};
use pitcrew_work::{Applying, CodeSnapshot, Declared as _, events_after};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const ROWS: i64 = 48;

pub(crate) struct Yard {
    pub(crate) world: World,
    pub(crate) registry: Arc<Registry>,
    pub(crate) blobs: Blobs,
    pub(crate) artifacts: Arc<FakeArtifacts>,
    test: TestDb,
    folder: TempDir,
}

/// What a pipeline run came to.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) run: PipelineRunId,
    pub(crate) report: Report,
    pub(crate) evaluated: StepOutcome,
    pub(crate) registered: StepOutcome,
}

/// Files under addresses.
#[derive(Debug, Default)]
pub(crate) struct FakeArtifacts(Mutex<HashMap<String, Vec<ArtifactFile>>>);

impl FakeArtifacts {
    pub(crate) fn put(&self, address: &str, path: &str, digest: Digest) {
        let file = ArtifactFile { path: path.to_owned(), digest, bytes: 7 };
        self.0.lock().unwrap().entry(address.to_owned()).or_default().push(file);
    }
}

#[async_trait]
impl ArtifactReader for FakeArtifacts {
    async fn list(&self, _ctx: &Ctx, address: &str) -> Result<Vec<ArtifactFile>> {
        Ok(self.0.lock().unwrap().get(address).cloned().unwrap_or_default())
    }

    async fn digest_of(&self, _ctx: &Ctx, _address: &str) -> Result<Option<ArtifactFile>> {
        Ok(None)
    }
}

/// A profile that counts the training rows.
struct Counting;

#[async_trait]
impl References for Counting {
    async fn build(&self, _model: Arc<dyn LoadedModel>, training: &Path) -> Result<Bytes> {
        Ok(format!("{} rows", read_parquet_file(training)?.rows()).into())
    }
}

/// `demand = 2 * (hour + temp)`, over some columns that no model needs.
fn rows() -> Table {
    let column = |kind: ColumnType, cell: &dyn Fn(i64) -> Cell<'static>| {
        let mut column = Column::new(kind);
        (0..ROWS).for_each(|row| column.push(cell(row)).unwrap());
        column
    };
    let temp = |row: i64| (row * 7 % 24) as f64 / 8.0;
    Table::from_columns(vec![
        ("ts".to_owned(), column(ColumnType::Timestamp, &|row| Cell::Timestamp(row * 3_600_000_000))),
        ("hour".to_owned(), column(ColumnType::Int, &|row| Cell::Int(row % 24 + 1))),
        ("temp".to_owned(), column(ColumnType::Float, &|row| Cell::Float(temp(row)))),
        ("note".to_owned(), column(ColumnType::String, &|_| Cell::Text("dry"))),
        ("demand".to_owned(), column(ColumnType::Float, &|row| Cell::Float(2.0 * ((row % 24 + 1) as f64 + temp(row))))),
    ])
    .unwrap()
}

/// A model that answers `factor * (hour + temp)`: 2 is perfect.
pub(crate) fn model(factor: f64) -> Value {
    json!({ "factor": factor, "inputs": [["hour", "FP32"], ["temp", "FP32"]] })
}

/// `wape` at most 0.3, and a mean absolute error at most 2 % worse than the champion's.
pub(crate) fn project() -> Value {
    json!({
        "project": "bikes",
        "models": { "bikes": {
            "description": "hourly demand",
            "gate": { "floors": [{ "metric": "wape", "max": 0.3 }], "champion": { "metric": "mae", "tolerance": 0.02 } },
        } },
    })
}

impl Yard {
    /// One for each kind of database, with the model `bikes` declared.
    pub(crate) async fn each() -> Vec<Self> {
        let mut yards = Vec::new();
        for test in TestDb::each(&[MIGRATIONS]).await {
            let yard = Self::over(test);
            yard.apply(project()).await;
            yards.push(yard);
        }
        yards
    }

    fn over(test: TestDb) -> Self {
        let (world, folder) = (World::new(), TempDir::new().unwrap());
        let blobs = Blobs::open(&Options::Local(folder.path().join("blobs")), world.clock()).unwrap();
        let artifacts = Arc::new(FakeArtifacts::default());
        let parts = Parts {
            db: test.db.clone(),
            blobs: blobs.clone(),
            clock: world.clock(),
            ids: world.ids.clone(),
            engine: Arc::new(FakeEngine::default()),
            signer: Arc::new(Signer::from_seed(&[7; 32])),
            references: Arc::new(Counting),
            artifacts: Arc::clone(&artifacts) as Arc<dyn ArtifactReader>,
        };
        Self { world, registry: Arc::new(Registry::new(parts)), blobs, artifacts, test, folder }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.test.db
    }

    pub(crate) fn name(&self) -> &'static str {
        self.test.name
    }

    pub(crate) fn ctx(&self) -> &Ctx {
        &self.world.ctx
    }

    /// Lets a second pass, so that ids sort as things happened.
    pub(crate) fn tick(&self) {
        self.world.clock.advance(Duration::from_secs(1));
    }

    pub(crate) async fn apply(&self, project: Value) -> Vec<Change> {
        let (registry, world) = (Arc::clone(&self.registry), self.world.clone());
        let applied = self.test.db.write(move |tx| declare(tx, &registry, &world, project));
        applied.await.unwrap()
    }

    /// The object file of a digest.
    pub(crate) fn object(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.folder.path().join("blobs/objects").join(&hex[..2]).join(hex)
    }

    /// One run of the pipeline with this model: `evaluate`, then `register` under the alias `challenger`.
    pub(crate) async fn offer(&self, model: Value) -> Offered {
        self.tick();
        let run = PipelineRunId::new(self.world.ids.as_ref());
        self.offer_as(run, model).await.unwrap()
    }

    pub(crate) async fn offer_as(&self, run: PipelineRunId, model: Value) -> Result<Offered> {
        let call = self.evaluate_call(run, &model).await;
        let report_file = call.output_dir.join("report.json");
        let evaluated = Evaluate(Arc::clone(&self.registry)).run(self.ctx(), call).await?;
        let report: Report = serde_json::from_slice(&std::fs::read(&report_file).unwrap()).unwrap();
        let call = self.register_call(run, &model, &report_file).await;
        let registered = Register(Arc::clone(&self.registry)).run(self.ctx(), call).await?;
        Ok(Offered { run, report, evaluated, registered })
    }

    pub(crate) async fn evaluate_call(&self, run: PipelineRunId, model: &Value) -> StepCall {
        let inputs = [("model", self.file(model.to_string().as_bytes()).await), ("holdout", self.table().await)];
        self.call(run, "evaluate", json!({ "model": "bikes", "target": "demand" }), inputs)
    }

    pub(crate) async fn register_call(&self, run: PipelineRunId, model: &Value, report: &Path) -> StepCall {
        let report = self.file(&std::fs::read(report).unwrap()).await;
        let mut model = self.file(model.to_string().as_bytes()).await;
        model.tracking_run_id = Some("8a".repeat(16));
        let inputs = [("model", model), ("report", report), ("reference", self.table().await)];
        self.call(run, "register", json!({ "model": "bikes", "alias": "challenger" }), inputs)
    }

    /// A file that a step wrote.
    pub(crate) fn output(&self, run: PipelineRunId, step: &str, name: &str) -> PathBuf {
        self.folder.path().join(format!("{run}-{step}")).join(name)
    }

    fn call<const N: usize>(
        &self,
        run: PipelineRunId,
        step: &str,
        with: Value,
        inputs: [(&str, StepInput); N],
    ) -> StepCall {
        let output_dir = self.output(run, step, "");
        std::fs::create_dir_all(&output_dir).unwrap();
        StepCall {
            run,
            step: step.parse().unwrap(),
            with: serde_json::from_value(with).unwrap(),
            inputs: inputs.into_iter().map(|(name, input)| (name.to_owned(), input)).collect(),
            output_dir,
            lineage: Lineage {
                dataset: Some("bikes@1".parse().unwrap()),
                dataset_digest: Some(Digest::from_bytes([1; 32])),
                code_digest: Digest::from_bytes([2; 32]),
                git_commit: None,
                environment_digest: None,
                pipeline_run: run,
                params: BTreeMap::from([("max_iter".to_owned(), json!(200))]),
            },
            cause: None,
        }
    }

    pub(crate) async fn file(&self, bytes: &[u8]) -> StepInput {
        let digest = self.blobs.put(bytes.to_vec()).await.unwrap();
        let path = self.folder.path().join(format!("input-{}", digest.hex()));
        std::fs::write(&path, bytes).unwrap();
        StepInput { path, digest, tracking_run_id: None }
    }

    pub(crate) async fn table(&self) -> StepInput {
        self.parquet(&rows()).await
    }

    pub(crate) async fn parquet(&self, table: &Table) -> StepInput {
        let path = self.folder.path().join("table.parquet");
        write_parquet_file(table, &path).unwrap();
        self.file(&std::fs::read(&path).unwrap()).await
    }

    /// What the cache of `evaluate` depends on for this candidate.
    pub(crate) async fn salt(&self, model: &Value) -> Option<String> {
        let digest = self.file(model.to_string().as_bytes()).await.digest;
        let probe = StepProbe {
            run: PipelineRunId::new(self.world.ids.as_ref()),
            step: "evaluate".parse().unwrap(),
            with: serde_json::from_value(json!({ "model": "bikes", "target": "demand" })).unwrap(),
            inputs: BTreeMap::from([("model".to_owned(), digest)]),
        };
        Evaluate(Arc::clone(&self.registry)).cache_salt(self.ctx(), &probe).await.unwrap()
    }

    pub(crate) async fn aliases(&self) -> BTreeMap<String, i64> {
        let model = self.registry.get_model(self.ctx(), &bikes()).await.unwrap();
        model.aliases.into_iter().map(|alias| (alias.alias.to_string(), alias.version)).collect()
    }

    /// Every event so far, as `name: summary`.
    pub(crate) async fn said(&self) -> Vec<String> {
        let events = self.events().await;
        events.into_iter().map(|event| format!("{}: {}", event.name, event.summary)).collect()
    }

    pub(crate) async fn events(&self) -> Vec<Envelope> {
        self.world.pump(self.db(), pitcrew_registry::subscribers(&self.registry)).await;
        self.test.db.read(|tx| events_after(tx, 0, 1_000)).await.unwrap()
    }
}

pub(crate) fn declare(tx: &mut Tx<'_>, registry: &Registry, world: &World, project: Value) -> Result<Vec<Change>> {
    let project: Project = serde_json::from_value(project).unwrap();
    let code = CodeSnapshot { digest: Digest::from_bytes([0; 32]), git_commit: None, files: Vec::new() };
    registry.apply(tx, &Applying { out: world.out(), project: &project, root: Path::new("/nowhere"), code: &code })
}

pub(crate) fn bikes() -> ModelName {
    "bikes".parse().unwrap()
}

pub(crate) fn version(number: i64) -> ModelRef {
    ModelRef { model: bikes(), version: number }
}
