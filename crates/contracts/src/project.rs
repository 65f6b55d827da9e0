//! Projects: what apply says.

use pitcrew_kernel::Digest;
use serde::{Deserialize, Serialize};

use crate::event;

/// A project's declarations became what is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProjectApplied {
    /// The project.
    pub project: String,
    /// Digest of its code.
    pub code: Digest,
    /// How many objects were created, updated or removed.
    pub changes: usize,
}
event!(ProjectApplied, "project.applied", "project", |e| &e.project, |e| format!(
    "{} applied, {} changes",
    e.project, e.changes
));
