//! What monitoring keeps of each window.

use std::collections::BTreeMap;

use pitcrew_contracts::names::MonitorName;
use pitcrew_kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// The verdict on a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowState {
    /// Every objective is met.
    Ok,
    /// An objective is missed.
    Breach,
    /// Too few labelled predictions to say.
    NoData,
}

impl WindowState {
    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Breach => "breach",
            Self::NoData => "no_data",
        }
    }
}

/// A figure with what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of its 95 % interval, where there is one.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Labelled predictions.
    pub n: u64,
}

/// What one feature, or the prediction, did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftEntry {
    /// The feature; `prediction` for the prediction.
    pub feature: String,
    /// `input` or `prediction`.
    pub kind: String,
    /// `psi` or `wasserstein`: the statistic that stands out most.
    pub method: String,
    /// Its value.
    pub value: f64,
    /// What unchanged windows of this size stay below.
    pub threshold: f64,
    /// `stable`, `drifted` or `no_data`.
    pub verdict: String,
    /// Share of missing values.
    pub missing: f64,
    /// Share of values outside of what training saw.
    pub unseen: f64,
}

/// Counts of what is wrong with the inputs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Missing feature values.
    pub missing: u64,
    /// Feature values outside of the range training saw; `None` when no training profile says what that is.
    pub out_of_range: Option<u64>,
    /// Failed predictions.
    pub failures: u64,
}

/// One judged stretch of event time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// The monitor.
    pub monitor: MonitorName,
    /// First moment within.
    pub start: Timestamp,
    /// First moment after.
    pub end: Timestamp,
    /// The verdict.
    pub state: WindowState,
    /// Counts how often it was judged anew with other data, from 1.
    pub revision: i64,
    /// Predictions served.
    pub predictions: u64,
    /// Those with a label.
    pub labels: u64,
    /// Their share.
    pub coverage: f64,
    /// Figures by name.
    pub metrics: BTreeMap<String, Estimate>,
    /// Drift by feature.
    pub drift: Vec<DriftEntry>,
    /// Of how many predictions drift was judged, when the window holds more than can be kept. They are drawn by their request ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_sample: Option<u64>,
    /// What is wrong with the inputs.
    pub quality: Quality,
    /// Predictions by model version.
    pub versions: BTreeMap<String, u64>,
}

impl Window {
    /// The features that drifted.
    pub fn drifted(&self) -> Vec<String> {
        self.drift.iter().filter(|entry| entry.verdict == "drifted").map(|entry| entry.feature.clone()).collect()
    }
}
