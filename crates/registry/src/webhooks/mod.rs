//! Webhooks: other programs are told what happens to models and prompts, in MLflow's words.
//!
//! A change of the registry queues one job for each webhook that listens, in its own transaction (`news`), so a kill loses none and doubles none.
//! A job (`deliver`) sends its message signed, again and later each time until it is taken or given up. Where messages
//! may go is the business of `outbound`. A webhook sends data out, so only `admin` may see and change webhooks.

mod deliver;
mod model;
mod news;
mod payload;
mod routes;
mod store;
mod vault;

use std::sync::Arc;

use pitcrew_contracts::registry::{WebhookAct, WebhookChanged};
use pitcrew_db::{Db, Outgoing, Tx};
use pitcrew_kernel::{Access, Clock, Ctx, Error, Ids, Page, PageRequest, Result, Timestamp};
use pitcrew_outbound::{Outbound, Target, shown};
use pitcrew_work::JobHandler;

pub use model::{Failure, NewWebhook, Secret, Topic, Trial, Webhook, WebhookChange, WebhookId};
pub(crate) use news::tell;
pub use routes::routes as webhook_routes;

use crate::model::check_text;
use crate::signer::Signer;
use model::{MAX_WEBHOOKS, check_name, check_secret, check_topics};
use store::Stored;
use vault::Vault;

/// The webhooks.
pub struct Webhooks {
    db: Db,
    voice: Voice,
    vault: Vault,
    outbound: Outbound,
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks").field("outbound", &self.outbound).finish_non_exhaustive()
    }
}

