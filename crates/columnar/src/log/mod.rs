//! The inference log: one row for each prediction, with what was asked, what was answered, by whom and how fast.
//!
//! Serving collects rows in a [`LogBuilder`] and stores each full builder as one Parquet file; monitoring reads them back as an
//! [`InferenceLog`]. The columns are a contract that pandas, Polars and `DuckDB` can rely on: [`FIXED_LOG_COLUMNS`], then one
//! `feature_<name>` for each feature.

mod read;
mod write;

use pitcrew_kernel::{Error, Result};
use serde::{Deserialize, Serialize};

pub use read::{InferenceLog, read_log};
pub use write::LogBuilder;

/// The columns every inference log has, in order; `event_time` and `at` are timestamps, `version` and `latency_us` integers,
/// `prediction` a number that is null when there is none, the rest texts.
pub const FIXED_LOG_COLUMNS: [&str; 11] = [
    "request_id",
    "event_time",
    "at",
    "deployment",
    "model",
    "version",
    "arm",
    "role",
    "status",
    "latency_us",
    "prediction",
];
/// Feature columns are named with this in front, so that no feature can be taken for a fixed column.
pub(crate) const FEATURE_PREFIX: &str = "feature_";

/// How exactly a feature is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Number {
    /// As 32-bit numbers: what most models read.
    F32,
    /// As 64-bit numbers.
    F64,
}

/// One feature of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFeature {
    /// Its name, as the model knows it.
    pub name: String,
    /// How exactly it is kept.
    pub number: Number,
}

/// The features of a log, in the order rows give them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSchema {
    features: Vec<LogFeature>,
}

impl LogSchema {
    /// A log with these features.
    ///
    /// # Errors
    /// `SCHEMA_INVALID` when names are empty or occur twice, or are too many.
    pub fn new(features: Vec<LogFeature>) -> Result<Self> {
        use crate::schema::{ColumnType, Field, Schema};
        if !features.is_empty() {
            Schema::new(features.iter().map(|f| Field::new(f.name.clone(), ColumnType::Float, true)).collect())
                .map_err(|error| error.context("features of the inference log"))?;
        }
        Ok(Self { features })
    }

    /// The features.
    #[must_use]
    pub fn features(&self) -> &[LogFeature] {
        &self.features
    }
}

/// Whether an answer went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It did.
    Served,
    /// It was made beside the served one, for comparison.
    Shadow,
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Shadow => "shadow",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        match name {
            "served" => Ok(Self::Served),
            "shadow" => Ok(Self::Shadow),
            other => Err(Error::invalid("LOG_INVALID", format!("`{other}` is no role in an inference log"))),
        }
    }
}

/// One prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogRow<'a> {
    /// What labels are joined by.
    pub request_id: &'a str,
    /// When it happened in the world, in microseconds since 1970-01-01 UTC.
    pub event_time_us: i64,
    /// When it was answered, in microseconds since 1970-01-01 UTC.
    pub at_us: i64,
    /// The deployment that answered.
    pub deployment: &'a str,
    /// Its model.
    pub model: &'a str,
    /// The model's version.
    pub version: i64,
    /// The arm: `champion` or `candidate`.
    pub arm: &'a str,
    /// Whether this answer went out.
    pub role: Role,
    /// `ok`, or a word for what went wrong.
    pub status: &'a str,
    /// How long it took, in microseconds.
    pub latency_us: i64,
    /// The answer; `NaN` when there is none.
    pub prediction: f64,
    /// The features in the schema's order; `NaN` where missing.
    pub features: &'a [f64],
}
