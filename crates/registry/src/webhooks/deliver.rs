//! Messages on their way: signed, sent, sent again.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pitcrew_kernel::{Result, Timestamp};
use pitcrew_outbound::{Answer, Message, Target, may_pass, shown};
use pitcrew_work::{Job, JobHandler, NewJob};
use ring::hmac;
use serde_json::{Value, json};

use super::Webhooks;
use super::model::{Failure, WebhookId};
use super::store::{self, Stored};

/// Sends one message to one webhook; the key is the delivery's id.
const DELIVER: &str = "registry.deliver_webhook";
/// Tries before a message is given up: the last is about a quarter of an hour after the first.
const TRIES: u32 = 12;
/// Messages on their way at once.
const AT_ONCE: usize = 4;

/// The job that sends `body` to `webhook`. `delivery` is what the receiver knows a repetition by.
pub(crate) fn job(webhook: WebhookId, delivery: &str, body: String, now: Timestamp) -> NewJob {
    NewJob {
        kind: DELIVER,
        key: delivery.to_owned(),
        payload: json!({"webhook": webhook, "body": body}),
        run_at: now,
        max_attempts: TRIES,
    }
}

/// Sends messages.
pub(crate) struct Deliver(pub(crate) Arc<Webhooks>);

#[async_trait]
impl JobHandler for Deliver {
    fn kind(&self) -> &'static str {
        DELIVER
    }

    fn concurrency(&self) -> usize {
        AT_ONCE
    }

    fn retries_are_under_way(&self) -> bool {
        false
    }

    /// A message that is given up is done: it does not stay in the queue with what it says.
    async fn run(&self, job: &Job) -> Result<()> {
        let id: WebhookId = text(&job.payload, "webhook").parse()?;
        let Some(stored) = self.0.db.read(move |tx| store::webhook(tx, id)).await? else { return Ok(()) };
        if !stored.webhook.active {
            return Ok(());
        }
        match self.0.deliver(&stored, job).await {
            Ok(()) if stored.webhook.failure.is_none() => Ok(()),
            Ok(()) => self.0.note(id, None).await,
            Err(error) if may_pass(&error) && job.attempt < job.max_attempts => Err(error),
            Err(error) => {
                let (name, at) = (stored.webhook.name, shown(&stored.webhook.url));
                tracing::warn!(webhook = %id, name, at, error = ?error, "a message of a webhook was given up");
                self.0.note(id, Some(Failure { at: self.0.voice.clock.now(), why: error.detail().to_owned() })).await
            }
        }
    }
}

fn text<'a>(payload: &'a Value, field: &str) -> &'a str {
    payload.get(field).and_then(Value::as_str).unwrap_or_default()
}

impl Webhooks {
    async fn deliver(&self, stored: &Stored, job: &Job) -> Result<()> {
        let (target, message) = self.message(stored, &job.key, text(&job.payload, "body").to_owned())?;
        self.outbound.deliver(&target, message).await
    }

    /// Sends one message now.
    pub(crate) async fn send(&self, stored: &Stored, delivery: &str, body: String) -> Result<Answer> {
        let (target, message) = self.message(stored, delivery, body)?;
        self.outbound.post(&target, message).await
    }

    /// What is sent, signed if the webhook has a secret. The moment of this try is part of what is signed.
    fn message(&self, stored: &Stored, delivery: &str, body: String) -> Result<(Target, Message)> {
        let at = (self.voice.clock.now().millis() / 1_000).to_string();
        let mut headers = vec![("x-mlflow-delivery-id", delivery.to_owned()), ("x-mlflow-timestamp", at.clone())];
        if let Some(sealed) = &stored.secret {
            let secret = self.vault.open(stored.webhook.id, sealed)?;
            headers.push(("x-mlflow-signature", signature(&secret, delivery, &at, &body)));
        }
        Ok((stored.webhook.url.parse()?, Message { headers, body }))
    }

    async fn note(&self, id: WebhookId, failure: Option<Failure>) -> Result<()> {
        self.db.write(move |tx| store::set_failure(tx, id, failure.as_ref())).await
    }
}

/// MLflow's signature: HMAC-SHA256 over delivery, moment and body.
fn signature(secret: &str, delivery: &str, at: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("v1,{}", STANDARD.encode(hmac::sign(&key, format!("{delivery}.{at}.{body}").as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with the published package: `mlflow.webhooks.delivery`.
    #[test]
    fn signatures_are_those_of_mlflow() {
        let long = "k".repeat(200);
        let vectors = [
            (
                "hush",
                "4f6e8c1a-0000-7000-8000-000000000001",
                "1767225600",
                r#"{"a": 1}"#,
                "emCD7fCDM/DYDmENnVTy8MRORyHYxtMoHHEBK7UHzVI=",
            ),
            ("schlüssel", "d", "0", r#"{"name":"größe"}"#, "xzzhQtoN7TDJ3mVc0wNB4wxEI8O+PqlhzAkNUb1gP74="),
            (&long, "d", "1", "", "Kljbc0YMIO3NZceaHsEkbyJX0P26jK4/QxibuEBzQFs="),
        ];
        for (secret, delivery, at, body, expected) in vectors {
            assert_eq!(signature(secret, delivery, at, body), format!("v1,{expected}"));
        }
    }
}
