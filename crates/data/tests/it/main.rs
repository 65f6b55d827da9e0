//! Data sets from files to versions, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod bad_input;
mod declared;
mod ports;
mod refresh;
mod routes;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pitcrew_blob::{Blobs, Options};
use pitcrew_contracts::event::Envelope;
use pitcrew_contracts::names::DatasetName;
use pitcrew_contracts::spec::{Change, Dataset, Project};
use pitcrew_data::{Data, MIGRATIONS, Refreshed};
use pitcrew_db::Db;
use pitcrew_kernel::{Digest, Result};
use pitcrew_testkit::{TestDb, World};
use pitcrew_work::{Applying, CodeSnapshot, Declared as _, events_after};
use tempfile::TempDir;

/// A project folder, the slice and a database.
struct Lab {
    world: World,
    data: Arc<Data>,
    blobs: Blobs,
    test: TestDb,
    project: TempDir,
    _objects: TempDir,
}

const CHECKS: &str = r#"[
    {"rows": {"min": 3}},
    {"column": "ts", "not_null": true, "unique": true},
    {"column": "cnt", "not_null": true, "range": {"min": 0, "max": 20000}},
    {"column": ["temp", "hum"], "nulls": {"max_fraction": 0.05}, "range": {"min": 0, "max": 1}},
    {"column": "weathersit", "one_of": [1, 2, 3, 4], "severity": "warn"}
]"#;

impl Lab {
    /// One for each kind of database, with the data set `bikes` declared over `data/*.csv`.
    async fn each() -> Vec<Self> {
        let mut labs = Vec::new();
        for test in TestDb::each(&[MIGRATIONS]).await {
            let lab = Self::over(test);
            lab.declare(bikes()).await.unwrap();
            labs.push(lab);
        }
        labs
    }

    fn over(test: TestDb) -> Self {
        let world = World::new();
        let objects = TempDir::new().unwrap();
        let blobs = Blobs::open(&Options::Local(objects.path().to_owned()), world.clock()).unwrap();
        let data = Arc::new(Data::new(test.db.clone(), world.clock(), Arc::clone(&world.ids), blobs.clone()));
        let project = TempDir::new().unwrap();
        std::fs::create_dir(project.path().join("data")).unwrap();
        Self { world, data, blobs, test, project, _objects: objects }
    }

    fn db(&self) -> &Db {
        &self.test.db
    }

    /// Applies a project that declares `bikes` like this.
    async fn declare(&self, spec: Dataset) -> Result<Vec<Change>> {
        self.apply(BTreeMap::from([("bikes".to_owned(), spec)]), self.project.path()).await
    }

    async fn apply(&self, datasets: BTreeMap<String, Dataset>, root: &Path) -> Result<Vec<Change>> {
        let (world, data, root) = (self.world.clone(), Arc::clone(&self.data), root.to_owned());
        let mut project: Project = serde_json::from_str(r#"{"project": "city"}"#).unwrap();
        project.datasets = datasets;
        let code = CodeSnapshot { digest: Digest::from_bytes([0; 32]), git_commit: None, files: Vec::new() };
        self.db()
            .write(move |tx| {
                let applying = Applying { out: world.out(), project: &project, root: &root, code: &code };
                data.apply(tx, &applying)
            })
            .await
    }

    async fn refresh(&self) -> Result<Refreshed> {
        self.data.refresh(&self.world.ctx, &name(), false).await
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.project.path().join("data").join(file), text).unwrap();
    }

    /// Moves the clock so far that files written before count as old.
    fn much_later(&self) {
        self.world.clock.advance(Duration::from_secs(50 * 365 * 86_400));
    }

    async fn events(&self) -> Vec<Envelope> {
        self.world.pump(self.db(), Vec::new()).await;
        self.db().read(|tx| events_after(tx, 0, 1_000)).await.unwrap()
    }

    async fn event_names(&self) -> Vec<String> {
        self.events().await.into_iter().map(|event| event.name).collect()
    }

    async fn versions(&self) -> Vec<i64> {
        let page = self.data.versions(&self.world.ctx, &name(), &Default::default()).await.unwrap();
        page.items.iter().map(|version| version.version).collect()
    }
}

fn name() -> DatasetName {
    "bikes".parse().unwrap()
}

fn bikes() -> Dataset {
    Dataset {
        description: "One row an hour".to_owned(),
        source: "data/*.csv".to_owned(),
        time: Some("ts".to_owned()),
        checks: serde_json::from_str(CHECKS).unwrap(),
    }
}

/// Hours of a day in `month`, as CSV.
fn hours(month: u32, rows: u32) -> String {
    let mut text = String::from("ts,temp,hum,weathersit,cnt\n");
    for row in 0..rows {
        let (day, hour) = (row / 24 + 1, row % 24);
        let share = f64::from(row % 10) / 10.0;
        writeln!(text, "2011-{month:02}-{day:02} {hour:02}:00:00,{share},0.5,{},{}", row % 4 + 1, 16 + row).unwrap();
    }
    text
}