impl Webhooks {
    /// Webhooks whose secrets are sealed with a key that `signer` gives, and whose messages go out through `outbound`.
    ///
    /// # Errors
    /// `INTERNAL` when the key cannot be made.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, signer: &Signer, outbound: Outbound) -> Result<Self> {
        Ok(Self { db, voice: Voice { clock, ids }, vault: Vault::of(signer)?, outbound })
    }

    /// What sends messages.
    pub fn jobs(self: &Arc<Self>) -> Vec<Arc<dyn JobHandler>> {
        vec![Arc::new(deliver::Deliver(Arc::clone(self)))]
    }

    /// Makes a webhook.
    ///
    /// # Errors
    /// `WEBHOOK_NAME_INVALID`, `WEBHOOK_TOPICS_MISSING`, `WEBHOOK_SECRET_TOO_LONG`, `REGISTRY_TEXT_TOO_LONG`, `OUTBOUND_URL_INVALID`,
    /// `OUTBOUND_REFUSED`, `WEBHOOKS_FULL`.
    pub async fn create(&self, ctx: &Ctx, new: NewWebhook) -> Result<Webhook> {
        ctx.require(Access::Admin)?;
        check_name(&new.name)?;
        check_text("the description", &new.description)?;
        self.check_url(&new.url).await?;
        let topics = check_topics(new.topics)?;
        let (id, now) = (WebhookId::new(self.voice.ids.as_ref()), self.voice.clock.now());
        let webhook = Webhook {
            id,
            name: new.name,
            description: new.description,
            url: new.url,
            topics,
            active: !new.disabled,
            failure: None,
            created_at: now,
            updated_at: now,
        };
        let stored = Stored { webhook, secret: self.sealed(id, new.secret)? };
        let (voice, ctx) = (self.voice.clone(), ctx.clone());
        self.db
            .write(move |tx| {
                if store::count(tx)? >= MAX_WEBHOOKS {
                    return Err(full());
                }
                store::insert(tx, &stored)?;
                voice.state(tx, &ctx, WebhookAct::Created, &stored.webhook)?;
                Ok(stored.webhook)
            })
            .await
    }

    /// One webhook.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`.
    pub async fn get(&self, ctx: &Ctx, id: WebhookId) -> Result<Webhook> {
        ctx.require(Access::Admin)?;
        Ok(self.stored(id).await?.webhook)
    }

    /// Webhooks, newest first.
    ///
    /// # Errors
    /// `PAGE_INVALID`.
    pub async fn list(&self, ctx: &Ctx, page: &PageRequest) -> Result<Page<Webhook>> {
        ctx.require(Access::Admin)?;
        let (limit, before) = (page.limit()?, page.page.clone().unwrap_or_default());
        let found = self.db.read(move |tx| store::webhooks(tx, &before, limit + 1)).await?;
        Ok(Page::from_overfull(found, limit, |webhook| webhook.id.to_string()))
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`, and those of [`Webhooks::create`].
    pub async fn update(&self, ctx: &Ctx, id: WebhookId, change: WebhookChange) -> Result<Webhook> {
        ctx.require(Access::Admin)?;
        change.name.as_deref().map(check_name).transpose()?;
        check_text("the description", change.description.as_deref().unwrap_or_default())?;
        if let Some(url) = &change.url {
            self.check_url(url).await?;
        }
        let topics = change.topics.map(check_topics).transpose()?;
        let secret = match change.secret {
            None => None,
            Some(secret) => Some(self.sealed(id, Some(secret))?),
        };
        let (voice, ctx) = (self.voice.clone(), ctx.clone());
        self.db
            .write(move |tx| {
                let Stored { webhook: before, secret: secret_before } = held(tx, id, voice.clock.now())?;
                let webhook = Webhook {
                    name: change.name.unwrap_or(before.name),
                    description: change.description.unwrap_or(before.description),
                    url: change.url.unwrap_or(before.url),
                    topics: topics.unwrap_or(before.topics),
                    active: change.active.unwrap_or(before.active),
                    ..before
                };
                let stored = Stored { webhook, secret: secret.unwrap_or(secret_before) };
                store::update(tx, &stored)?;
                voice.state(tx, &ctx, WebhookAct::Changed, &stored.webhook)?;
                Ok(stored.webhook)
            })
            .await
    }

    /// Removes a webhook. Its messages under way are not sent any more.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`.
    pub async fn delete(&self, ctx: &Ctx, id: WebhookId) -> Result<()> {
        ctx.require(Access::Admin)?;
        let (voice, ctx) = (self.voice.clone(), ctx.clone());
        self.db
            .write(move |tx| {
                let webhook = held(tx, id, voice.clock.now())?.webhook;
                store::delete(tx, id)?;
                voice.state(tx, &ctx, WebhookAct::Deleted, &webhook)
            })
            .await
    }

    /// Sends a made-up message, once, and says what came of it. Also to a webhook that is disabled.
    ///
    /// # Errors
    /// `WEBHOOK_NOT_FOUND`, `WEBHOOK_SECRET_UNREADABLE`.
    pub async fn test(&self, ctx: &Ctx, id: WebhookId, topic: Option<Topic>) -> Result<Trial> {
        ctx.require(Access::Admin)?;
        let stored = self.stored(id).await?;
        let Some(topic) = topic.or(stored.webhook.topics.first().copied()) else {
            return Err(Error::internal("a webhook listens to nothing", id.to_string()));
        };
        let body = payload::message(topic, self.voice.clock.now(), &payload::example(topic));
        let delivery = self.voice.ids.next().to_string();
        match self.send(&stored, &delivery, body).await {
            Ok(answer) => Ok(Trial::Answered { status: answer.status, body: answer.body }),
            Err(error) if error.code().starts_with("OUTBOUND_") => Ok(Trial::Failed(error.detail().to_owned())),
            Err(error) => Err(error),
        }
    }

    /// An address that may be called. A name that cannot be resolved now is looked at when something is sent.
    async fn check_url(&self, url: &str) -> Result<()> {
        match self.outbound.look(&url.parse::<Target>()?).await {
            Err(error) if error.code() != "OUTBOUND_UNREACHABLE" => Err(error),
            _ => Ok(()),
        }
    }

    /// An empty secret is none.
    fn sealed(&self, id: WebhookId, secret: Option<Secret>) -> Result<Option<String>> {
        let Some(secret) = secret.filter(|secret| !secret.0.is_empty()) else { return Ok(None) };
        check_secret(&secret)?;
        self.vault.seal(id, &secret.0, self.voice.ids.random_bytes()).map(Some)
    }

    async fn stored(&self, id: WebhookId) -> Result<Stored> {
        self.db.read(move |tx| store::webhook(tx, id)).await?.ok_or_else(|| not_found(id))
    }
}

/// Says what was done to webhooks.
#[derive(Debug, Clone)]
struct Voice {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Voice {
    fn state(&self, tx: &mut Tx<'_>, ctx: &Ctx, act: WebhookAct, webhook: &Webhook) -> Result<()> {
        let out = Outgoing { ctx, ids: self.ids.as_ref(), clock: self.clock.as_ref() };
        let (id, name, target) = (webhook.id.to_string(), webhook.name.clone(), shown(&webhook.url));
        tx.emit(out, &WebhookChanged { webhook: id, name, act, target })
    }
}

fn full() -> Error {
    Error::precondition("WEBHOOKS_FULL", format!("there are {MAX_WEBHOOKS} webhooks already"))
        .hint("delete those that nobody needs")
}

fn held(tx: &mut Tx<'_>, id: WebhookId, now: Timestamp) -> Result<Stored> {
    if !store::touch(tx, id, now)? {
        return Err(not_found(id));
    }
    store::webhook(tx, id)?.ok_or_else(|| not_found(id))
}

fn not_found(id: WebhookId) -> Error {
    Error::not_found("WEBHOOK_NOT_FOUND", format!("there is no webhook `{id}`"))
}
