//! The native HTTP API of webhooks: what there is and how it fares. Clients make and change them through MLflow's API.

use std::sync::Arc;

use axum::extract::State;
use pitcrew_kernel::{Access, Page, PageRequest};
use pitcrew_outbound::shown;
use pitcrew_web::{Answer, Api, Caller, Json, Query};
use serde_json::{Value, json};

use super::Webhooks;
use super::model::Webhook;

/// The routes.
pub fn routes(webhooks: Arc<Webhooks>) -> Api {
    Api::builder::<Arc<Webhooks>>().get("/api/v1/webhooks", Access::Admin, list_webhooks).with_state(webhooks)
}

async fn list_webhooks(
    State(webhooks): State<Arc<Webhooks>>,
    caller: Caller,
    Query(page): Query<PageRequest>,
) -> Answer<Json<Page<Value>>> {
    let found = webhooks.list(&caller.0, &page).await?;
    Ok(Json(Page { items: found.items.iter().map(view).collect(), next: found.next }))
}

fn view(webhook: &Webhook) -> Value {
    let topics: Vec<String> = webhook.topics.iter().map(ToString::to_string).collect();
    let failure = webhook.failure.as_ref().map(|failure| json!({"at": failure.at, "why": failure.why}));
    json!({
        "id": webhook.id, "name": webhook.name, "description": webhook.description, "target": shown(&webhook.url),
        "topics": topics, "active": webhook.active, "last_failure": failure,
        "created_at": webhook.created_at, "updated_at": webhook.updated_at,
    })
}
