//! Judging one window: pure, from the log and the training profile.

use std::collections::BTreeMap;

use pitcrew_contracts::names::MonitorName;
use pitcrew_contracts::release::{LogSlice, LoggedPrediction, Role};
use pitcrew_contracts::spec::{MetricBound, Monitor};
use pitcrew_kernel::Timestamp;
use pitcrew_stats::drift::{DriftBaseline, DriftReport, Reading, Verdict};
use pitcrew_stats::metrics::RegressionMetrics;
use pitcrew_stats::multiple::bonferroni;
use pitcrew_stats::reference::Feature;

use crate::model::{DriftEntry, Estimate, Quality, Window, WindowState};
use crate::profile::ReferenceProfile;

const METRICS: [&str; 5] = ["mae", "rmse", "wape", "r2", "bias"];
const LEVEL: f64 = 0.95;
/// Statistics tested for each feature: values (twice), missing, unseen.
const TESTS_A_FEATURE: f64 = 4.0;

/// Judges the window `[start, end)` of `spec` from the rows of the log that lie in it.
pub fn evaluate(
    name: &MonitorName,
    spec: &Monitor,
    (start, end): (Timestamp, Timestamp),
    log: &LogSlice,
    profile: Option<&ReferenceProfile>,
) -> Window {
    let served: Vec<&LoggedPrediction> = log.rows.iter().filter(|row| row.role == Role::Served).collect();
    let answered: Vec<&LoggedPrediction> = served.iter().copied().filter(|row| !row.failed).collect();
    let labels = answered.iter().filter(|row| row.label.is_some()).count() as u64;
    let metrics = figures(&answered);
    let found = profile.map(|profile| drift(profile, log, &answered, spec.drift.false_alarm_rate));
    let out_of_range = found.as_ref().map(|(_, outside)| *outside);
    let drift = found.map(|(entries, _)| entries).unwrap_or_default();
    let predictions = served.len() as u64;
    Window {
        monitor: name.clone(),
        start,
        end,
        state: judge(&spec.objectives, &metrics, labels, spec.min_samples),
        revision: 1,
        predictions,
        labels,
        coverage: if predictions == 0 { 0.0 } else { labels as f64 / predictions as f64 },
        quality: quality(&served, answered.len(), out_of_range),
        metrics,
        drift,
        versions: count_versions(&served),
    }
}

fn figures(answered: &[&LoggedPrediction]) -> BTreeMap<String, Estimate> {
    let mut metrics = RegressionMetrics::default();
    for row in answered {
        if let Some(label) = row.label {
            metrics.push(row.prediction, label);
        }
    }
    METRICS
        .iter()
        .filter_map(|name| {
            let found = metrics.estimate(name, LEVEL).filter(|found| found.value.is_finite())?;
            let finite = |bound: Option<f64>| bound.filter(|value| value.is_finite());
            Some((
                (*name).to_owned(),
                Estimate { value: found.value, lower: finite(found.lower), upper: finite(found.upper), n: found.n },
            ))
        })
        .collect()
}

/// No data beats everything: what cannot be known is neither met nor missed.
fn judge(
    objectives: &[MetricBound],
    metrics: &BTreeMap<String, Estimate>,
    labels: u64,
    min_samples: u64,
) -> WindowState {
    if labels < min_samples.max(1) {
        return WindowState::NoData;
    }
    let misses = |objective: &MetricBound| {
        metrics.get(&objective.metric).map(|found| {
            objective.max.is_some_and(|max| found.value > max) || objective.min.is_some_and(|min| found.value < min)
        })
    };
    let verdicts: Vec<Option<bool>> = objectives.iter().map(misses).collect();
    if verdicts.contains(&Some(true)) {
        WindowState::Breach
    } else if verdicts.contains(&None) {
        WindowState::NoData
    } else {
        WindowState::Ok
    }
}

