//! Judging one window: pure, from the log and the training profile.

use std::collections::BTreeMap;

use pitcrew_contracts::names::MonitorName;
use pitcrew_contracts::spec::{MetricBound, Monitor};
use pitcrew_kernel::Timestamp;
use pitcrew_stats::drift::{DriftBaseline, DriftReport, Reading, Verdict};
use pitcrew_stats::metrics::RegressionMetrics;
use pitcrew_stats::multiple::bonferroni;
use pitcrew_stats::reference::Feature;

use crate::model::{DriftEntry, Estimate, Quality, Window, WindowState};
use crate::profile::ReferenceProfile;
use crate::tally::{Sample, Tally};

const METRICS: [&str; 5] = ["mae", "rmse", "wape", "r2", "bias"];
const LEVEL: f64 = 0.95;
/// Statistics tested for each feature: values (twice), missing, unseen.
const TESTS_A_FEATURE: f64 = 4.0;

/// Judges the window `[start, end)` of `spec` from what was counted in it.
pub fn evaluate(
    name: &MonitorName,
    spec: &Monitor,
    (start, end): (Timestamp, Timestamp),
    tally: &Tally,
    profile: Option<&ReferenceProfile>,
) -> Window {
    let metrics = figures(&tally.errors);
    let found = profile.map(|profile| drift(profile, &tally.sample, spec.drift.false_alarm_rate));
    let outside = found.as_ref().map(|(_, outside)| *outside);
    let drift = found.map(|(entries, _)| entries).unwrap_or_default();
    Window {
        monitor: name.clone(),
        start,
        end,
        state: judge(&spec.objectives, &metrics, tally.labels, spec.min_samples),
        revision: 1,
        predictions: tally.served,
        labels: tally.labels,
        coverage: if tally.served == 0 { 0.0 } else { tally.labels as f64 / tally.served as f64 },
        quality: quality(tally, outside),
        metrics,
        drift_sample: tally.sample.drawn().filter(|_| !drift.is_empty()),
        drift,
        versions: tally.versions.iter().map(|(version, count)| (version.to_string(), *count)).collect(),
    }
}

fn figures(metrics: &RegressionMetrics) -> BTreeMap<String, Estimate> {
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

/// What each feature and the prediction did, and how many values of features in the sample lie outside of the range training saw.
fn drift(profile: &ReferenceProfile, sample: &Sample, rate: f64) -> (Vec<DriftEntry>, u64) {
    let mut found = Vec::new();
    let mut outside = 0;
    for (name, baseline) in &profile.features {
        let values = sample.feature(name);
        let Some((entry, p_value)) = entry(name, "input", baseline, &values) else { continue };
        let present = values.iter().filter(|value| value.is_finite()).count();
        outside += (entry.unseen * present as f64).round() as u64;
        found.push((entry, p_value));
    }
    found.extend(entry("prediction", "prediction", &profile.prediction, &sample.predictions()));
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

/// Values outside are counted in the sample; of a window that was sampled, the number of all of them is estimated.
fn quality(tally: &Tally, outside: Option<u64>) -> Quality {
    let scale = tally.sample.drawn().map_or(1.0, |drawn| tally.answered as f64 / drawn.max(1) as f64);
    Quality {
        missing: tally.missing(),
        out_of_range: outside.map(|outside| (outside as f64 * scale).round() as u64),
        failures: tally.served - tally.answered,
    }
}
