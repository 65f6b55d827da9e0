//! The tables of webhooks.

use pitcrew_db::{Arg, Row, Tx};
use pitcrew_kernel::{Result, Timestamp};

use super::model::{Failure, Topic, Webhook, WebhookId};

/// A webhook with its sealed secret.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) webhook: Webhook,
    pub(crate) secret: Option<String>,
}

pub(crate) fn count(tx: &mut Tx<'_>) -> Result<i64> {
    tx.one("SELECT count(*) FROM registry_webhooks", &[], |row| row.int(0))
}

pub(crate) fn insert(tx: &mut Tx<'_>, stored: &Stored) -> Result<()> {
    let Stored { webhook, secret } = stored;
    tx.exec(
        "INSERT INTO registry_webhooks (id, name, description, url, secret, active, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            Arg::show(&webhook.id),
            webhook.name.as_str().into(),
            webhook.description.as_str().into(),
            webhook.url.as_str().into(),
            secret.as_deref().into(),
            i64::from(webhook.active).into(),
            webhook.created_at.into(),
            webhook.updated_at.into(),
        ],
    )?;
    insert_topics(tx, webhook)
}

fn insert_topics(tx: &mut Tx<'_>, webhook: &Webhook) -> Result<()> {
    for topic in &webhook.topics {
        tx.exec(
            "INSERT INTO registry_webhook_topics (webhook, topic) VALUES ($1, $2)",
            &[Arg::show(&webhook.id), Arg::show(topic)],
        )?;
    }
    Ok(())
}

/// Holds the webhook's row until the end, so that changes come one after the other; whether there is one.
pub(crate) fn touch(tx: &mut Tx<'_>, id: WebhookId, now: Timestamp) -> Result<bool> {
    let sql = "UPDATE registry_webhooks SET updated_at = $1 WHERE id = $2";
    Ok(tx.exec(sql, &[now.into(), Arg::show(&id)])? > 0)
}

pub(crate) fn update(tx: &mut Tx<'_>, stored: &Stored) -> Result<()> {
    let Stored { webhook, secret } = stored;
    tx.exec(
        "UPDATE registry_webhooks SET name = $1, description = $2, url = $3, secret = $4, active = $5 WHERE id = $6",
        &[
            webhook.name.as_str().into(),
            webhook.description.as_str().into(),
            webhook.url.as_str().into(),
            secret.as_deref().into(),
            i64::from(webhook.active).into(),
            Arg::show(&webhook.id),
        ],
    )?;
    delete_topics(tx, webhook.id)?;
    insert_topics(tx, webhook)
}

fn delete_topics(tx: &mut Tx<'_>, id: WebhookId) -> Result<()> {
    tx.exec("DELETE FROM registry_webhook_topics WHERE webhook = $1", &[Arg::show(&id)])?;
    Ok(())
}

pub(crate) fn delete(tx: &mut Tx<'_>, id: WebhookId) -> Result<()> {
    delete_topics(tx, id)?;
    tx.exec("DELETE FROM registry_webhooks WHERE id = $1", &[Arg::show(&id)])?;
    Ok(())
}

const WEBHOOK: &str = "SELECT id, name, description, url, secret, active, failed_at, failure, created_at, updated_at FROM registry_webhooks";

pub(crate) fn webhook(tx: &mut Tx<'_>, id: WebhookId) -> Result<Option<Stored>> {
    let found = tx.optional(&format!("{WEBHOOK} WHERE id = $1"), &[Arg::show(&id)], stored)?;
    found.map(|stored| with_topics(tx, stored)).transpose()
}

/// Newest first; before the id `before` when not empty. Ids sort by time.
pub(crate) fn webhooks(tx: &mut Tx<'_>, before: &str, limit: usize) -> Result<Vec<Webhook>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = format!("{WEBHOOK} WHERE ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2");
    let found = tx.all(&sql, &[before.into(), limit.into()], stored)?;
    found.into_iter().map(|stored| with_topics(tx, stored).map(|stored| stored.webhook)).collect()
}

fn stored(row: &Row<'_>) -> Result<Stored> {
    let failure = row.opt_time(6)?.zip(row.opt_text(7)?).map(|(at, why)| Failure { at, why });
    let webhook = Webhook {
        id: row.parsed(0)?,
        name: row.text(1)?,
        description: row.text(2)?,
        url: row.text(3)?,
        topics: Vec::new(),
        active: row.flag(5)?,
        failure,
        created_at: row.time(8)?,
        updated_at: row.time(9)?,
    };
    Ok(Stored { webhook, secret: row.opt_text(4)? })
}

fn with_topics(tx: &mut Tx<'_>, mut stored: Stored) -> Result<Stored> {
    let sql = "SELECT topic FROM registry_webhook_topics WHERE webhook = $1";
    let mut topics: Vec<Topic> = tx.all(sql, &[Arg::show(&stored.webhook.id)], |row| row.parsed(0))?;
    topics.sort_unstable();
    stored.webhook.topics = topics;
    Ok(stored)
}

/// Whether anything would be sent at all.
pub(crate) fn any_active(tx: &mut Tx<'_>) -> Result<bool> {
    Ok(tx.optional("SELECT id FROM registry_webhooks WHERE active = 1 LIMIT 1", &[], |row| row.text(0))?.is_some())
}

/// The active webhooks that listen to `topic`, oldest first.
pub(crate) fn listening(tx: &mut Tx<'_>, topic: Topic) -> Result<Vec<WebhookId>> {
    tx.all(
        "SELECT w.id FROM registry_webhooks w JOIN registry_webhook_topics t ON t.webhook = w.id WHERE t.topic = $1 AND w.active = 1 ORDER BY w.id",
        &[Arg::show(&topic)],
        |row| row.parsed(0),
    )
}

/// Remembers that a message was given up, or that one was delivered again.
pub(crate) fn set_failure(tx: &mut Tx<'_>, id: WebhookId, failure: Option<&Failure>) -> Result<()> {
    let (at, why) = failure.map_or((None, None), |failure| (Some(failure.at), Some(failure.why.as_str())));
    tx.exec(
        "UPDATE registry_webhooks SET failed_at = $1, failure = $2 WHERE id = $3",
        &[at.into(), why.into(), Arg::show(&id)],
    )?;
    Ok(())
}
