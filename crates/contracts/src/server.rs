//! The server itself: what it did to what it keeps.

use serde::{Deserialize, Serialize};

use crate::event;

/// Objects that nothing referred to were removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GarbageCollected {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}
event!(GarbageCollected, "server.garbage_collected", "server", |_e| "objects", |e| format!(
    "{} objects with {} bytes removed that nothing referred to",
    e.objects, e.bytes
));
