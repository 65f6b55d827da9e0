//! Tracking on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod alerts;
mod artifacts;
mod authz;
mod changes;
mod experiments;
mod life;
mod models;
mod points;
mod routes;
mod run_routes;
mod runs;
mod search;
mod search_laws;
mod search_many;
mod tracker;

use std::sync::Arc;

use pitcrew_blob::{Blobs, Options};
use pitcrew_testkit::{TestDb, World};
use pitcrew_tracking::{MIGRATIONS, NewExperiment, NewRun, Run, Tracking};

/// A tracking service over a fresh database.
struct Place {
    world: World,
    tracking: Arc<Tracking>,
    db: TestDb,
    _folder: tempfile::TempDir,
}

impl Place {
    /// One for each kind of database.
    async fn each() -> Vec<Self> {
        TestDb::each(&[MIGRATIONS]).await.into_iter().map(Self::over).collect()
    }

    /// One over SQLite, for what no database has a say in.
    async fn one() -> Self {
        Self::over(TestDb::sqlite(&[MIGRATIONS]).await)
    }

    fn over(db: TestDb) -> Self {
        let world = World::new();
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&Options::Local(folder.path().to_owned()), world.clock()).unwrap();
        let tracking = Arc::new(Tracking::new(db.db.clone(), world.clock(), Arc::clone(&world.ids), blobs));
        Self { world, tracking, db, _folder: folder }
    }

    /// An experiment of this name.
    async fn experiment(&self, name: &str) -> i64 {
        let new = NewExperiment { name: name.to_owned(), ..NewExperiment::default() };
        self.tracking.create_experiment(&self.world.ctx, new).await.unwrap().id
    }

    /// Who stated what, in order.
    async fn said(&self) -> Vec<String> {
        self.world.pump(&self.db.db, Vec::new()).await;
        let events = self.db.db.read(|tx| pitcrew_work::events_after(tx, 0, 1_000)).await.unwrap();
        events.into_iter().map(|event| format!("{}: {}", event.actor, event.summary)).collect()
    }

    /// A run of this name.
    async fn run(&self, experiment: i64, name: &str) -> Run {
        let new = NewRun { experiment_id: Some(experiment), name: Some(name.to_owned()), ..NewRun::default() };
        self.tracking.create_run(&self.world.ctx, new).await.unwrap()
    }
}
