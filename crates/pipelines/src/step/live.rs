//! Which steps this process works on, and how they are told to end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pitcrew_contracts::names::{PipelineRunId, StepName};
use tokio_util::sync::CancellationToken;

/// The tokens of the steps under way.
#[derive(Debug, Default)]
pub(crate) struct LiveSteps(Mutex<HashMap<(PipelineRunId, StepName), CancellationToken>>);

/// A step under way; it is forgotten when this is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    steps: Arc<LiveSteps>,
    key: (PipelineRunId, StepName),
    pub(crate) token: CancellationToken,
}

impl LiveSteps {
    /// A step is worked on.
    pub(crate) fn enter(self: &Arc<Self>, run: PipelineRunId, step: &StepName) -> Entry {
        let (key, token) = ((run, step.clone()), CancellationToken::new());
        self.map().insert(key.clone(), token.clone());
        Entry { steps: Arc::clone(self), key, token }
    }

    /// Tells the steps of a run to end.
    pub(crate) fn cancel(&self, run: PipelineRunId) {
        self.map().iter().filter(|((of, _), _)| *of == run).for_each(|(_, token)| token.cancel());
    }

    /// Whether the step is worked on here.
    pub(crate) fn has(&self, run: &str, step: &str) -> bool {
        self.map().keys().any(|(of, name)| name.as_str() == step && of.to_string() == run)
    }

    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<(PipelineRunId, StepName), CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.steps.map().remove(&self.key);
    }
}
