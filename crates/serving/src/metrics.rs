//! What Prometheus reads of serving.

use pitcrew_contracts::release::Role;
use pitcrew_kernel::{Error, Result};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::model::ArmKind;

/// Upper bounds of the latency buckets, in seconds: from a tree model's microseconds to a patient caller's limit.
const BUCKETS: [f64; 14] =
    [0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];
const ARM: [&str; 3] = ["deployment", "version", "arm"];

/// The metrics of one server.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    requests: IntCounterVec,
    unseen: IntCounterVec,
    failures: IntCounterVec,
    latency: HistogramVec,
    refused: IntCounterVec,
    shadows_skipped: IntCounter,
    queue: IntGauge,
    dropped: IntCounter,
    labels: IntCounterVec,
}

/// The metrics of one version in one arm.
#[derive(Debug, Clone)]
pub(crate) struct ArmMetrics {
    requests: IntCounter,
    unseen: IntCounter,
    failures: IntCounter,
    latency: Histogram,
}

impl ArmMetrics {
    pub(crate) fn count(&self, role: Role, failed: bool, latency_us: u64) {
        if role == Role::Served { &self.requests } else { &self.unseen }.inc();
        if failed {
            self.failures.inc();
        } else {
            self.latency.observe(latency_us as f64 / 1e6);
        }
    }
}

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// `INTERNAL` when one of them is registered already.
    pub(crate) fn register(registry: &Registry) -> Result<Self> {
        let name = |name: &str| format!("pitcrew_serving_{name}");
        let counters = |what: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name(what), help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let made = || {
            let latency = HistogramOpts::new(name("latency_seconds"), "Time a model took for one request.")
                .buckets(BUCKETS.to_vec());
            let metrics = Self {
                requests: counters("requests_total", "Requests a version answered.", &ARM)?,
                unseen: counters("unseen_total", "Requests a version computed that nobody saw.", &ARM)?,
                failures: counters("failures_total", "Requests a version failed, unseen ones included.", &ARM)?,
                latency: HistogramVec::new(latency, &ARM)?,
                refused: counters("refused_total", "Requests that no version could answer.", &["deployment"])?,
                shadows_skipped: IntCounter::new(
                    name("shadows_skipped_total"),
                    "Unseen runs left out because too many were under way.",
                )?,
                queue: IntGauge::new(name("log_queue"), "Requests that wait to be written to the inference log.")?,
                dropped: IntCounter::new(name("log_dropped_total"), "Predictions that were not logged.")?,
                labels: counters("labels_total", "Labels received.", &["deployment", "result"])?,
            };
            registry.register(Box::new(metrics.latency.clone()))?;
            registry.register(Box::new(metrics.shadows_skipped.clone()))?;
            registry.register(Box::new(metrics.queue.clone()))?;
            registry.register(Box::new(metrics.dropped.clone()))?;
            Ok::<_, prometheus::Error>(metrics)
        };
        made().map_err(|source| Error::internal("serving's metrics cannot be registered", source))
    }

    pub(crate) fn arm(&self, deployment: &str, version: i64, arm: ArmKind) -> ArmMetrics {
        let version = version.to_string();
        let labels = [deployment, version.as_str(), arm.name()];
        ArmMetrics {
            requests: self.requests.with_label_values(&labels),
            unseen: self.unseen.with_label_values(&labels),
            failures: self.failures.with_label_values(&labels),
            latency: self.latency.with_label_values(&labels),
        }
    }

    pub(crate) fn refused(&self, deployment: &str) {
        self.refused.with_label_values(&[deployment]).inc();
    }

    pub(crate) fn shadow_skipped(&self) {
        self.shadows_skipped.inc();
    }

    pub(crate) fn log_queued(&self, requests: usize) {
        self.queue.set(i64::try_from(requests).unwrap_or(i64::MAX));
    }

    pub(crate) fn log_dropped(&self, rows: u64) {
        self.dropped.inc_by(rows);
    }

    pub(crate) fn labels(&self, deployment: &str, result: &str, count: u64) {
        self.labels.with_label_values(&[deployment, result]).inc_by(count);
    }
}
