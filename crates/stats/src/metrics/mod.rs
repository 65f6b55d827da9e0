//! Metrics of models against labels, streaming and mergeable, with intervals.

mod binary;
mod regression;

use serde::{Deserialize, Serialize};

pub use binary::{BinaryMetrics, auc};
pub use regression::{RegressionMetrics, batch_means_interval};

/// A metric with what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The metric.
    pub value: f64,
    /// The lower end of the interval, where one is known.
    pub lower: Option<f64>,
    /// The upper end of the interval, where one is known.
    pub upper: Option<f64>,
    /// Labelled predictions it rests on.
    pub n: u64,
}
