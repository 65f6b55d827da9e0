//! Work outside of a transaction: judging windows, delivering notifications.

use std::sync::Arc;

use async_trait::async_trait;
use pitcrew_contracts::names::MonitorName;
use pitcrew_kernel::{Ctx, Error, Result};
use pitcrew_outbound::Outbound;
use pitcrew_work::{Job, JobHandler, NewJob, enqueue};

use crate::notify::Notifier;
use crate::service::Monitoring;

/// Judges the windows of one monitor; the key is its name.
pub(crate) const EVALUATE: &str = "monitoring.evaluate";
/// Tells one target of one alert.
pub(crate) const NOTIFY: &str = "monitoring.notify";
const TRIES: u32 = 8;

/// Monitoring's job handlers.
pub fn jobs(monitoring: &Arc<Monitoring>, outbound: Outbound) -> Vec<Arc<dyn JobHandler>> {
    let notifier = Notifier { monitoring: Arc::clone(monitoring), outbound };
    vec![Arc::new(Evaluate(Arc::clone(monitoring))), Arc::new(notifier)]
}

/// The job that judges a monitor's windows.
pub(crate) fn evaluation(monitor: &MonitorName, run_at: pitcrew_kernel::Timestamp) -> NewJob {
    NewJob {
        kind: EVALUATE,
        key: monitor.to_string(),
        payload: serde_json::json!({ "monitor": monitor }),
        run_at,
        max_attempts: TRIES,
    }
}

struct Evaluate(Arc<Monitoring>);

#[async_trait]
impl JobHandler for Evaluate {
    fn kind(&self) -> &'static str {
        EVALUATE
    }

    fn concurrency(&self) -> usize {
        2
    }

    async fn run(&self, job: &Job) -> Result<()> {
        let name = job.payload.get("monitor").and_then(serde_json::Value::as_str).unwrap_or_default();
        let monitor: MonitorName =
            name.parse().map_err(|error: Error| Error::internal("a job names no monitor", error))?;
        let more = self.0.evaluate_due(&Ctx::system("monitoring"), &monitor).await?;
        if more {
            let (ids, now) = (Arc::clone(&self.0.ids), self.0.clock.now());
            self.0.db.write(move |tx| enqueue(tx, ids.as_ref(), now, &evaluation(&monitor, now))).await?;
        }
        Ok(())
    }
}
