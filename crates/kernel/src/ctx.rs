//! Who asks, with what rights, and why.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a caller may do. Each level includes the ones before it. Roles and grants come on top of this later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Nothing but public routes.
    Public,
    /// See everything.
    Read,
    /// Change things.
    Write,
    /// Manage tokens, apply projects from server folders, collect garbage.
    Admin,
}

/// What led to an act: an alert, a schedule, a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// `user`, `alert`, `schedule`, `event`, `pipeline_run` or `release`.
    pub kind: String,
    /// The id of that thing.
    pub id: String,
    /// One sentence for people.
    pub summary: String,
}

/// The caller of a use case: first argument of every service method.
#[derive(Debug, Clone)]
pub struct Ctx {
    /// `local`, `token:<name>` or `system:<part>`.
    pub actor: String,
    /// What the caller may do.
    pub access: Access,
    /// The id of the request this belongs to, for logs.
    pub request_id: String,
    /// What led to this act, when it is not the caller's own idea.
    pub cause: Option<Cause>,
}

impl Ctx {
    /// A part of Pitcrew acting by itself.
    pub fn system(part: &str) -> Self {
        Self { actor: format!("system:{part}"), access: Access::Admin, request_id: String::new(), cause: None }
    }

    /// The same caller, led by `cause`.
    #[must_use]
    pub fn because(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    /// The first line of every use case.
    ///
    /// # Errors
    /// `FORBIDDEN` when the caller's access is below `needed`.
    pub fn require(&self, needed: Access) -> Result<()> {
        if self.access >= needed {
            return Ok(());
        }
        Err(Error::forbidden("FORBIDDEN", format!("`{}` may not do this: it needs {needed:?} access", self.actor))
            .hint("use a token with more access: `pitcrew token create --access write`"))
    }
}
