//! What becomes of runs after they were logged, on both databases.

mod brought;
mod changed;
mod gone;
mod kept;
mod killed;
mod moved;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use pitcrew_contracts::tracking::RunUses;
use pitcrew_kernel::{Ctx, Result};
use pitcrew_testkit::run_jobs;
use pitcrew_tracking::{Batch, Dataset, DatasetInput, Metric, ModelOutput, NewRun, Retention, jobs};

use crate::Place;

/// The runs that somebody needs.
#[derive(Default)]
pub(crate) struct Needed(pub(crate) Mutex<HashSet<String>>);

#[async_trait]
impl RunUses for Needed {
    async fn used(&self, _ctx: &Ctx, run_ids: HashSet<String>) -> Result<HashSet<String>> {
        Ok(self.0.lock().unwrap().intersection(&run_ids).cloned().collect())
    }
}

impl Place {
    /// Rules over this tracking, where nobody needs a run.
    pub(crate) fn retention(&self) -> Arc<Retention> {
        self.retention_with(Arc::default())
    }

    fn retention_with(&self, needed: Arc<Needed>) -> Arc<Retention> {
        Arc::new(Retention::new(Arc::clone(&self.tracking), needed))
    }

    async fn work(&self) {
        run_jobs(&self.world, &self.db.db, jobs(&self.retention())).await;
    }

    /// The name of a run by id.
    async fn names(&self, ids: &[String]) -> Vec<String> {
        let mut names = Vec::new();
        for id in ids {
            names.push(self.tracking.run(&self.world.ctx, id).await.unwrap().info.name);
        }
        names.sort();
        names
    }

    /// A run with a little of everything.
    async fn full(&self, experiment: i64, name: &str, points: i64) -> String {
        Box::pin(self.fill(experiment, name, points)).await
    }

    async fn fill(&self, experiment: i64, name: &str, points: i64) -> String {
        let (tracking, ctx) = (&self.tracking, &self.world.ctx);
        let run = self.run(experiment, name).await.info.run_id;
        for first in (0..points).step_by(900) {
            let metrics = (first..points.min(first + 900)).map(|step| Metric::new("loss", step as f64, 5 + step, step));
            tracking.log_batch(ctx, &run, Batch { metrics: metrics.collect(), ..Batch::default() }).await.unwrap();
        }
        tracking.log_metric(ctx, &run, Metric::new("a/b", f64::NAN, 5, 1)).await.unwrap();
        tracking.log_metric(ctx, &run, Metric::new("a/b", f64::INFINITY, 5, 0)).await.unwrap();
        tracking.log_param(ctx, &run, "p", "1").await.unwrap();
        tracking.set_tag(ctx, &run, "t", "x").await.unwrap();
        tracking.log_inputs(ctx, &run, vec![input("bikes")], vec!["m-1".to_owned()]).await.unwrap();
        tracking.log_outputs(ctx, &run, vec![ModelOutput { model_id: "m-2".to_owned(), step: 3 }]).await.unwrap();
        for path in ["model/MLmodel", "model/data/a.bin", "notes.txt"] {
            self.file(experiment, &run, path).await;
        }
        run
    }

    async fn file(&self, experiment: i64, run: &str, path: &str) {
        let path = format!("{experiment}/{run}/artifacts/{path}").parse().unwrap();
        let mut upload = self.tracking.upload_artifact(&self.world.ctx, path).await.unwrap();
        upload.write(Bytes::from(run.to_owned())).await.unwrap();
        self.tracking.finish_artifact(&self.world.ctx, upload).await.unwrap();
    }

    async fn nested(&self, experiment: i64, name: &str, parent: &str) -> String {
        let tags = vec![("mlflow.parentRunId".to_owned(), parent.to_owned())];
        let new = NewRun { experiment_id: Some(experiment), name: Some(name.to_owned()), tags, ..NewRun::default() };
        self.tracking.create_run(&self.world.ctx, new).await.unwrap().info.run_id
    }

    /// How many rows each table of this slice has, without those that are empty.
    async fn rows(&self) -> BTreeMap<&'static str, i64> {
        const TABLES: &[&str] = &[
            "runs",
            "points",
            "latest",
            "params",
            "tags",
            "inputs",
            "input_tags",
            "run_models",
            "datasets",
            "artifacts",
            "models",
            "model_params",
            "gone_runs",
            "gone_experiments",
            "drafts",
            "retention",
            "experiment_tags",
        ];
        let count = |tx: &mut pitcrew_db::Tx<'_>| {
            let mut found = BTreeMap::new();
            for table in TABLES {
                let rows = tx.one(&format!("SELECT count(*) FROM tracking_{table}"), &[], |row| row.int(0))?;
                if rows > 0 {
                    found.insert(*table, rows);
                }
            }
            Ok(found)
        };
        self.db.db.read(count).await.unwrap()
    }
}

fn input(name: &str) -> DatasetInput {
    let dataset = Dataset {
        name: name.to_owned(),
        digest: "d1".to_owned(),
        source_type: "local".to_owned(),
        source: "{}".to_owned(),
        schema: None,
        profile: None,
    };
    DatasetInput { dataset, tags: BTreeMap::from([("mlflow.data.context".to_owned(), "training".to_owned())]) }
}
