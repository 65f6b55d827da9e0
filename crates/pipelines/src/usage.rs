//! What a step uses while it runs, kept as metrics of its run, without a line in its script.
//!
//! The machine's figures carry the names that MLflow's own client gives them, so that pages and searches made for those find them.

mod gpu;
mod look;

use std::path::PathBuf;
use std::time::Duration;

use pitcrew_contracts::tracking::RunTracker;
use pitcrew_kernel::{Clock, Ctx};

use crate::process::Identity;
use gpu::Gpus;
use look::Look;

/// The first look; each further one after twice the time, so that short steps show something and long ones cost little.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// The longest time between two looks. MLflow's own client looks as often.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Looks at a step's processes, the machine and its GPUs.
pub(crate) struct Watch<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) tracker: &'a dyn RunTracker,
    pub(crate) ctx: Ctx,
    pub(crate) tracking_run_id: &'a str,
    /// Where programs are looked for.
    pub(crate) path: &'a [PathBuf],
}

impl Watch<'_> {
    /// Looks until this is dropped. A look that cannot be kept is told once, and the step goes on.
    pub(crate) async fn follow(&self, process: &Identity) {
        let mut gpus = Gpus::found_in(self.path);
        let (mut last, mut pause, mut told) = (Look::now(process.pid).await, FIRST_LOOK, false);
        for count in 0.. {
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(LOOK_EVERY);
            let (look, at) = (Look::now(process.pid).await, self.clock.now());
            let mut readings = look.since(&last);
            last = look;
            if let Some(asked) = &gpus {
                match asked.readings(gpu::PATIENCE).await {
                    Some(told) => readings.extend(told),
                    None => gpus = None,
                }
            }
            let kept = self.tracker.observe(&self.ctx, self.tracking_run_id, at, count, readings).await;
            if let Err(error) = kept
                && !std::mem::replace(&mut told, true)
            {
                tracing::warn!(error = ?error, run_id = self.tracking_run_id, "what a step uses cannot be kept");
            }
        }
    }
}
