//! Alerts about runs: a metric that leaves its bounds, a run that makes no progress.
//!
//! Rules are declared in projects. Runs under way are looked at every minute and once more when they end, so logging itself costs nothing more.
//! A rule fires once for a run.

mod look;
mod tell;

use std::sync::Arc;

use pitcrew_contracts::spec::{Change, ChangeAction};
use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Error, Page, PageRequest, Result};
use pitcrew_outbound::Outbound;
use pitcrew_work::{Applying, Declared, JobHandler, Subscriber, diff, set_schedules};
use serde_json::json;

use crate::service::Tracking;
use crate::store;
pub use crate::store::alerts::Fired;

/// Looks at the runs under way.
pub const WATCH_JOB: &str = "tracking.watch_runs";
/// Every minute, the finest that schedules know.
const WATCH_EVERY: &str = "* * * * *";
/// Whose schedule that is.
const WATCH_OWNER: &str = "tracking:run_alerts";

/// What looks at runs, and tells people.
pub fn alert_jobs(tracking: &Arc<Tracking>, outbound: Outbound) -> Vec<Arc<dyn JobHandler>> {
    vec![Arc::new(look::Watch(Arc::clone(tracking))), Arc::new(tell::Tell { tracking: Arc::clone(tracking), outbound })]
}

/// What looks at runs that end.
pub fn alert_subscribers(tracking: &Arc<Tracking>) -> Vec<Arc<dyn Subscriber>> {
    vec![Arc::new(look::Ended(Arc::clone(tracking)))]
}

impl Declared for Tracking {
    fn apply(&self, tx: &mut Tx<'_>, applying: &Applying<'_>) -> Result<Vec<Change>> {
        let (mut changes, mut gone) = (Vec::new(), Vec::new());
        for object in diff(tx, applying, "run_alert", &applying.project.run_alerts, &mut gone)? {
            match object.spec {
                Some(_) if object.change.action == ChangeAction::Unchanged => {}
                Some(spec) => {
                    let experiment = spec.experiment.as_deref().unwrap_or(&applying.project.project);
                    store::alerts::set_rule(tx, object.name, experiment, spec)?;
                }
                None => store::alerts::delete_rule(tx, object.name)?,
            }
            changes.push(object.change);
        }
        // Left alone when nothing changed: setting a schedule moves its next tick.
        if changes.iter().any(|change| change.action != ChangeAction::Unchanged) {
            let idle = store::alerts::rules(tx)?.is_empty();
            let times = if idle { Vec::new() } else { vec![WATCH_EVERY.to_owned()] };
            set_schedules(tx, applying.out.clock.now(), WATCH_OWNER, WATCH_JOB, &times, &json!({}))?;
        }
        Ok(changes)
    }
}

impl Tracking {
    /// What fired, newest first; of one run if `run_id` is given.
    ///
    /// # Errors
    /// `PAGE_INVALID`.
    pub async fn run_alerts(&self, ctx: &Ctx, run_id: Option<String>, page: &PageRequest) -> Result<Page<Fired>> {
        ctx.require(Access::Read)?;
        let limit = page.limit()?;
        let unknown = |_| Error::invalid("PAGE_INVALID", "`page` is not one that this list gave out");
        let before = page.page.as_ref().map_or(Ok(i64::MAX), |token| token.parse()).map_err(unknown)?;
        let found = self
            .db
            .read(move |tx| store::alerts::newest(tx, run_id.as_deref(), before, limit.saturating_add(1)))
            .await?;
        Ok(Page::from_overfull(found, limit, |fired| fired.alert_no.to_string()))
    }
}
