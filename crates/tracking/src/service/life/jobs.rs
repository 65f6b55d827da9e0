//! What happens to runs without a caller waiting: removing in slices what was deleted for good, and applying rules of retention.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pitcrew_kernel::{Ctx, Error, Result, Timestamp};
use pitcrew_work::{Job, JobHandler, NewJob, enqueue};

use super::Retention;
use crate::limits::ROWS_PER_SLICE;
use crate::service::Tracking;
use crate::store;

/// Removes what is left of things removed for good, and runs that somebody began to bring in and left.
const PURGE_JOB: &str = "tracking.purge";
/// Applies an experiment's rule of retention; its schedule queues it.
pub const RETENTION_JOB: &str = "tracking.retention";
const TRIES: u32 = 8;
/// How long a run that is only half there waits for whoever brings it.
const DRAFT_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// The job handlers of this slice.
pub fn jobs(retention: &Arc<Retention>) -> Vec<Arc<dyn JobHandler>> {
    vec![Arc::new(Purge(Arc::clone(retention.tracking()))), Arc::new(Retain(Arc::clone(retention)))]
}

/// The job that removes what is left of things removed for good.
pub(super) fn purging(now: Timestamp) -> NewJob {
    NewJob {
        kind: PURGE_JOB,
        key: "gone".to_owned(),
        payload: serde_json::Value::Null,
        run_at: now,
        max_attempts: TRIES,
    }
}

/// The job that looks after a day whether somebody left a run half brought in.
pub(super) fn looking_after_drafts(now: Timestamp) -> NewJob {
    NewJob { key: "drafts".to_owned(), run_at: now.plus(DRAFT_PATIENCE), ..purging(now) }
}

/// Whose schedule it is that applies an experiment's rule.
pub(super) fn retention_owner(experiment_id: i64) -> String {
    format!("retention:{experiment_id}")
}

struct Purge(Arc<Tracking>);

#[async_trait]
impl JobHandler for Purge {
    fn kind(&self) -> &'static str {
        PURGE_JOB
    }

    /// One after the other: two would only wait for each other's rows.
    fn concurrency(&self) -> usize {
        1
    }

    async fn run(&self, _job: &Job) -> Result<()> {
        self.0.bury_left_drafts().await?;
        while self.0.purge_some().await? {}
        Ok(())
    }
}

impl Tracking {
    /// Runs that nobody has gone on bringing in for a day are removed like deleted ones; the others are looked at later.
    async fn bury_left_drafts(&self) -> Result<()> {
        let (now, ids) = (self.clock.now(), Arc::clone(&self.ids));
        let before_ms = now.minus(DRAFT_PATIENCE).millis();
        self.db
            .write(move |tx| {
                for (run_no, artifact_uri) in store::drafts::left_since(tx, before_ms, ROWS_PER_SLICE)? {
                    store::gone::bury(tx, run_no, &artifact_uri)?;
                    store::drafts::remove(tx, run_no)?;
                }
                match store::drafts::oldest(tx)? {
                    Some(oldest) => {
                        let job = looking_after_drafts(Timestamp::from_millis(oldest));
                        enqueue(tx, ids.as_ref(), now, &job)
                    }
                    None => Ok(()),
                }
            })
            .await
    }
}

struct Retain(Arc<Retention>);

#[async_trait]
impl JobHandler for Retain {
    fn kind(&self) -> &'static str {
        RETENTION_JOB
    }

    fn concurrency(&self) -> usize {
        1
    }

    async fn run(&self, job: &Job) -> Result<()> {
        let id = job.payload.get("experiment_id").and_then(serde_json::Value::as_i64);
        let id = id.ok_or_else(|| Error::internal("a job names no experiment", job.payload.to_string()))?;
        self.0.apply(&Ctx::system("tracking"), id).await
    }
}
