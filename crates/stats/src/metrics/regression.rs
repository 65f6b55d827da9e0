//! Regression: how far predictions are from labels.

use serde::{Deserialize, Serialize};

use super::Estimate;
use crate::special::student_quantile;
use crate::summary::Moments;

/// Errors of a stream of predictions, mergeable in any order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct RegressionMetrics {
    /// `prediction - label`.
    error: Moments,
    absolute: Moments,
    squared: Moments,
    label: Moments,
    label_magnitude: Moments,
    /// The co-moment of absolute error and label magnitude, for the interval of their ratio.
    co_moment: f64,
    skipped: u64,
}

impl RegressionMetrics {
    /// Adds one pair. Pairs that are not finite are counted apart, in [`Self::skipped`].
    pub fn push(&mut self, prediction: f64, label: f64) {
        let error = prediction - label;
        if !error.is_finite() {
            self.skipped += 1;
            return;
        }
        let mut one = Self::default();
        one.error.push(error);
        one.absolute.push(error.abs());
        one.squared.push(error * error);
        one.label.push(label);
        one.label_magnitude.push(label.abs());
        self.merge(&one);
    }

    /// Adds another stream.
    pub fn merge(&mut self, other: &Self) {
        if let (Some(a), Some(b), Some(x), Some(y)) =
            (self.absolute.mean(), other.absolute.mean(), self.label_magnitude.mean(), other.label_magnitude.mean())
        {
            let (n, m) = (self.n() as f64, other.n() as f64);
            self.co_moment += (b - a) * (y - x) * n * m / (n + m);
        }
        self.co_moment += other.co_moment;
        self.error.merge(&other.error);
        self.absolute.merge(&other.absolute);
        self.squared.merge(&other.squared);
        self.label.merge(&other.label);
        self.label_magnitude.merge(&other.label_magnitude);
        self.skipped += other.skipped;
    }

    /// Pairs counted.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.error.count()
    }

    /// Pairs left out because a side was not finite.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The mean absolute error.
    #[must_use]
    pub fn mae(&self) -> Option<f64> {
        self.absolute.mean()
    }

    /// The root of the mean squared error.
    #[must_use]
    pub fn rmse(&self) -> Option<f64> {
        self.squared.mean().map(f64::sqrt)
    }

    /// The mean error; above zero when predictions are too high.
    #[must_use]
    pub fn bias(&self) -> Option<f64> {
        self.error.mean()
    }

    /// The weighted absolute percentage error, `sum |error| / sum |label|`; `None` when all labels are zero.
    #[must_use]
    pub fn wape(&self) -> Option<f64> {
        let magnitude = self.label_magnitude.mean()?;
        (magnitude > 0.0).then_some(self.absolute.mean()? / magnitude)
    }

    /// The coefficient of determination; `None` when the labels do not vary.
    #[must_use]
    pub fn r2(&self) -> Option<f64> {
        let spread = self.label.squared_deviations();
        (spread > 0.0).then_some(1.0 - self.squared.sum() / spread)
    }

    /// The mean absolute error with Student's interval at `level`, for predictions whose errors are independent. For errors
    /// with a memory use [`batch_means_interval`].
    #[must_use]
    pub fn mae_estimate(&self, level: f64) -> Option<Estimate> {
        mean_estimate(&self.absolute, level)
    }

    /// The bias with Student's interval at `level`.
    #[must_use]
    pub fn bias_estimate(&self, level: f64) -> Option<Estimate> {
        mean_estimate(&self.error, level)
    }

    /// The root mean squared error with an interval at `level`, through that of the mean square.
    #[must_use]
    pub fn rmse_estimate(&self, level: f64) -> Option<Estimate> {
        let square = mean_estimate(&self.squared, level)?;
        let root = |v: f64| v.max(0.0).sqrt();
        Some(Estimate {
            value: root(square.value),
            lower: square.lower.map(root),
            upper: square.upper.map(root),
            n: square.n,
        })
    }

    /// The weighted absolute percentage error with an interval at `level`, as a ratio of means (Cochran 1977, chapter 6).
    #[must_use]
    pub fn wape_estimate(&self, level: f64) -> Option<Estimate> {
        let value = self.wape()?;
        let magnitude = self.label_magnitude.mean()?;
        let n = self.n() as f64;
        let residual = self.absolute.squared_deviations() - 2.0 * value * self.co_moment
            + value * value * self.label_magnitude.squared_deviations();
        let half = (self.n() > 1).then(|| {
            let error = (residual.max(0.0) / (n - 1.0) / n).sqrt() / magnitude;
            student_quantile(0.5 + level / 2.0, n - 1.0) * error
        });
        Some(Estimate { value, lower: half.map(|h| (value - h).max(0.0)), upper: half.map(|h| value + h), n: self.n() })
    }

    /// A metric by its declared name: `mae`, `rmse`, `bias`, `wape`, `r2`. `None` for other names or without data.
    #[must_use]
    pub fn estimate(&self, metric: &str, level: f64) -> Option<Estimate> {
        match metric {
            "mae" => self.mae_estimate(level),
            "rmse" => self.rmse_estimate(level),
            "bias" => self.bias_estimate(level),
            "wape" => self.wape_estimate(level),
            "r2" => self.r2().map(|value| Estimate { value, lower: None, upper: None, n: self.n() }),
            _ => None,
        }
    }
}

