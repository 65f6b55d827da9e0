//! Telling people: alerts as JSON to webhooks, retried, each message with an id by which a receiver knows a repetition.

use std::sync::Arc;

use async_trait::async_trait;
use pitcrew_kernel::{Error, Result};
use pitcrew_outbound::{Message, Outbound, Target, may_pass, shown};
use pitcrew_work::{Job, JobHandler};
use serde_json::Value;

use crate::jobs::NOTIFY;
use crate::service::Monitoring;
use crate::store::{self, Delivery};

const AT_ONCE: usize = 4;

/// Delivers notifications.
pub(crate) struct Notifier {
    pub(crate) monitoring: Arc<Monitoring>,
    pub(crate) outbound: Outbound,
}

impl Notifier {
    async fn post(&self, job: &Job) -> Result<()> {
        let target: Target = text(&job.payload, "target").parse()?;
        let headers = vec![("x-pitcrew-delivery", job.key.clone())];
        self.outbound.deliver(&target, Message { headers, body: job.payload["body"].to_string() }).await
    }

    async fn record(&self, job: &Job, state: &'static str, error: Option<String>) -> Result<()> {
        let (payload, attempt, now) = (job.payload.clone(), i64::from(job.attempt), self.monitoring.clock.now());
        self.monitoring
            .db
            .write(move |tx| {
                let of = Delivery {
                    alert: text(&payload, "alert"),
                    target: text(&payload, "target"),
                    transition: text(&payload, "transition"),
                };
                store::put_notification(tx, of, state, attempt, now, error.as_deref())
            })
            .await
    }
}

fn text<'a>(payload: &'a Value, field: &str) -> &'a str {
    payload.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[async_trait]
impl JobHandler for Notifier {
    fn kind(&self) -> &'static str {
        NOTIFY
    }

    fn concurrency(&self) -> usize {
        AT_ONCE
    }

    fn retries_are_under_way(&self) -> bool {
        false
    }

    async fn run(&self, job: &Job) -> Result<()> {
        match self.post(job).await {
            Ok(()) => self.record(job, "delivered", None).await,
            Err(error) if may_pass(&error) => {
                self.record(job, "retrying", Some(error.detail().to_owned())).await?;
                Err(error)
            }
            Err(error) => {
                self.gave_up(job, &error).await;
                Ok(())
            }
        }
    }

    async fn gave_up(&self, job: &Job, error: &Error) {
        tracing::warn!(webhook = shown(text(&job.payload, "target")), error = ?error, "a notification was given up");
        if let Err(error) = self.record(job, "failed", Some(error.detail().to_owned())).await {
            tracing::warn!(error = ?error, "a failed notification cannot be recorded");
        }
    }
}
