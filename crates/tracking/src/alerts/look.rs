//! Looking at runs: those under way every minute, each once more when it ends.

use std::sync::Arc;

use async_trait::async_trait;
use pitcrew_contracts::event::{Envelope, Event as _};
use pitcrew_contracts::spec::{Notify, RunAlert};
use pitcrew_contracts::tracking::RunFinished;
use pitcrew_db::{Outgoing, Tx};
use pitcrew_kernel::{Cause, Ctx, Result};
use pitcrew_work::{Job, JobHandler, Subscriber, enqueue};
use serde_json::json;

use super::{WATCH_JOB, tell};
use crate::events::RunAlertFired;
use crate::service::Tracking;
use crate::store::alerts::{self, Broken, Rule};

/// Runs of one rule that fire in one transaction; what is left has its turn in the next.
const AT_ONCE: usize = 100;

/// Looks at every run under way.
pub(super) struct Watch(pub(super) Arc<Tracking>);

#[async_trait]
impl JobHandler for Watch {
    fn kind(&self) -> &'static str {
        WATCH_JOB
    }

    fn concurrency(&self) -> usize {
        1
    }

    async fn run(&self, _job: &Job) -> Result<()> {
        for rule in self.0.db.read(alerts::rules).await? {
            let rule = Arc::new(rule);
            loop {
                let (saying, rule) = (self.0.outgoing(&Ctx::system("tracking")), Arc::clone(&rule));
                let fired = self.0.db.write(move |tx| fire_all(tx, saying.out(), &rule, None)).await?;
                if fired < AT_ONCE {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Looks at a run that ended, which no later look would find under way.
pub(super) struct Ended(pub(super) Arc<Tracking>);

impl Subscriber for Ended {
    fn name(&self) -> &'static str {
        "tracking.run_alerts"
    }

    fn wants(&self, event: &str) -> bool {
        event == RunFinished::NAME
    }

    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
        let cause = Cause { kind: "event".to_owned(), id: event.id.to_string(), summary: event.summary.clone() };
        let saying = self.0.outgoing(&Ctx::system("tracking").because(cause));
        for rule in alerts::rules(tx)? {
            // A run that is over makes no progress, and need not.
            if rule.spec.no_progress.is_none() {
                fire_all(tx, saying.out(), &rule, Some(&event.subject.name))?;
            }
        }
        Ok(())
    }
}

/// Fires for the runs that break the rule and have not yet; answers how many.
fn fire_all(tx: &mut Tx<'_>, out: Outgoing<'_>, rule: &Rule, run_id: Option<&str>) -> Result<usize> {
    let broken = match rule.spec.no_progress {
        Some(span) => {
            let since = out.clock.now().minus(span.duration()).millis();
            alerts::idle_since(tx, rule, since, AT_ONCE)?
        }
        None => alerts::out_of_bounds(tx, rule, run_id, AT_ONCE)?,
    };
    for run in &broken {
        fire(tx, out, rule, run)?;
    }
    Ok(broken.len())
}

fn fire(tx: &mut Tx<'_>, out: Outgoing<'_>, rule: &Rule, run: &Broken) -> Result<()> {
    let (now, what) = (out.clock.now(), what(&rule.spec, run.value));
    let alert_no = alerts::put(tx, &rule.name, run.run_no, now, &what)?;
    let fired = RunAlertFired {
        rule: rule.name.clone(),
        run_id: run.run_id.clone(),
        name: run.name.clone(),
        what: what.clone(),
    };
    tx.emit(out, &fired)?;
    for Notify::Webhook(target) in &rule.spec.notify {
        let body = json!({
            "version": "1", "status": "firing", "rule": rule.name, "experiment": rule.experiment, "run_id": run.run_id, "run": run.name,
            "metric": rule.spec.metric, "value": run.value, "summary": format!("{}: {what}", run.name),
        });
        enqueue(tx, out.ids, now, &tell::job(alert_no, target, body, out.ids.next().to_string(), now))?;
    }
    Ok(())
}

/// What is wrong, for people.
fn what(rule: &RunAlert, value: Option<f64>) -> String {
    match (&rule.metric, value, rule.no_progress) {
        (_, _, Some(span)) => format!("nothing logged for {span}"),
        (Some(metric), None, _) => format!("{metric} is not a number"),
        (Some(metric), Some(value), _) => match (rule.above, rule.below) {
            (Some(above), _) if value > above => format!("{metric} {value} is above {above}"),
            (_, Some(below)) => format!("{metric} {value} is below {below}"),
            _ => format!("{metric} {value}"),
        },
        (None, ..) => "broke its rule".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitcrew_kernel::Span;

    #[test]
    fn what_is_wrong_is_said() {
        let bounds =
            RunAlert { metric: Some("loss".to_owned()), above: Some(10.0), below: Some(0.5), ..RunAlert::default() };
        assert_eq!(what(&bounds, Some(12.5)), "loss 12.5 is above 10");
        assert_eq!(what(&bounds, Some(0.25)), "loss 0.25 is below 0.5");
        assert_eq!(what(&bounds, None), "loss is not a number");
        let stuck = RunAlert { no_progress: Some(Span::seconds(1_800)), ..RunAlert::default() };
        assert_eq!(what(&stuck, None), "nothing logged for 30m");
    }
}
