//! Every spawned task has an owner that waits for it.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// The tasks of one server. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// No task yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task. It must end soon after [`Tasks::stopping`] completes.
    #[expect(clippy::disallowed_methods, reason = "the tracker is the owner that a bare spawn lacks")]
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let tracked = self.tracker.track_future(async move {
            task.await;
            debug!(task = name, "task ended");
        });
        drop(tokio::spawn(tracked));
    }

    /// Completes when the server is asked to stop.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// A token that is cancelled when the server is asked to stop.
    pub fn token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Asks every task to end and waits at most `patience`.
    pub async fn stop(&self, patience: Duration) {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(patience, self.tracker.wait()).await.is_err() {
            warn!(left = self.tracker.len(), "tasks did not end in time; going on without them");
        }
    }
}
