//! Applying projects and running jobs without a server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pitcrew_contracts::spec::{Change, Project};
use pitcrew_db::Db;
use pitcrew_kernel::{Clock as _, Digest};
use pitcrew_work::{Applying, CodeSnapshot, Declared, JobHandler, Runner, Tasks, in_flight};

use crate::World;

const PATIENCE: Duration = Duration::from_secs(5);

/// Lets a slice make of a project what is declared in it.
pub async fn apply(world: &World, db: &Db, slice: Arc<dyn Declared>, project: Project) -> Vec<Change> {
    let world = world.clone();
    let code = CodeSnapshot { digest: Digest::from_bytes([1; 32]), git_commit: None, files: Vec::new() };
    db.write(move |tx| {
        let root = Path::new("/nowhere");
        slice.apply(tx, &Applying { out: world.out(), project: &project, root, code: &code })
    })
    .await
    .expect("the project applies")
}

/// Runs jobs until none is due.
pub async fn run_jobs(world: &World, db: &Db, handlers: Vec<Arc<dyn JobHandler>>) {
    let tasks = Tasks::new();
    let runner = Runner::new(db.clone(), world.clock(), "test".to_owned(), handlers);
    tasks.spawn("jobs", Arc::new(runner).run(tasks.clone()));
    let now = world.clock.now();
    while db.read(move |tx| in_flight(tx, now)).await.expect("a count of jobs") != (0, 0) {
        tokio::task::yield_now().await;
    }
    tasks.stop(PATIENCE).await;
}
