//! `/webhooks...`.

use axum::extract::State;
use pitcrew_kernel::{Error, PageRequest, Result};
use pitcrew_registry::{NewWebhook, Secret, Topic, Trial, Webhook, WebhookChange, WebhookId};
use pitcrew_web::{Answer, Caller, Json, Path};
use serde::Serialize;

use crate::Door;
use crate::wire::{Fields, Nothing, at, wrong};

const WEBHOOKS_PER_PAGE: i64 = 100;
const WEBHOOKS_PER_PAGE_MAX: i64 = 1_000;

#[derive(Debug, Serialize)]
pub(crate) struct WebhookView {
    webhook_id: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    url: String,
    events: Vec<EventView>,
    status: &'static str,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
}

#[derive(Debug, Serialize)]
struct EventView {
    entity: String,
    action: String,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        let event = |topic: &Topic| EventView {
            entity: topic.entity().to_ascii_uppercase(),
            action: topic.action().to_ascii_uppercase(),
        };
        Self {
            webhook_id: webhook.id.to_string(),
            name: webhook.name,
            description: webhook.description,
            url: webhook.url,
            events: webhook.topics.iter().map(event).collect(),
            status: if webhook.active { "ACTIVE" } else { "DISABLED" },
            creation_timestamp: webhook.created_at.millis(),
            last_updated_timestamp: webhook.updated_at.millis(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct OfWebhook {
    webhook: WebhookView,
}

#[derive(Debug, Serialize)]
pub(crate) struct OfWebhooks {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    webhooks: Vec<WebhookView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct TrialView {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OfTrial {
    result: TrialView,
}

/// The webhook of an address: one that no webhook can have names none.
fn named(id: &str) -> Result<WebhookId> {
    id.parse().map_err(|_| absent(id))
}

fn absent(id: &str) -> Error {
    Error::not_found("WEBHOOK_NOT_FOUND", format!("Webhook with ID {id} not found."))
}

/// Says it in MLflow's words where it has some.
fn worded(error: Error, name: &str, url: &str) -> Error {
    match error.code() {
        "WEBHOOK_NAME_INVALID" => wrong(format!(
            "Webhook name '{name}' is invalid. It must start and end with a letter or digit, be less than 63 characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-)."
        )),
        "WEBHOOK_TOPICS_MISSING" => {
            wrong("Webhook events must be a non-empty list of WebhookEvent objects: [].".to_owned())
        }
        "OUTBOUND_URL_INVALID" if url.trim().is_empty() => {
            wrong(format!("Webhook URL cannot be empty or just whitespace: '{url}'"))
        }
        "OUTBOUND_URL_INVALID" => match url.split_once(':').map_or("", |(scheme, _)| scheme) {
            "http" | "https" => wrong(format!("Invalid webhook URL '{url}': {}", error.detail())),
            scheme => wrong(format!("Invalid webhook URL scheme: '{scheme}'. Allowed schemes are: http, https.")),
        },
        "OUTBOUND_REFUSED" => {
            wrong(format!("Webhook URL must not resolve to a non-public IP address. {}", error.detail()))
        }
        _ => error,
    }
}

fn events(fields: &Fields) -> Result<Vec<Topic>> {
    let event = |(path, event): (String, Fields)| topic(&event).map_err(|error| at(error, &path));
    fields.objects("events")?.into_iter().map(event).collect()
}

fn topic(event: &Fields) -> Result<Topic> {
    let (entity, action) =
        (event.required("entity")?.to_ascii_lowercase(), event.required("action")?.to_ascii_lowercase());
    if let Ok(topic) = format!("{entity}.{action}").parse() {
        return Ok(topic);
    }
    let known: Vec<&str> = Topic::ALL.into_iter().filter(|topic| topic.entity() == entity).map(Topic::action).collect();
    Err(wrong(if known.is_empty() {
        format!("Invalid value '{entity}' for parameter 'entity' supplied: there is no such entity.")
    } else {
        let known = known.iter().map(|action| format!("'{action}'")).collect::<Vec<_>>().join(", ");
        format!("Invalid action '{action}' for entity '{entity}'. Valid actions are: [{known}]")
    }))
}

/// Whether messages are sent, if that is said.
fn active(fields: &Fields) -> Result<Option<bool>> {
    match fields.text("status")?.as_deref() {
        None => Ok(None),
        Some("ACTIVE") => Ok(Some(true)),
        Some("DISABLED") => Ok(Some(false)),
        Some(other) => {
            Err(wrong(format!("Invalid value '{other}' for parameter 'status' supplied: ACTIVE or DISABLED.")))
        }
    }
}

pub(crate) async fn create(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfWebhook>> {
    let (name, url) = (fields.required("name")?, fields.required("url")?);
    fields.must_have("events")?;
    let new = NewWebhook {
        name: name.clone(),
        description: fields.text_or_empty("description")?,
        url: url.clone(),
        topics: events(&fields)?,
        secret: fields.text("secret")?.map(Secret),
        disabled: active(&fields)? == Some(false),
    };
    let made = door.webhooks.create(&ctx, new).await.map_err(|error| worded(error, &name, &url))?;
    Ok(Json(OfWebhook { webhook: made.into() }))
}

pub(crate) async fn list(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfWebhooks>> {
    let limit = match fields.int("max_results")?.unwrap_or(0) {
        0 => WEBHOOKS_PER_PAGE,
        limit @ 1..=WEBHOOKS_PER_PAGE_MAX => limit,
        _ => return Err(wrong(format!("max_results must be between 1 and {WEBHOOKS_PER_PAGE_MAX}.")).into()),
    };
    let page = fields.page_token()?;
    if page.as_deref().is_some_and(|token| token.parse::<WebhookId>().is_err()) {
        return Err(wrong("Invalid page token".to_owned()).into());
    }
    let found = door.webhooks.list(&ctx, &PageRequest { limit: usize::try_from(limit).ok(), page }).await?;
    let webhooks = found.items.into_iter().map(WebhookView::from).collect();
    Ok(Json(OfWebhooks { webhooks, next_page_token: found.next }))
}

pub(crate) async fn get(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(id): Path<String>,
) -> Answer<Json<OfWebhook>> {
    let found = door.webhooks.get(&ctx, named(&id)?).await.map_err(|error| known(error, &id))?;
    Ok(Json(OfWebhook { webhook: found.into() }))
}

pub(crate) async fn update(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(id): Path<String>,
    fields: Fields,
) -> Answer<Json<OfWebhook>> {
    let some = |field: &str| Ok::<_, Error>(fields.text(field)?.filter(|text| !text.is_empty()));
    let (name, url) = (some("name")?, some("url")?);
    let change = WebhookChange {
        name: name.clone(),
        description: fields.text("description")?,
        url: url.clone(),
        topics: Some(events(&fields)?).filter(|topics| !topics.is_empty()),
        secret: fields.text("secret")?.map(Secret),
        active: active(&fields)?,
    };
    let changed = door.webhooks.update(&ctx, named(&id)?, change).await;
    let changed =
        changed.map_err(|error| worded(known(error, &id), &name.unwrap_or_default(), &url.unwrap_or_default()))?;
    Ok(Json(OfWebhook { webhook: changed.into() }))
}

pub(crate) async fn delete(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(id): Path<String>,
) -> Answer<Json<Nothing>> {
    door.webhooks.delete(&ctx, named(&id)?).await.map_err(|error| known(error, &id))?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn test(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(id): Path<String>,
    fields: Fields,
) -> Answer<Json<OfTrial>> {
    let wanted = fields.object("event")?.map(|event| topic(&event)).transpose()?;
    let result = match door.webhooks.test(&ctx, named(&id)?, wanted).await.map_err(|error| known(error, &id))? {
        Trial::Answered { status, body } => TrialView {
            success: (200..300).contains(&status),
            response_status: Some(status),
            response_body: Some(body).filter(|body| !body.is_empty()),
            error_message: None,
        },
        Trial::Failed(why) => {
            TrialView { error_message: Some(format!("Failed to test webhook: {why}")), ..TrialView::default() }
        }
    };
    Ok(Json(OfTrial { result }))
}

fn known(error: Error, id: &str) -> Error {
    if error.code() == "WEBHOOK_NOT_FOUND" { absent(id) } else { error }
}
