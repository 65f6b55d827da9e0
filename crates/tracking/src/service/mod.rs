//! The use cases, one method each: who may do it, what is true before and after, what event states it.

mod artifacts;
mod experiments;
mod homes;
mod life;
mod models;
mod points;
mod runs;
mod search;
mod tracker;
mod uploads;
mod views;

use std::collections::HashSet;
use std::sync::Arc;

use pitcrew_blob::Blobs;
use pitcrew_db::{Db, Outgoing, Tx};
use pitcrew_kernel::{Clock, Ctx, Digest, Ids, Result};

pub use artifacts::{ArtifactContent, ArtifactUpload};
pub use experiments::{ExperimentSearch, NewExperiment};
pub use life::{
    Copied, Going, ImportState, ImportedLoggedModel, Importing, ImportingModel, Patch, RETENTION_JOB, Retention, Rule,
    jobs,
};
pub use models::{ModelSearch, NewModel};
pub use points::Batch;
pub use runs::{NewRun, RunChange};
pub use search::{RunSearch, experiment_id};
pub use uploads::{PartUpload, forget_uploads};

use crate::errors;
use crate::model::Lifecycle;
use crate::store::{self, runs::Target};

/// Experiment tracking.
#[derive(Debug)]
pub struct Tracking {
    pub(crate) db: Db,
    blobs: Blobs,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Tracking {
    /// Tracking over this database and object store.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, blobs: Blobs) -> Self {
        Self { db, blobs, clock, ids }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().millis()
    }

    /// What a command needs to state events.
    pub(crate) fn outgoing(&self, ctx: &Ctx) -> Saying {
        Saying { ctx: ctx.clone(), ids: Arc::clone(&self.ids), clock: Arc::clone(&self.clock) }
    }

    /// 32 random hex digits.
    fn hex_id(&self) -> String {
        self.ids.random_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// An owned [`Outgoing`], to travel into a command.
pub(crate) struct Saying {
    ctx: Ctx,
    ids: Arc<dyn Ids>,
    clock: Arc<dyn Clock>,
}

impl Saying {
    pub(crate) fn out(&self) -> Outgoing<'_> {
        Outgoing { ctx: &self.ctx, ids: self.ids.as_ref(), clock: self.clock.as_ref() }
    }
}

/// Every object that artifacts, and parts of those on their way in, refer to: what garbage collection must keep.
///
/// # Errors
/// What the database can give.
pub fn referenced_digests(tx: &mut Tx<'_>) -> Result<HashSet<Digest>> {
    let mut found = store::artifacts::digests(tx)?;
    found.extend(store::uploads::digests(tx)?);
    Ok(found)
}

/// The run, if it may be written to. It stays where it is until the command is over.
fn writable(tx: &mut Tx<'_>, run_id: &str) -> Result<Target> {
    let target = store::runs::held(tx, run_id)?.ok_or_else(|| errors::run_not_found(run_id))?;
    if target.lifecycle == Lifecycle::Deleted {
        return Err(errors::run_not_active(run_id));
    }
    Ok(target)
}
