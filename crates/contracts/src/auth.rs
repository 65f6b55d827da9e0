//! Who may call: what happened to tokens. Never their secrets.

use pitcrew_kernel::{Access, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event;

/// A token was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenCreated {
    /// Its id.
    pub token: String,
    /// What it is for.
    pub name: String,
    /// What it allows.
    pub access: Access,
    /// When it stops working.
    pub expires_at: Timestamp,
}
event!(TokenCreated, "auth.token_created", "token", |e| &e.token, |e| format!(
    "token {} made: {} access until {}",
    e.name,
    format!("{:?}", e.access).to_lowercase(),
    e.expires_at
));

/// A token was withdrawn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenRevoked {
    /// Its id.
    pub token: String,
    /// What it was for.
    pub name: String,
}
event!(TokenRevoked, "auth.token_revoked", "token", |e| &e.token, |e| format!("token {} withdrawn", e.name));
