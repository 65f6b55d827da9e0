//! Monitoring: what it says.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pitcrew_kernel::{Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event;
use crate::names::{AlertId, AlertRuleName, MonitorName, PipelineName};
use crate::serving::LoadedModel;

/// Inputs or predictions of a window differ from the training profile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DriftDetected {
    /// The monitor.
    pub monitor: MonitorName,
    /// Start of the window, in event time.
    pub start: Timestamp,
    /// End of the window, in event time.
    pub end: Timestamp,
    /// The features that drifted.
    pub features: Vec<String>,
}
event!(DriftDetected, "monitoring.drift_detected", "monitor", |e| &e.monitor, |e| format!(
    "{}: drift in {}",
    e.monitor,
    e.features.join(", ")
));

/// An alert changed state. The name of the event tells which: pending, fired or resolved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlertFacts {
    /// The alert.
    pub alert: AlertId,
    /// Its rule.
    pub rule: AlertRuleName,
    /// The monitor it watches.
    pub monitor: MonitorName,
    /// The metric.
    pub metric: String,
    /// Its value.
    pub value: f64,
    /// The objective it passed.
    pub threshold: f64,
    /// End of the window that changed the state, in event time.
    pub event_time: Timestamp,
    /// One sentence.
    pub summary: String,
}

/// The objective was missed for the first time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertPending(pub AlertFacts);
event!(AlertPending, "monitoring.alert_pending", "alert", |e| e.0.alert, |e| format!(
    "{} pending: {}",
    e.0.rule, e.0.summary
));

/// The objective was missed for long enough. Carries the declared action.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlertFired {
    /// The facts.
    #[serde(flatten)]
    pub facts: AlertFacts,
    /// The pipeline to run, when declared and not in its cool-down.
    pub run: Option<PipelineName>,
}
event!(AlertFired, "monitoring.alert_fired", "alert", |e| e.facts.alert, |e| format!(
    "{} firing: {}",
    e.facts.rule, e.facts.summary
));

/// The objective is met again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertResolved(pub AlertFacts);
event!(AlertResolved, "monitoring.alert_resolved", "alert", |e| e.0.alert, |e| format!(
    "{} resolved: {}",
    e.0.rule, e.0.summary
));

/// Freezes what the training data looked like, so that later windows can be compared with it.
#[async_trait]
pub trait References: Send + Sync {
    /// The reference profile of `model` trained on the Parquet table at `training`: its features, and its predictions on them.
    /// The bytes are opaque to the registry, which stores them beside the version.
    ///
    /// # Errors
    /// What reading the table and running the model can give.
    async fn build(&self, model: Arc<dyn LoadedModel>, training: &Path) -> Result<Bytes>;
}
