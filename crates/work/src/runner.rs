//! Takes jobs from the queue and runs them.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use pitcrew_db::{Db, Signal};
use pitcrew_kernel::{Clock, Error, Result};
use tracing::{error, warn};

use crate::jobs::{self, Job};
use crate::tasks::Tasks;

/// How long a claimed job belongs to its process without a sign of life.
const LEASE: Duration = Duration::from_secs(30);
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A lost wake-up costs this much, not correctness.
const POLL: Duration = Duration::from_secs(2);
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LAST_BACKOFF: Duration = Duration::from_secs(300);

/// Does one kind of job.
#[async_trait]
pub trait JobHandler: Send + Sync {
    /// The kind of job it takes.
    fn kind(&self) -> &'static str;
    /// How many of them may run at once in this process.
    fn concurrency(&self) -> usize;
    /// Whether the loop is not at rest while a failed job of this kind is tried again. Not so where it depends on others' machines, which may
    /// be away for long.
    fn retries_are_under_way(&self) -> bool {
        true
    }
    /// Does the job. Called at least once: the effect must be idempotent by the job's key.
    ///
    /// # Errors
    /// Anything; the job is tried again after a while, unless its tries are used up.
    async fn run(&self, job: &Job) -> Result<()>;
    /// Hears that a job was given up.
    async fn gave_up(&self, job: &Job, error: &Error) {
        error!(kind = job.kind, key = job.key, error = ?error, "a job was given up");
    }
}

/// The job runner of one process.
pub struct Runner {
    db: Db,
    clock: Arc<dyn Clock>,
    owner: String,
    handlers: Vec<Arc<dyn JobHandler>>,
    busy: Mutex<HashMap<&'static str, usize>>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("owner", &self.owner)
            .field("handlers", &self.handlers.len())
            .finish_non_exhaustive()
    }
}

impl Runner {
    /// A runner with these handlers. `owner` names this process among all that share the database.
    pub fn new(db: Db, clock: Arc<dyn Clock>, owner: String, handlers: Vec<Arc<dyn JobHandler>>) -> Self {
        Self { db, clock, owner, handlers, busy: Mutex::default() }
    }

    /// Runs jobs until the server stops; jobs under way are then left to their leases.
    pub async fn run(self: Arc<Self>, tasks: Tasks) {
        let token = tasks.token();
        while !token.is_cancelled() {
            let wait = match self.start_some(&tasks).await {
                Ok(wait) => wait,
                Err(error) => {
                    warn!(error = ?error, "jobs cannot be taken now; trying again");
                    POLL
                }
            };
            tokio::select! {
                () = self.db.raised(Signal::Jobs) => {}
                () = self.clock.sleep(wait) => {}
                () = token.cancelled() => {}
            }
        }
    }

    /// Claims what may run now and starts it; answers how long to wait for the next.
    async fn start_some(self: &Arc<Self>, tasks: &Tasks) -> Result<Duration> {
        let mut hungry = Vec::new();
        for handler in &self.handlers {
            let free = handler.concurrency().saturating_sub(self.running(handler.kind()));
            if free == 0 {
                continue;
            }
            let (kind, owner, now) = (handler.kind(), self.owner.clone(), self.clock.now());
            let claimed = self.db.write(move |tx| jobs::claim(tx, kind, free, &owner, now, LEASE)).await?;
            if claimed.len() < free {
                hungry.push(kind);
            }
            for job in claimed {
                let (slot, handler) = (Slot::take(self, kind), Arc::clone(handler));
                tasks.spawn("job", async move { slot.runner.one(handler.as_ref(), &job).await });
            }
        }
        // A kind that is busy to its limit is looked at again when one of its jobs ends.
        let due = self.db.read(move |tx| jobs::next_due(tx, &hungry)).await?;
        Ok(due.map_or(POLL, |due| due.since(self.clock.now()).clamp(Duration::from_millis(1), POLL)))
    }

    async fn one(&self, handler: &dyn JobHandler, job: &Job) {
        let result = tokio::select! {
            result = AssertUnwindSafe(handler.run(job)).catch_unwind() => result.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))),
            () = self.keep_alive(job) => {
                // Whoever took it over decides how it ends.
                return warn!(kind = job.kind, key = job.key, "a job was taken over by another process and is abandoned here");
            }
        };
        let settled = match result {
            Ok(()) => {
                let (id, owner) = (job.id, self.owner.clone());
                self.db.write(move |tx| jobs::finish(tx, id, &owner)).await
            }
            Err(error) => self.failed(handler, job, error).await,
        };
        if let Err(error) = settled {
            warn!(kind = job.kind, key = job.key, error = ?error, "a job's end cannot be recorded; its lease will run out");
        }
    }

    async fn failed(&self, handler: &dyn JobHandler, job: &Job, error: Error) -> Result<()> {
        let last = job.attempt >= job.max_attempts;
        if last && !self.queued_again(job).await? {
            handler.gave_up(job, &error).await;
        } else {
            warn!(kind = job.kind, key = job.key, attempt = job.attempt, error = ?error, "a job failed and will be tried again");
        }
        let retry_at = (!last).then(|| self.clock.now().plus(backoff(job.attempt)));
        let (job, owner) = (job.clone(), self.owner.clone());
        self.db.write(move |tx| jobs::fail(tx, &job, &owner, &format!("{error:?}"), retry_at)).await
    }

    async fn queued_again(&self, job: &Job) -> Result<bool> {
        let (id, owner) = (job.id, self.owner.clone());
        self.db.read(move |tx| jobs::queued_again(tx, id, &owner)).await
    }

    /// Renews the lease for ever; completes only when it is lost.
    async fn keep_alive(&self, job: &Job) {
        loop {
            self.clock.sleep(HEARTBEAT).await;
            let (id, owner, until) = (job.id, self.owner.clone(), self.clock.now().plus(LEASE));
            match self.db.write(move |tx| jobs::renew(tx, id, &owner, until)).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => warn!(kind = job.kind, error = ?error, "a lease cannot be renewed now"),
            }
        }
    }

    fn running(&self, kind: &'static str) -> usize {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).get(kind).copied().unwrap_or(0)
    }

    fn change(&self, kind: &'static str, by: isize) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let count = busy.entry(kind).or_default();
        *count = count.saturating_add_signed(by);
    }
}

/// One of the jobs a kind may run at once; given back when it is dropped, however the job ended.
struct Slot {
    runner: Arc<Runner>,
    kind: &'static str,
}

impl Slot {
    fn take(runner: &Arc<Runner>, kind: &'static str) -> Self {
        runner.change(kind, 1);
        Self { runner: Arc::clone(runner), kind }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.runner.change(self.kind, -1);
        self.runner.db.raise(Signal::Jobs);
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::internal("a job panicked", text)
}

/// 0.5 s, 1 s, 2 s, ... up to five minutes.
fn backoff(attempt: u32) -> Duration {
    FIRST_BACKOFF.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LAST_BACKOFF)
}
