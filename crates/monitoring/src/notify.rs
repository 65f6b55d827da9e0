//! Telling people: alerts as JSON to webhooks, retried, each message with an id by which a receiver knows a repetition.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pitcrew_kernel::{Error, Result};
use pitcrew_work::{Job, JobHandler};
use serde_json::Value;

use crate::jobs::NOTIFY;
use crate::service::Monitoring;
use crate::store::{self, Delivery};

const TIMEOUT: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 4;

/// Delivers notifications.
pub(crate) struct Notifier {
    monitoring: Arc<Monitoring>,
    http: reqwest::Client,
}

impl Notifier {
    pub(crate) fn new(monitoring: Arc<Monitoring>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|source| Error::internal("the webhook client cannot start", source))?;
        Ok(Self { monitoring, http })
    }

    async fn post(&self, target: &str, id: &str, body: &Value) -> Result<()> {
        let failed =
            |why: String| Error::unavailable("WEBHOOK_FAILED", format!("the webhook was not delivered: {why}"));
        let request = self.http.post(target).header("x-pitcrew-delivery", id).json(body);
        let response = request.send().await.map_err(|error| failed(error.without_url().to_string()))?;
        if response.status().is_success() { Ok(()) } else { Err(failed(format!("it answered {}", response.status()))) }
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

/// An address as it may be shown and logged: paths, queries and user names of webhooks hold secrets.
pub(crate) fn shown(target: &str) -> String {
    let Ok(url) = target.parse::<reqwest::Url>() else { return "an address that cannot be read".to_owned() };
    let origin = url.origin().ascii_serialization();
    if url.path() == "/" && url.query().is_none() { origin } else { format!("{origin}/...") }
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
        match self.post(text(&job.payload, "target"), &job.key, &job.payload["body"]).await {
            Ok(()) => self.record(job, "delivered", None).await,
            Err(error) => {
                self.record(job, "retrying", Some(error.detail().to_owned())).await?;
                Err(error)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_it_keeps_secret() {
        assert_eq!(shown("https://hooks.example.com/T000/B000/XXXX?key=1"), "https://hooks.example.com/...");
        assert_eq!(shown("https://user:word@hooks.example.com:8443"), "https://hooks.example.com:8443");
        assert_eq!(shown("nonsense"), "an address that cannot be read");
    }
}
