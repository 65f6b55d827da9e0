//! The server's own routes: status, events, apply, audit, tokens, garbage.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use pitcrew_auth::ChainCheck;
use pitcrew_contracts::event::Envelope;
use pitcrew_kernel::{Access, Page, PageRequest, Result, Span};
use pitcrew_web::{Answer, Api, Caller, Json, Query};
use pitcrew_work::{EventFilter, events_after, events_latest, events_matching, last_seq};
use serde::Deserialize;
use serde_json::{Value, json};

use super::core::{Core, GC_GRACE};
use super::store;

type Shared = State<Arc<Core>>;

/// Longest a caller may wait for the loop to come to rest.
const MAX_REST_WAIT: Duration = Duration::from_secs(120);
/// The most of the latest events that are answered.
const MAX_LATEST: i64 = 1_000;
/// Events read at once when a page catches up.
const CATCH_UP: i64 = 500;

pub(crate) fn routes(core: Arc<Core>) -> Api {
    Api::builder::<Arc<Core>>()
        .get("/api/v1/status", Access::Read, status)
        .get("/api/v1/rest", Access::Read, rest)
        .post("/api/v1/apply", Access::Admin, apply)
        .get("/api/v1/projects", Access::Read, projects)
        .get("/api/v1/events", Access::Read, events)
        .get("/api/v1/events/stream", Access::Read, event_stream)
        .get("/api/v1/audit", Access::Admin, audit)
        .get("/api/v1/audit/verify", Access::Admin, verify_audit)
        .post("/api/v1/tokens", Access::Admin, create_token)
        .get("/api/v1/tokens", Access::Admin, list_tokens)
        .delete("/api/v1/tokens/{id}", Access::Admin, revoke_token)
        .post("/api/v1/gc", Access::Admin, collect_garbage)
        .with_state(core)
}

async fn status(State(core): Shared, _caller: Caller) -> Answer<Json<Value>> {
    Ok(Json(core.status().await?))
}

#[derive(Deserialize)]
struct Rest {
    timeout_ms: Option<u64>,
}

