//! What serving does when aliases move and when its own log advances. Both only queue jobs: loading and judging happen outside a transaction.

use std::sync::Arc;

use pitcrew_contracts::event::{Envelope, Event as _};
use pitcrew_contracts::registry::AliasMoved;
use pitcrew_contracts::release::LogAdvanced;
use pitcrew_db::Tx;
use pitcrew_kernel::{Cause, Error, Result};
use pitcrew_work::{NewJob, Subscriber, enqueue};

use crate::load::{LoadJob, load_job};
use crate::releases::{JUDGE, RELEASE, ReleaseJob};
use crate::service::Serving;
use crate::store;

const RELEASE_ATTEMPTS: u32 = 6;
const JUDGE_ATTEMPTS: u32 = 5;

/// Serving's subscribers.
pub fn subscribers(serving: &Arc<Serving>) -> Vec<Arc<dyn Subscriber>> {
    vec![Arc::new(FollowAliases(Arc::clone(serving))), Arc::new(WatchReleases(Arc::clone(serving)))]
}

struct FollowAliases(Arc<Serving>);

impl Subscriber for FollowAliases {
    fn name(&self) -> &'static str {
        "serving.aliases"
    }

    fn wants(&self, event: &str) -> bool {
        event == AliasMoved::NAME
    }

    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
        let Some(moved) = event.open::<AliasMoved>()? else { return Ok(()) };
        let (ids, now) = (self.0.parts.ids.as_ref(), self.0.parts.clock.now());
        for deployment in store::deployments(tx)? {
            if deployment.model != moved.model {
                continue;
            }
            if deployment.alias == moved.alias && moved.to.is_some() {
                let job = LoadJob { version: moved.to, reason: moved.reason.clone() };
                enqueue(tx, ids, now, &load_job(&deployment.name, &job, now)?)?;
            }
            if deployment.policy.as_ref().is_some_and(|policy| policy.candidate == moved.alias.as_str()) {
                let job = ReleaseJob {
                    candidate: moved.to,
                    event: event.id.to_string(),
                    cause: event.cause.clone().or_else(|| Some(cause_of(event))),
                    reason: moved.reason.clone(),
                };
                let payload = serde_json::to_value(&job)
                    .map_err(|source| Error::internal("a release job does not serialise", source))?;
                let key = deployment.name.to_string();
                let job = NewJob { kind: RELEASE, key, payload, run_at: now, max_attempts: RELEASE_ATTEMPTS };
                enqueue(tx, ids, now, &job)?;
            }
        }
        Ok(())
    }
}

fn cause_of(event: &Envelope) -> Cause {
    Cause { kind: "event".to_owned(), id: event.id.to_string(), summary: event.summary.clone() }
}

struct WatchReleases(Arc<Serving>);

impl Subscriber for WatchReleases {
    fn name(&self) -> &'static str {
        "serving.releases"
    }

    fn wants(&self, event: &str) -> bool {
        event == LogAdvanced::NAME
    }

    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
        let Some(advanced) = event.open::<LogAdvanced>()? else { return Ok(()) };
        let (ids, now) = (self.0.parts.ids.as_ref(), self.0.parts.clock.now());
        for id in store::running_ids(tx, &advanced.deployment)? {
            // Forgetting too much costs a little reading, should this transaction not come to pass.
            self.0.courses.changed(id.parse()?, advanced.from);
            let payload = serde_json::Value::Null;
            let job = NewJob { kind: JUDGE, key: id, payload, run_at: now, max_attempts: JUDGE_ATTEMPTS };
            enqueue(tx, ids, now, &job)?;
        }
        Ok(())
    }
}
