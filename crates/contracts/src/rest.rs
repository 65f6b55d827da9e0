//! Whether the loop is at rest: nothing undelivered, nothing queued, nothing waiting to be looked at.

use async_trait::async_trait;

/// A part that may have work under way which no table shows.
#[async_trait]
pub trait Settle: Send + Sync {
    /// Pushes what is buffered to where it can be seen (a log flush) and says what is still under way; `None` when nothing is.
    async fn settle(&self) -> Option<String>;
}
