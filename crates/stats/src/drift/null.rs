//! What a statistic does when nothing changed, and where its threshold must therefore stand.

use serde::{Deserialize, Serialize};

use crate::summary::{quantile_sorted, sorted_finite};

/// The body of the distribution is kept as this many quantiles.
const BODY_POINTS: usize = 21;
/// The tail beyond this quantile is fitted. Far enough out to be a tail, near enough to rest on many windows.
const TAIL_FROM: f64 = 0.75;
/// Shapes beyond these are estimates gone wrong: a bounded tail must leave room, a heavy one must not swallow every change.
const SHAPE_LIMITS: (f64, f64) = (-0.5, 0.25);
/// No p-value is reported below this; the fit says nothing there.
const SMALLEST_P: f64 = 1e-9;

/// A statistic's distribution over reference windows: empirical in its body, generalised Pareto in its tail (peaks over
/// threshold with L-moment estimates; Hosking and Wallis 1987), because a false-alarm rate of one in thousands lies beyond
/// what a year of windows can show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NullDistribution {
    /// Evenly spaced quantiles from the smallest to [`TAIL_FROM`].
    body: Vec<f64>,
    start: f64,
    share: f64,
    scale: f64,
    shape: f64,
    largest: f64,
    windows: u64,
}

impl NullDistribution {
    /// Fits the statistics of the reference windows. `None` when there are fewer than ten.
    #[must_use]
    pub fn fit(statistics: &[f64]) -> Option<Self> {
        const FEWEST: usize = 10;
        let sorted = sorted_finite(statistics);
        if sorted.len() < FEWEST {
            return None;
        }
        let start = quantile_sorted(&sorted, TAIL_FROM)?;
        let largest = *sorted.last()?;
        let body = (0..BODY_POINTS)
            .filter_map(|i| quantile_sorted(&sorted, TAIL_FROM * i as f64 / (BODY_POINTS - 1) as f64))
            .collect();
        let excess: Vec<f64> = sorted.iter().filter(|v| **v > start).map(|v| v - start).collect();
        let (scale, shape) = fit_pareto(&excess);
        let share = excess.len() as f64 / sorted.len() as f64;
        Some(Self { body, start, share, scale, shape, largest, windows: sorted.len() as u64 })
    }

    /// How many reference windows it rests on.
    #[must_use]
    pub const fn windows(&self) -> u64 {
        self.windows
    }

    /// The largest value any reference window showed.
    #[must_use]
    pub const fn largest(&self) -> f64 {
        self.largest
    }

    /// The chance that an unchanged window shows at least this value.
    #[must_use]
    pub fn p_value(&self, value: f64) -> f64 {
        if value <= self.start {
            let below = self.body.partition_point(|v| *v < value);
            return (1.0 - TAIL_FROM * below.saturating_sub(1) as f64 / (BODY_POINTS - 1) as f64).max(self.share);
        }
        if self.scale <= 0.0 {
            return SMALLEST_P;
        }
        let z = (value - self.start) / self.scale;
        let survival =
            if self.shape.abs() < 1e-9 { (-z).exp() } else { (1.0 + self.shape * z).max(0.0).powf(-1.0 / self.shape) };
        (self.share * survival).clamp(SMALLEST_P, 1.0)
    }

    /// The value an unchanged window passes at the stated rate; never below the largest one seen when the rate is rarer than
    /// one in the windows seen.
    #[must_use]
    pub fn threshold(&self, rate: f64) -> f64 {
        if rate >= self.share || self.scale <= 0.0 {
            let rank = ((1.0 - rate) / TAIL_FROM).clamp(0.0, 1.0);
            return quantile_sorted(&self.body, rank).unwrap_or(self.start).max(if self.scale <= 0.0 {
                self.start
            } else {
                f64::MIN
            });
        }
        let ratio = self.share / rate;
        let excess = if self.shape.abs() < 1e-9 {
            self.scale * ratio.ln()
        } else {
            self.scale / self.shape * (ratio.powf(self.shape) - 1.0)
        };
        let fitted = self.start + excess;
        if rate * (self.windows as f64) < 1.0 { fitted.max(self.largest) } else { fitted }
    }
}

/// Scale and shape of a generalised Pareto law from its first two L-moments.
fn fit_pareto(excess: &[f64]) -> (f64, f64) {
    let n = excess.len() as f64;
    if excess.len() < 2 {
        return (excess.first().copied().unwrap_or(0.0), 0.0);
    }
    let mean = excess.iter().sum::<f64>() / n;
    // The second L-moment, half the mean absolute difference, from the ascending order.
    let weighted: f64 = excess.iter().enumerate().map(|(i, v)| i as f64 / (n - 1.0) * v).sum::<f64>() / n;
    let spread = 2.0 * weighted - mean;
    if mean <= 0.0 || spread <= 0.0 {
        return (mean, 0.0);
    }
    let shape = (2.0 - mean / spread).clamp(SHAPE_LIMITS.0, SHAPE_LIMITS.1);
    ((1.0 - shape) * mean, shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exponential() -> Vec<f64> {
        (0..2000).map(|i| -(1.0 - (f64::from(i) + 0.5) / 2000.0).ln()).collect()
    }

    #[test]
    fn an_exponential_law_is_found_again() {
        let null = NullDistribution::fit(&exponential()).unwrap();
        assert!((null.threshold(0.01) - 100f64.ln()).abs() < 0.1, "{}", null.threshold(0.01));
        assert!((null.threshold(0.0005) - 2000f64.ln()).abs() < 0.5);
        assert!((null.p_value(100f64.ln()) - 0.01).abs() < 0.002);
        assert!((null.p_value(2f64.ln()) - 0.5).abs() < 0.02);
    }

    #[test]
    fn a_bounded_law_is_not_stretched_beyond_reason() {
        let uniform: Vec<f64> = (0..500).map(|i| f64::from(i) / 500.0).collect();
        let null = NullDistribution::fit(&uniform).unwrap();
        assert!(null.threshold(1e-5) < 1.3);
        assert!(null.threshold(1e-5) >= null.largest());
    }

    #[test]
    fn threshold_and_p_value_agree() {
        let null = NullDistribution::fit(&exponential()).unwrap();
        for rate in [0.2, 0.1, 0.01, 0.001] {
            assert!((null.p_value(null.threshold(rate)) / rate - 1.0).abs() < 0.1, "at {rate}");
        }
        let mut last = f64::INFINITY;
        for rate in [0.001, 0.01, 0.1, 0.2, 0.3, 0.5, 0.9] {
            assert!(null.threshold(rate) <= last);
            last = null.threshold(rate);
        }
    }

    #[test]
    fn a_statistic_that_never_moves_flags_any_move() {
        let null = NullDistribution::fit(&[0.0; 50]).unwrap();
        assert_eq!(null.threshold(0.001), 0.0);
        assert!(null.p_value(0.1) < 1e-6);
        assert!(NullDistribution::fit(&[1.0; 9]).is_none());
    }
}