/// What each feature and the prediction did, and how many values of features lie outside of the range training saw.
fn drift(profile: &ReferenceProfile, log: &LogSlice, rows: &[&LoggedPrediction], rate: f64) -> (Vec<DriftEntry>, u64) {
    let mut found = Vec::new();
    let mut outside = 0;
    for (name, baseline) in &profile.features {
        // A feature the log does not know was not sent: every value of it is missing.
        let column = log.features.iter().position(|feature| feature == name);
        let values: Vec<f64> =
            rows.iter().map(|row| column.and_then(|at| row.features.get(at).copied()).unwrap_or(f64::NAN)).collect();
        let Some((entry, p_value)) = entry(name, "input", baseline, &values) else { continue };
        let present = values.iter().filter(|value| value.is_finite()).count();
        outside += (entry.unseen * present as f64).round() as u64;
        found.push((entry, p_value));
    }
    let predictions: Vec<f64> = rows.iter().map(|row| row.prediction).collect();
    found.extend(entry("prediction", "prediction", &profile.prediction, &predictions));
    let adjusted = bonferroni(&found.iter().map(|(_, p_value)| *p_value).collect::<Vec<_>>());
    let entries = found
        .into_iter()
        .zip(adjusted)
        .map(|((mut entry, _), p_value)| {
            // The profile's thresholds hold its own rate; a monitor may ask for a stricter one.
            if entry.verdict == "drifted" && p_value > rate {
                entry.verdict = "stable".to_owned();
            }
            entry
        })
        .collect();
    (entries, outside)
}

fn entry(name: &str, kind: &str, baseline: &DriftBaseline, values: &[f64]) -> Option<(DriftEntry, f64)> {
    let report = baseline.evaluate(Feature::Numeric(values)).ok()?;
    let (method, reading) = loudest(&report);
    let parts = [Some(report.psi), report.wasserstein, Some(report.missing), Some(report.unseen)];
    let smallest = parts.iter().flatten().map(|reading| reading.p_value).fold(1.0, f64::min);
    let entry = DriftEntry {
        feature: name.to_owned(),
        kind: kind.to_owned(),
        method: method.to_owned(),
        value: reading.value,
        threshold: reading.threshold,
        verdict: match report.verdict {
            Verdict::Stable => "stable",
            Verdict::Drifted => "drifted",
            Verdict::NoData => "no_data",
        }
        .to_owned(),
        missing: report.missing.value,
        unseen: report.outside,
    };
    Some((entry, (smallest * TESTS_A_FEATURE).min(1.0)))
}

/// The statistic that passed its threshold, or came closest to it.
fn loudest(report: &DriftReport) -> (&'static str, Reading) {
    let ratio = |reading: &Reading| if reading.threshold > 0.0 { reading.value / reading.threshold } else { 0.0 };
    let all = [
        ("psi", Some(report.psi)),
        ("wasserstein", report.wasserstein),
        ("missing", Some(report.missing)),
        ("unseen", Some(report.unseen)),
    ];
    let drifted =
        all.iter().filter_map(|(name, reading)| reading.filter(|r| r.verdict == Verdict::Drifted).map(|r| (*name, r)));
    let candidates: Vec<(&'static str, Reading)> = drifted.collect();
    let pool = if candidates.is_empty() {
        vec![("psi", Some(report.psi)), ("wasserstein", report.wasserstein)]
            .into_iter()
            .filter_map(|(n, r)| Some((n, r?)))
            .collect()
    } else {
        candidates
    };
    pool.into_iter().max_by(|a, b| ratio(&a.1).total_cmp(&ratio(&b.1))).unwrap_or(("psi", report.psi))
}

fn quality(served: &[&LoggedPrediction], answered: usize, out_of_range: Option<u64>) -> Quality {
    let missing = served.iter().flat_map(|row| &row.features).filter(|value| value.is_nan()).count() as u64;
    Quality { missing, out_of_range, failures: (served.len() - answered) as u64 }
}

fn count_versions(served: &[&LoggedPrediction]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for row in served {
        *counts.entry(row.version.to_string()).or_default() += 1;
    }
    counts
}
