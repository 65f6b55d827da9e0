//! Shares: how sure are we of a fraction seen in `n` trials.

use crate::special::normal_quantile;

/// Wilson's score interval for `successes` out of `n` at a two-sided confidence `level` such as 0.95 (Wilson 1927).
///
/// Good at small `n` and at shares near 0 and 1, where the textbook interval is wrong. `None` when `n` is zero,
/// `successes > n`, or the level is not in `(0, 1)`.
#[must_use]
pub fn wilson_interval(successes: u64, n: u64, level: f64) -> Option<(f64, f64)> {
    if n == 0 || successes > n || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let z = normal_quantile(0.5 + level / 2.0);
    let (n, p) = (n as f64, successes as f64 / n as f64);
    let centre = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    // At the ends the formula gives exactly 0 and 1 but for rounding.
    let lower = if successes == 0 { 0.0 } else { ((centre - half) / scale).max(0.0) };
    let upper = if p >= 1.0 { 1.0 } else { ((centre + half) / scale).min(1.0) };
    Some((lower, upper))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_statsmodels() {
        // statsmodels.stats.proportion.proportion_confint(8, 10, method="wilson")
        let (lower, upper) = wilson_interval(8, 10, 0.95).unwrap();
        assert!((lower - 0.490_162_471_536_64).abs() < 1e-9);
        assert!((upper - 0.943_317_848_545_624).abs() < 1e-9);
        assert_eq!(wilson_interval(0, 0, 0.95), None);
        assert_eq!(wilson_interval(3, 2, 0.95), None);
    }

    proptest! {
        #[test]
        fn holds_the_share_and_stays_in_the_unit_interval(n in 1u64..5000, part in 0.0..=1.0f64) {
            let k = (part * n as f64) as u64;
            let (lower, upper) = wilson_interval(k, n, 0.99).unwrap();
            let share = k as f64 / n as f64;
            prop_assert!(0.0 <= lower && lower <= share && share <= upper && upper <= 1.0);
        }
    }
}
