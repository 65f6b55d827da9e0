//! What a candidate and a version must be like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rules of a gate. All must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// Bounds every candidate must keep.
    pub floors: Vec<MetricBound>,
    /// Comparison with the current champion on the same held-out rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub champion: Option<BeatChampion>,
    /// What a version must have before an alias may point to it.
    #[serde(skip_serializing_if = "Require::is_nothing")]
    pub require: Require,
}

/// What a version must have before an alias may point to it, whoever moves the alias.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Require {
    /// For these aliases; for all when empty.
    pub aliases: Vec<String>,
    /// The gate let it in.
    pub gate: bool,
    /// It has a description.
    pub description: bool,
    /// It has these tags, none of them empty.
    pub tags: Vec<String>,
}

impl Require {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A bound on a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricBound {
    /// `mae`, `rmse`, `wape`, `r2` or `bias`.
    pub metric: String,
    /// The greatest allowed value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The least allowed value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
}

/// The candidate must not be worse than the champion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeatChampion {
    /// The metric compared.
    pub metric: String,
    /// How much worse it may be, as a share of the champion's value.
    #[serde(default)]
    pub tolerance: f64,
}
