//! The training profile: frozen when a version is registered, compared with every window it serves.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pitcrew_columnar::{Table, read_parquet_file};
use pitcrew_contracts::monitoring::References;
use pitcrew_contracts::serving::{LoadedModel, ModelSignature, score_columns};
use pitcrew_kernel::{Error, Result};
use pitcrew_stats::drift::{DriftBaseline, DriftOptions};
use pitcrew_stats::reference::Feature;
use serde::{Deserialize, Serialize};

/// Rows of the windows thresholds are calibrated for; smaller windows get thresholds of their own.
const WINDOW_ROWS: usize = 168;
/// Fewer present values than this say nothing about drift.
const MIN_ROWS: usize = 24;
/// Chance of a false alarm a window, over all features together, at which thresholds are set.
const FALSE_ALARM_RATE: f64 = 0.01;

/// What training data looked like, feature by feature, and what the model made of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReferenceProfile {
    /// Training rows.
    pub rows: u64,
    /// By feature.
    pub features: Vec<(String, DriftBaseline)>,
    /// The predictions on the training rows.
    pub prediction: DriftBaseline,
}

impl ReferenceProfile {
    /// Reads a stored profile.
    ///
    /// # Errors
    /// `INTERNAL` when the bytes are none.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes)
            .map_err(|source| Error::internal("a stored training profile does not read", source))
    }
}

/// Builds training profiles.
#[derive(Debug, Default, Clone, Copy)]
pub struct TrainingProfiles;

#[async_trait]
impl References for TrainingProfiles {
    async fn build(&self, model: Arc<dyn LoadedModel>, training: &Path) -> Result<Bytes> {
        let path = training.to_path_buf();
        let profile = tokio::task::spawn_blocking(move || build(model.as_ref(), &path))
            .await
            .map_err(|source| Error::internal("building a training profile did not finish", source))??;
        let text = serde_json::to_vec(&profile)
            .map_err(|source| Error::internal("a training profile does not serialise", source))?;
        Ok(text.into())
    }
}

fn build(model: &dyn LoadedModel, training: &Path) -> Result<ReferenceProfile> {
    let table = read_parquet_file(training)?;
    let columns = features(model.signature(), &table)?;
    let options = DriftOptions {
        window_rows: WINDOW_ROWS,
        false_alarm_rate: FALSE_ALARM_RATE,
        features: columns.len() + 1,
        min_rows: MIN_ROWS,
        // Training tables are written in time order, and neighbouring hours resemble each other: windows must be cut as time cuts them.
        ordered: true,
        ..DriftOptions::default()
    };
    let baseline = |name: &str, values: &[f64]| {
        DriftBaseline::calibrate(Feature::Numeric(values), &options).map_err(|source| {
            Error::precondition("PROFILE_IMPOSSIBLE", format!("no training profile can be made of `{name}`: {source}"))
        })
    };
    let predictions = score_columns(model, &columns)?;
    let prediction = baseline("prediction", &predictions)?;
    let features =
        columns.iter().map(|(name, values)| Ok((name.clone(), baseline(name, values)?))).collect::<Result<_>>()?;
    Ok(ReferenceProfile { rows: u64::try_from(table.rows()).unwrap_or(u64::MAX), features, prediction })
}

/// The columns the model takes, by its own names.
fn features(signature: &ModelSignature, table: &Table) -> Result<Vec<(String, Vec<f64>)>> {
    let names: Vec<&String> = if signature.features.is_empty() {
        signature.inputs.iter().map(|input| &input.name).collect()
    } else {
        signature.features.iter().collect()
    };
    names.into_iter().map(|name| Ok((name.clone(), table.numeric(name)?))).collect()
}
