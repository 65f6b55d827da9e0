//! Telling people that a rule fired.

use std::sync::Arc;

use async_trait::async_trait;
use pitcrew_kernel::{Error, Result, Timestamp};
use pitcrew_outbound::{Message, Outbound, Target, may_pass, shown};
use pitcrew_work::{Job, JobHandler, NewJob};
use serde_json::{Value, json};

use crate::service::Tracking;
use crate::store::alerts;

/// Tells one target of one alert.
const TELL: &str = "tracking.tell";
const TRIES: u32 = 8;
const AT_ONCE: usize = 4;

/// The job that sends `body`. The key is what the receiver knows a repetition by; the address, which may hold a secret, is not in it.
pub(super) fn job(alert_no: i64, target: &str, body: Value, key: String, now: Timestamp) -> NewJob {
    let payload = json!({ "alert_no": alert_no, "target": target, "body": body });
    NewJob { kind: TELL, key, payload, run_at: now, max_attempts: TRIES }
}

/// Sends messages.
pub(super) struct Tell {
    pub(super) tracking: Arc<Tracking>,
    pub(super) outbound: Outbound,
}

impl Tell {
    async fn send(&self, job: &Job) -> Result<()> {
        let target: Target = target(job).parse()?;
        let headers = vec![("x-pitcrew-delivery", job.key.clone())];
        self.outbound.deliver(&target, Message { headers, body: job.payload["body"].to_string() }).await
    }

    async fn note(&self, job: &Job, untold: Option<String>) -> Result<()> {
        let alert_no = job.payload["alert_no"].as_i64().unwrap_or_default();
        self.tracking.db.write(move |tx| alerts::set_untold(tx, alert_no, untold.as_deref())).await
    }
}

fn target(job: &Job) -> &str {
    job.payload["target"].as_str().unwrap_or_default()
}

#[async_trait]
impl JobHandler for Tell {
    fn kind(&self) -> &'static str {
        TELL
    }

    fn concurrency(&self) -> usize {
        AT_ONCE
    }

    fn retries_are_under_way(&self) -> bool {
        false
    }

    async fn run(&self, job: &Job) -> Result<()> {
        match self.send(job).await {
            Ok(()) if job.attempt == 1 => Ok(()),
            Ok(()) => self.note(job, None).await,
            Err(error) => {
                self.note(job, Some(error.detail().to_owned())).await?;
                if may_pass(&error) { Err(error) } else { Ok(()) }
            }
        }
    }

    async fn gave_up(&self, job: &Job, error: &Error) {
        tracing::warn!(webhook = shown(target(job)), error = ?error, "a message about a run was given up");
    }
}