async fn rest(State(core): Shared, _caller: Caller, Query(query): Query<Rest>) -> Answer<Json<Value>> {
    let patience = query.timeout_ms.map_or(MAX_REST_WAIT, Duration::from_millis).min(MAX_REST_WAIT);
    core.come_to_rest(patience).await?;
    Ok(Json(core.status().await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Apply {
    root: String,
    #[serde(default)]
    dry_run: bool,
}

async fn apply(State(core): Shared, caller: Caller, Json(body): Json<Apply>) -> Answer<Json<Value>> {
    let applied = core.applier.apply(&caller.0, &body.root, body.dry_run).await?;
    Ok(Json(json!(applied)))
}

async fn projects(State(core): Shared, caller: Caller) -> Answer<Json<Value>> {
    caller.0.require(Access::Read)?;
    Ok(Json(json!({ "items": core.db.read(store::projects).await?, "next": null })))
}

#[derive(Deserialize)]
struct Events {
    after: Option<i64>,
    latest: Option<i64>,
    limit: Option<usize>,
    name: Option<String>,
    subject: Option<String>,
}

async fn events(State(core): Shared, caller: Caller, Query(query): Query<Events>) -> Answer<Json<Page<Envelope>>> {
    caller.0.require(Access::Read)?;
    let limit = PageRequest { limit: query.limit, page: None }.limit()?;
    let filter = EventFilter { name: query.name, subject: query.subject };
    if let Some(latest) = query.latest {
        let items = core.db.read(move |tx| events_latest(tx, &filter, latest.clamp(1, MAX_LATEST))).await?;
        return Ok(Json(Page { items, next: None }));
    }
    let (after, count) = (query.after.unwrap_or(0), i64::try_from(limit).unwrap_or(i64::MAX));
    let items = core.db.read(move |tx| events_matching(tx, &filter, after, count)).await?;
    let next = items.last().filter(|_| items.len() == limit).map(|event| event.seq.to_string());
    Ok(Json(Page { items, next }))
}

/// Live events. A page that was away says where it was with `Last-Event-ID` and misses nothing.
async fn event_stream(
    State(core): Shared,
    caller: Caller,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    caller.0.require(Access::Read)?;
    let resume = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
    let from = match resume {
        Some(seq) => seq,
        None => core.db.read(last_seq).await?,
    };
    let listener = core.pump.listen();
    let state = Feed { core, from, listener, ready: Vec::new() };
    let stream = futures_util::stream::unfold(state, |mut feed| async move {
        let event = feed.next().await?;
        Some((Ok(event), feed))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

struct Feed {
    core: Arc<Core>,
    from: i64,
    listener: tokio::sync::broadcast::Receiver<Arc<Envelope>>,
    /// Read from the table, oldest last.
    ready: Vec<Envelope>,
}

impl Feed {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(envelope) = self.ready.pop() {
                self.from = envelope.seq;
                return as_event(&envelope);
            }
            let from = self.from;
            self.ready = self.core.db.read(move |tx| events_after(tx, from, CATCH_UP)).await.ok()?;
            self.ready.reverse();
            if self.ready.is_empty() && !self.wait().await {
                return None;
            }
        }
    }

    /// Whether there may be more; the table, not the channel, says what.
    async fn wait(&mut self) -> bool {
        use tokio::sync::broadcast::error::RecvError;
        tokio::select! {
            heard = self.listener.recv() => !matches!(heard, Err(RecvError::Closed)),
            () = self.core.tasks.stopping() => false,
        }
    }
}

fn as_event(envelope: &Envelope) -> Option<Event> {
    Event::default().id(envelope.seq.to_string()).event(&envelope.name).json_data(envelope).ok()
}

#[derive(Deserialize)]
struct Audit {
    limit: Option<usize>,
    page: Option<i64>,
}

async fn audit(State(core): Shared, caller: Caller, Query(query): Query<Audit>) -> Answer<Json<Value>> {
    caller.0.require(Access::Admin)?;
    let limit = PageRequest { limit: query.limit, page: None }.limit()?;
    let count = i64::try_from(limit).unwrap_or(i64::MAX);
    let items = core.db.read(move |tx| pitcrew_auth::audit_page(tx, query.page, count)).await?;
    let next = items.last().filter(|_| items.len() == limit).map(|entry| entry.seq.to_string());
    Ok(Json(json!({ "items": items, "next": next })))
}

async fn verify_audit(State(core): Shared, caller: Caller) -> Answer<Json<ChainCheck>> {
    caller.0.require(Access::Admin)?;
    Ok(Json(core.db.read(pitcrew_auth::verify_chain).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateToken {
    name: String,
    access: Access,
    expires_in: Option<Span>,
}

async fn create_token(State(core): Shared, caller: Caller, Json(body): Json<CreateToken>) -> Answer<Json<Value>> {
    let token = core.auth.create_token(&caller.0, &body.name, body.access, body.expires_in.map(Span::duration)).await?;
    Ok(Json(json!(token)))
}

async fn list_tokens(State(core): Shared, caller: Caller) -> Answer<Json<Value>> {
    Ok(Json(json!({ "items": core.auth.tokens(&caller.0).await?, "next": null })))
}

async fn revoke_token(State(core): Shared, caller: Caller, Path(id): Path<String>) -> Answer<Json<Value>> {
    core.auth.revoke_token(&caller.0, &id).await?;
    Ok(Json(json!({ "id": id, "revoked": true })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gc {
    #[serde(default)]
    dry_run: bool,
    older_than: Option<Span>,
}

async fn collect_garbage(State(core): Shared, caller: Caller, Json(body): Json<Gc>) -> Answer<Json<Value>> {
    let grace = body.older_than.map_or(GC_GRACE, Span::duration);
    Ok(Json(core.collect_garbage(&caller.0, grace, body.dry_run).await?))
}

#[cfg(test)]
mod tests;
