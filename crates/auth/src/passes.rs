//! Passes: bearer secrets for processes that this server started, so that their calls are known without a person handing them a token.
//!
//! They live in memory only. A process never outlives its server (orphans are ended at the next start), so neither does its pass.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use pitcrew_kernel::{Access, Ctx, Ids};

use crate::tokens::{hash, new_secret};

/// Who the bearers of passes are, by the digest of the secret.
#[derive(Default)]
pub(crate) struct Passes(RwLock<HashMap<String, (String, Access)>>);

impl Passes {
    /// Lets a caller in until the pass is dropped.
    pub(crate) fn admit(self: &Arc<Self>, ids: &dyn Ids, actor: String, access: Access) -> Pass {
        let secret = new_secret(ids);
        let hash = hash(&secret);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(hash.clone(), (actor, access));
        Pass { secret, hash, known: Arc::clone(self) }
    }

    /// Who the bearer of the secret with this digest is.
    pub(crate) fn bearer(&self, hash: &str, request_id: &str) -> Option<Ctx> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (actor, access) = known.get(hash)?;
        Some(Ctx { actor: actor.clone(), access: *access, request_id: request_id.to_owned(), cause: None })
    }
}

/// Lets a process call this server. It ends when it is dropped.
pub struct Pass {
    secret: String,
    hash: String,
    known: Arc<Passes>,
}

impl Pass {
    /// The secret: what the process sends as `Authorization: Bearer`.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").finish_non_exhaustive()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.known.0.write().unwrap_or_else(PoisonError::into_inner).remove(&self.hash);
    }
}
