//! After a crash: what still runs for a server that is gone is ended, and every unfinished run goes on.

use pitcrew_kernel::Result;
use tracing::info;

use crate::model::{RunState, StepState};
use crate::process::{kill_group, owned_by_the_dead};
use crate::service::Pipelines;
use crate::store::processes::Recorded;
use crate::store::{processes, runs, steps};

/// What a recovery found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Orphaned processes that were ended.
    pub processes: usize,
    /// Runs that go on.
    pub runs: usize,
}

impl Pipelines {
    /// Ends orphaned processes and queues the work of every unfinished run again. Call it once at start, before jobs run.
    ///
    /// Work that another server on the same database has in hand is left alone: its processes have a living owner, and a job that finds its
    /// step done does nothing.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn recover(&self) -> Result<Recovered> {
        let (recorded, active) = self.db.read(|tx| Ok((processes::all(tx)?, runs::all_active(tx)?))).await?;
        if recorded.is_empty() && active.is_empty() {
            return Ok(Recovered::default());
        }
        let ids = active.iter().map(|run| run.id).collect::<Vec<_>>();
        let found = tokio::task::spawn_blocking(move || {
            let orphans: Vec<Recorded> = recorded.into_iter().filter(|record| !record.owner.is_alive()).collect();
            let ended =
                orphans.iter().filter(|orphan| orphan.process.is_alive() && kill_group(&orphan.process)).count();
            let strays = owned_by_the_dead(&ids);
            (orphans, ended.max(strays))
        });
        let (orphans, ended) =
            found.await.map_err(|source| pitcrew_kernel::Error::internal("looking for orphans failed", source))?;
        let book = self.book.clone();
        let count = active.len();
        self.db
            .write(move |tx| {
                for orphan in &orphans {
                    processes::remove(tx, orphan.run, &orphan.step)?;
                }
                for run in &active {
                    if !run.prepared {
                        book.enqueue_run(tx, run.id)?;
                        continue;
                    }
                    for step in steps::of_run(tx, run.id)? {
                        if run.state == RunState::Running && matches!(step.state, StepState::Ready | StepState::Running)
                        {
                            book.enqueue_step(tx, &step, book.clock.now())?;
                        }
                    }
                }
                Ok(())
            })
            .await?;
        if count > 0 {
            info!(runs = count, processes = ended, "unfinished runs go on");
        }
        Ok(Recovered { processes: ended, runs: count })
    }
}
