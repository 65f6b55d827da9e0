//! A small web server that hears of alerts, as a chat room would.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use pitcrew_kernel::{Error, Result};
use serde_json::Value;
use tokio::net::TcpListener;

/// The most notifications kept; later ones are answered and counted no more.
const MAX_KEPT: usize = 1_000;

type Heard = Arc<Mutex<Vec<Value>>>;

/// A receiver on loopback, on a free port.
#[derive(Debug)]
pub(crate) struct Hook {
    listener: TcpListener,
    url: String,
    heard: Heard,
}

/// What a receiver has heard; readable while it serves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ear(Heard);

impl Hook {
    /// Binds a free port on loopback.
    ///
    /// # Errors
    /// `DEMO_HOOK_UNAVAILABLE`.
    pub(crate) async fn bind() -> Result<Self> {
        let unavailable = |source: std::io::Error| {
            Error::unavailable("DEMO_HOOK_UNAVAILABLE", "no free port on loopback for the webhook receiver")
                .with_source(source)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        Ok(Self { listener, url: format!("http://{address}/alerts"), heard: Heard::default() })
    }

    /// Where to send notifications.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A view of what is heard.
    pub(crate) fn ear(&self) -> Ear {
        Ear(Arc::clone(&self.heard))
    }

    /// Serves until dropped.
    pub(crate) async fn serve(self) -> std::io::Result<()> {
        let app = Router::new().route("/alerts", post(hear)).with_state(self.heard);
        axum::serve(self.listener, app).await
    }
}

impl Ear {
    /// The notifications so far, oldest first. One that was sent again, because its answer was lost, counts once.
    pub(crate) fn heard(&self) -> Vec<Value> {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut known = HashSet::new();
        heard.retain(|note| known.insert(note["event_id"].to_string()));
        heard
    }
}

async fn hear(State(heard): State<Heard>, Json(note): Json<Value>) -> StatusCode {
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    if heard.len() < MAX_KEPT {
        heard.push(note);
    }
    StatusCode::NO_CONTENT
}
