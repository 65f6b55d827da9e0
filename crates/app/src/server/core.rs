//! What the server's own routes stand on.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pitcrew_auth::{Auth, Mode};
use pitcrew_blob::Blobs;
use pitcrew_contracts::rest::Settle;
use pitcrew_contracts::server::GarbageCollected;
use pitcrew_db::{Db, Outgoing, Tx};
use pitcrew_kernel::{Access, Clock, Ctx, Digest, Result, Timestamp};
use pitcrew_work::{Pump, Tasks, UnderWay, under_way};
use serde_json::{Value, json};

use super::apply::Applier;

/// Between two looks at whether the loop is at rest.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Objects younger than this are not collected unless asked for: their reference may be about to be committed.
pub(crate) const GC_GRACE: Duration = Duration::from_secs(3_600);

/// One slice's list of the objects it needs.
pub(crate) type References = fn(&mut Tx<'_>) -> Result<HashSet<Digest>>;

/// Makes a slice forget what was begun and abandoned, so that its objects are needed no more.
pub(crate) type Forget = fn(&mut Tx<'_>, Timestamp) -> Result<u64>;

pub(crate) struct Core {
    pub(crate) db: Db,
    pub(crate) blobs: Blobs,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) auth: Arc<Auth>,
    pub(crate) pump: Arc<Pump>,
    pub(crate) applier: Applier,
    pub(crate) settle: Vec<Arc<dyn Settle>>,
    /// Kinds of job of which only the first try keeps the loop from rest.
    pub(crate) once: Vec<&'static str>,
    pub(crate) references: Vec<References>,
    pub(crate) forget: Vec<Forget>,
    pub(crate) tasks: Tasks,
    pub(crate) home: PathBuf,
    pub(crate) started_at: Timestamp,
}

struct Load {
    outbox_lag: i64,
    jobs: UnderWay,
    busy: Option<String>,
}

impl Load {
    fn at_rest(&self) -> bool {
        self.outbox_lag == 0 && self.jobs == UnderWay::default() && self.busy.is_none()
    }
}

impl Core {
    async fn load(&self) -> Result<Load> {
        let mut busy = None;
        for part in &self.settle {
            busy = busy.or(part.settle().await);
        }
        let (lag, clock, once) = (self.pump.lag_within(), Arc::clone(&self.clock), self.once.clone());
        // Of one moment: between two looks, an event could become a job and a job an event, and each be missed. The time is asked for
        // after the first statement, so that a job seen here is not one of the future.
        let (outbox_lag, jobs) = self.db.read(move |tx| Ok((lag(tx)?, under_way(tx, clock.now(), &once)?))).await?;
        Ok(Load { outbox_lag, jobs, busy })
    }

    /// The server's state, as `GET /api/v1/status` shows it.
    pub(crate) async fn status(&self) -> Result<Value> {
        let load = self.load().await?;
        let auth = match self.auth.mode() {
            Mode::None => "none",
            Mode::Token => "token",
        };
        Ok(json!({
            "name": "pitcrew", "version": env!("CARGO_PKG_VERSION"), "home": self.home, "started_at": self.started_at, "auth": auth,
            "at_rest": load.at_rest(),
            "work": {
                "outbox_lag": load.outbox_lag, "jobs_ready": load.jobs.ready, "jobs_running": load.jobs.running,
                "jobs_retrying": load.jobs.retrying, "busy": load.busy,
            },
        }))
    }

    /// Waits until nothing is under way, or until `patience` is used up. Rest is seen twice in a row, so that work handed from one part to
    /// the next between two looks is not missed.
    pub(crate) async fn come_to_rest(&self, patience: Duration) -> Result<()> {
        let until = self.clock.now().plus(patience);
        let mut seen = 0;
        while seen < 2 && self.clock.now() < until {
            if self.load().await?.at_rest() {
                seen += 1;
            } else {
                seen = 0;
                self.clock.sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    /// Removes objects older than `grace` that nothing refers to, and states that it did.
    pub(crate) async fn collect_garbage(&self, ctx: &Ctx, grace: Duration, dry_run: bool) -> Result<Value> {
        ctx.require(Access::Admin)?;
        if !dry_run {
            let (forget, now) = (self.forget.clone(), self.clock.now());
            self.db.write(move |tx| forget.into_iter().try_for_each(|forget| forget(tx, now).map(drop))).await?;
        }
        let references = self.references.clone();
        let keep = self
            .db
            .read(move |tx| {
                let mut keep = HashSet::new();
                for list in references {
                    keep.extend(list(tx)?);
                }
                Ok(keep)
            })
            .await?;
        let collected = self.blobs.gc(&keep, grace, dry_run).await?;
        if !dry_run {
            let removed = GarbageCollected { objects: collected.objects, bytes: collected.bytes };
            let (ctx, ids, clock) = (ctx.clone(), Arc::clone(&self.applier.ids), Arc::clone(&self.clock));
            self.db
                .write(move |tx| tx.emit(Outgoing { ctx: &ctx, ids: ids.as_ref(), clock: clock.as_ref() }, &removed))
                .await?;
        }
        Ok(json!({ "objects": collected.objects, "bytes": collected.bytes, "dry_run": dry_run }))
    }
}
