//! What monitoring does when others' events arrive.

use std::sync::Arc;

use pitcrew_contracts::event::{Envelope, Event as _};
use pitcrew_contracts::monitoring::{AlertFired, AlertResolved};
use pitcrew_contracts::pipelines::RunCreated;
use pitcrew_contracts::release::LogAdvanced;
use pitcrew_contracts::spec::Notify;
use pitcrew_db::Tx;
use pitcrew_kernel::Result;
use pitcrew_work::{NewJob, Subscriber, enqueue};
use serde_json::json;

use crate::annotations::{MARKED, mark};
use crate::jobs::{NOTIFY, evaluation};
use crate::service::Monitoring;
use crate::store::{self, Delivery, Stretch};

const NOTIFY_TRIES: u32 = 8;

/// Monitoring's subscribers.
pub fn subscribers(monitoring: &Arc<Monitoring>) -> Vec<Arc<dyn Subscriber>> {
    vec![
        Arc::new(FollowLog(Arc::clone(monitoring))),
        Arc::new(TellPeople(Arc::clone(monitoring))),
        Arc::new(LinkRuns),
        Arc::new(MarkTimeline),
    ]
}

/// New predictions and labels make windows due.
struct FollowLog(Arc<Monitoring>);

impl Subscriber for FollowLog {
    fn name(&self) -> &'static str {
        "monitoring.log"
    }

    fn wants(&self, event: &str) -> bool {
        event == LogAdvanced::NAME
    }

    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
        let Some(advanced) = event.open::<LogAdvanced>()? else { return Ok(()) };
        let now = self.0.clock.now();
        for monitor in store::monitors_of(tx, &advanced.deployment)? {
            let stretch = Stretch { seq: event.seq, from: advanced.from, to: advanced.to };
            store::mark_changed(tx, &monitor, stretch, advanced.watermark)?;
            enqueue(tx, self.0.ids.as_ref(), now, &evaluation(&monitor, now))?;
        }
        Ok(())
    }
}

/// Alerts go to the targets of their rule.
struct TellPeople(Arc<Monitoring>);

impl Subscriber for TellPeople {
    fn name(&self) -> &'static str {
        "monitoring.notify"
    }

    fn wants(&self, event: &str) -> bool {
        event == AlertFired::NAME || event == AlertResolved::NAME
    }

    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
        let (facts, transition) = match (event.open::<AlertFired>()?, event.open::<AlertResolved>()?) {
            (Some(fired), _) => (fired.facts, "firing"),
            (_, Some(AlertResolved(facts))) => (facts, "resolved"),
            _ => return Ok(()),
        };
        let Some((_, rule)) = store::rules(tx)?.into_iter().find(|(name, _)| *name == facts.rule) else {
            return Ok(());
        };
        let (alert, now) = (facts.alert.to_string(), self.0.clock.now());
        for (place, Notify::Webhook(target)) in rule.notify.iter().enumerate() {
            let body = json!({
                "version": "1", "status": transition, "alert": facts.alert, "rule": facts.rule, "monitor": facts.monitor, "metric": facts.metric,
                "value": facts.value, "threshold": facts.threshold, "event_time": facts.event_time, "summary": facts.summary, "event_id": event.id,
            });
            store::put_notification(tx, Delivery { alert: &alert, target, transition }, "waiting", 0, now, None)?;
            let payload = json!({ "alert": alert, "target": target, "transition": transition, "body": body });
            let job = NewJob {
                kind: NOTIFY,
                // The key is logged and sent: the address, which may hold a secret, is not in it.
                key: format!("{}/{place}", event.id),
                payload,
                run_at: now,
                max_attempts: NOTIFY_TRIES,
            };
            enqueue(tx, self.0.ids.as_ref(), now, &job)?;
        }
        Ok(())
    }
}

/// The run an alert started is shown with the alert.
struct LinkRuns;

impl Subscriber for LinkRuns {
    fn name(&self) -> &'static str {
        "monitoring.runs"
    }

    fn wants(&self, event: &str) -> bool {
        event == RunCreated::NAME
    }

    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
        match event.cause.as_ref().filter(|cause| cause.kind == "alert") {
            Some(cause) => store::link_run(tx, &cause.id, &event.subject.name),
            None => Ok(()),
        }
    }
}

/// What happened is marked beside the curve of quality.
struct MarkTimeline;

impl Subscriber for MarkTimeline {
    fn name(&self) -> &'static str {
        "monitoring.timeline"
    }

    fn wants(&self, event: &str) -> bool {
        MARKED.contains(&event)
    }

    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
        let watermark = store::latest_watermark(tx)?;
        match mark(event, watermark) {
            Some(annotation) => store::put_annotation(tx, &annotation),
            None => Ok(()),
        }
    }
}