fn mean_estimate(moments: &Moments, level: f64) -> Option<Estimate> {
    let value = moments.mean()?;
    let n = moments.count() as f64;
    let half = moments.variance().map(|v| student_quantile(0.5 + level / 2.0, n - 1.0) * (v / n).sqrt());
    Some(Estimate { value, lower: half.map(|h| value - h), upper: half.map(|h| value + h), n: moments.count() })
}

/// The mean of a series in time order with an interval at `level` from means of complete batches (Schmeiser 1982): honest
/// when neighbours resemble each other, as hourly errors do. Without two complete batches there is no interval.
#[must_use]
pub fn batch_means_interval(series: &[f64], batch: usize, level: f64) -> Option<Estimate> {
    let finite: Vec<f64> = series.iter().copied().filter(|v| v.is_finite()).collect();
    let value = Moments::of(&finite).mean()?;
    let mut batches = Moments::default();
    for chunk in finite.chunks_exact(batch.max(1)) {
        batches.push(chunk.iter().sum::<f64>() / chunk.len() as f64);
    }
    let estimate = mean_estimate(&batches, level);
    let half = estimate.and_then(|e| Some((e.upper? - e.lower?) / 2.0));
    Some(Estimate { value, lower: half.map(|h| value - h), upper: half.map(|h| value + h), n: finite.len() as u64 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn metrics(pairs: &[(f64, f64)]) -> RegressionMetrics {
        let mut metrics = RegressionMetrics::default();
        pairs.iter().for_each(|(p, y)| metrics.push(*p, *y));
        metrics
    }

    #[test]
    fn agrees_with_scikit_learn() {
        // y = [3, -0.5, 2, 7], p = [2.5, 0, 2, 8]: the example of the scikit-learn manual.
        let found = metrics(&[(2.5, 3.0), (0.0, -0.5), (2.0, 2.0), (8.0, 7.0), (f64::NAN, 1.0)]);
        assert!((found.mae().unwrap() - 0.5).abs() < 1e-12);
        assert!((found.rmse().unwrap() - 0.375f64.sqrt()).abs() < 1e-12);
        assert!((found.r2().unwrap() - 0.948_608_137_044_967_9).abs() < 1e-12);
        assert!((found.wape().unwrap() - 2.0 / 12.5).abs() < 1e-12);
        assert!((found.bias().unwrap() - 0.25).abs() < 1e-12);
        assert_eq!((found.n(), found.skipped()), (4, 1));
    }

    #[test]
    fn intervals_are_students() {
        let found = metrics(&[(1.0, 0.0), (2.0, 0.0), (3.0, 0.0), (4.0, 0.0)]);
        let mae = found.estimate("mae", 0.95).unwrap();
        // mean 2.5, s = 1.2909944, t(3) = 3.1824463, half = 2.0542603
        assert!((mae.upper.unwrap() - 4.554_260_3).abs() < 1e-6);
        assert!((mae.lower.unwrap() - 0.445_739_7).abs() < 1e-6);
        assert_eq!(found.wape(), None);
        assert_eq!(found.r2(), None);
        assert_eq!(found.estimate("f1", 0.95), None);
        assert_eq!(metrics(&[(1.0, 0.0)]).mae_estimate(0.95).unwrap().lower, None);
        assert_eq!(RegressionMetrics::default().mae(), None);
    }

    #[test]
    fn batches_widen_the_interval_of_a_series_with_memory() {
        let slow: Vec<f64> = (0..400).map(|i| (f64::from(i) / 60.0).sin()).collect();
        let naive = batch_means_interval(&slow, 1, 0.95).unwrap();
        let honest = batch_means_interval(&slow, 40, 0.95).unwrap();
        assert!(honest.upper.unwrap() - honest.value > 3.0 * (naive.upper.unwrap() - naive.value));
        assert_eq!(batch_means_interval(&slow[..50], 40, 0.95).unwrap().lower, None);
        assert_eq!(batch_means_interval(&[f64::NAN], 1, 0.95), None);
    }

    proptest! {
        #[test]
        fn merging_equals_one_stream(
            pairs in prop::collection::vec((-1e3..1e3f64, -1e3..1e3f64), 2..80),
            cut in 0usize..80,
        ) {
            let cut = cut.min(pairs.len());
            let whole = metrics(&pairs);
            let mut merged = metrics(&pairs[..cut]);
            merged.merge(&metrics(&pairs[cut..]));
            for name in ["mae", "rmse", "bias", "wape", "r2"] {
                let (a, b) = (whole.estimate(name, 0.95).unwrap(), merged.estimate(name, 0.95).unwrap());
                prop_assert!((a.value - b.value).abs() <= 1e-7 * (1.0 + a.value.abs()), "{name}");
                let (a, b) = (a.upper.unwrap_or(0.0), b.upper.unwrap_or(0.0));
                prop_assert!((a - b).abs() <= 1e-6 * (1.0 + a.abs()), "{name} {a} {b}");
            }
        }
    }
}
