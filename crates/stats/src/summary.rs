//! Quantiles and streaming moments, the bricks of everything else.

use serde::{Deserialize, Serialize};

/// The finite values of a slice in ascending order; `NaN` and infinities are left out.
#[must_use]
pub fn sorted_finite(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The quantile at `q` in `[0, 1]` of an ascending slice, by linear interpolation (Hyndman and Fan 1996, type 7, the default
/// of numpy and R). `None` when the slice is empty or `q` is not in `[0, 1]`.
#[must_use]
pub fn quantile_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    if sorted.is_empty() || !(0.0..=1.0).contains(&q) {
        return None;
    }
    let position = q * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let low = sorted[below];
    let high = sorted[(below + 1).min(sorted.len() - 1)];
    Some(low + (high - low) * (position - below as f64))
}

/// Count, mean, spread and range of a stream, mergeable in any order (Chan, Golub and others 1979).
///
/// The range of an empty stream is kept as zeros, so that every state can be stored as JSON, which knows no infinities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    n: u64,
    mean: f64,
    m2: f64,
    min: f64,
    max: f64,
}

impl Moments {
    /// The moments of the finite values of a slice.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut moments = Self::default();
        for value in values {
            moments.push(*value);
        }
        moments
    }

    /// Adds one value; a value that is not finite is ignored.
    pub fn push(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.n += 1;
        let delta = value - self.mean;
        self.mean += delta / self.n as f64;
        self.m2 += delta * (value - self.mean);
        self.min = if self.n == 1 { value } else { self.min.min(value) };
        self.max = if self.n == 1 { value } else { self.max.max(value) };
    }

    /// Adds another stream.
    pub fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        if self.n == 0 {
            *self = *other;
            return;
        }
        let (a, b) = (self.n as f64, other.n as f64);
        let delta = other.mean - self.mean;
        self.mean += delta * b / (a + b);
        self.m2 += other.m2 + delta * delta * a * b / (a + b);
        self.n += other.n;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many finite values were seen.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.n
    }

    /// The mean, once there is a value.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean)
    }

    /// The sum of all values; zero for an empty stream.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.mean * self.n as f64
    }

    /// The sum of squared deviations from the mean.
    #[must_use]
    pub const fn squared_deviations(&self) -> f64 {
        self.m2
    }

    /// The sample variance (divisor n - 1), once there are two values.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        (self.n > 1).then(|| self.m2 / (self.n - 1) as f64)
    }

    /// The sample standard deviation, once there are two values.
    #[must_use]
    pub fn std(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }

    /// The smallest value, once there is one.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.n > 0).then_some(self.min)
    }

    /// The largest value, once there is one.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.n > 0).then_some(self.max)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_interpolate_like_numpy() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        // numpy.quantile([1, 2, 4, 8], [0, .25, .5, .9, 1])
        assert_eq!(quantile_sorted(&sorted, 0.0), Some(1.0));
        assert_eq!(quantile_sorted(&sorted, 0.25), Some(1.75));
        assert_eq!(quantile_sorted(&sorted, 0.5), Some(3.0));
        assert!((quantile_sorted(&sorted, 0.9).unwrap() - 6.8).abs() < 1e-12);
        assert_eq!(quantile_sorted(&sorted, 1.0), Some(8.0));
        assert_eq!(quantile_sorted(&[], 0.5), None);
        assert_eq!(quantile_sorted(&sorted, f64::NAN), None);
    }

    #[test]
    fn moments_of_a_known_sample() {
        let m = Moments::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0, f64::NAN, f64::INFINITY]);
        assert_eq!(m.count(), 8);
        assert_eq!(m.mean(), Some(5.0));
        assert!((m.variance().unwrap() - 32.0 / 7.0).abs() < 1e-12);
        assert_eq!((m.min(), m.max()), (Some(2.0), Some(9.0)));
        assert_eq!(Moments::default().mean(), None);
    }

    proptest! {
        #[test]
        fn merging_equals_one_stream(values in prop::collection::vec(-1e6..1e6f64, 0..200), cut in 0usize..200) {
            let cut = cut.min(values.len());
            let whole = Moments::of(&values);
            let mut merged = Moments::of(&values[..cut]);
            merged.merge(&Moments::of(&values[cut..]));
            prop_assert_eq!(whole.count(), merged.count());
            prop_assert!((whole.sum() - merged.sum()).abs() <= 1e-6 * (1.0 + whole.sum().abs()));
            prop_assert!((whole.m2 - merged.m2).abs() <= 1e-6 * (1.0 + whole.m2));
            prop_assert_eq!(whole.min(), merged.min());
        }
    }
}
