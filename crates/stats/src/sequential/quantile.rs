//! Latency quantiles: is the candidate's tail longer than the champion's by more than is allowed?

use serde::{Deserialize, Serialize};

use super::GuardVerdict;
use crate::latency::LatencyHistogram;
use crate::special::ln_beta;

/// How many observations the prior on the quantile's rank is worth; quickest near ten times as many.
const PRIOR_WEIGHT: f64 = 100.0;

/// Where a latency quantile lies, at every look at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuantileInterval {
    /// The quantile is at least this.
    pub lower_us: u64,
    /// The quantile is at most this; `None` while too few latencies bound it from above.
    pub upper_us: Option<u64>,
}

/// A confidence sequence for the quantile `q` of independent latencies (Howard and Ramdas, "Sequential estimation of
/// quantiles", 2022, with a beta-binomial mixture for the boundary). `None` without data or with `q` or `alpha` outside
/// `(0, 1)`.
#[must_use]
pub fn quantile_interval(latencies: &LatencyHistogram, q: f64, alpha: f64) -> Option<QuantileInterval> {
    let n = latencies.count();
    if n == 0 || !(q > 0.0 && q < 1.0) || !(alpha > 0.0 && alpha < 1.0) {
        return None;
    }
    // How many of n latencies may lie at or below the true quantile before the count itself is beyond belief.
    let refuted = |below: u64| mixture(below, n, q) >= -alpha.ln();
    let centre = ((q * n as f64).round() as u64).min(n);
    let fewest = first_kept(0, centre, &refuted);
    let most = n - first_kept(0, n - centre, &|above| refuted(n - above));
    let lower_us = if fewest == 0 { 0 } else { latencies.at_rank(fewest)?.0 };
    let upper_us = latencies.at_rank(most + 1).map(|(_, high)| high);
    Some(QuantileInterval { lower_us, upper_us })
}

/// The smallest value in `low..=high` that is not refuted, when refutation only ever ends on the way up.
fn first_kept(mut low: u64, mut high: u64, refuted: &dyn Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if refuted(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The logarithm of the mixture likelihood ratio of `below` of `n` against probability `q`.
fn mixture(below: u64, n: u64, q: f64) -> f64 {
    let (hits, misses) = (below as f64, (n - below) as f64);
    let (a, b) = (PRIOR_WEIGHT * q, PRIOR_WEIGHT * (1.0 - q));
    ln_beta(a + hits, b + misses) - ln_beta(a, b) - hits * q.ln() - misses * (-q).ln_1p()
}

/// Whether the candidate's quantile `q` is above `max_ratio` times the champion's. Half of `alpha` goes to each side; the
/// chance of ever saying `Breached` when it is not is at most `alpha`. Until the champion's quantile is bounded from above
/// (for p99, some 600 requests) it holds.
#[must_use]
pub fn quantile_guard(
    champion: &LatencyHistogram,
    candidate: &LatencyHistogram,
    q: f64,
    max_ratio: f64,
    alpha: f64,
) -> GuardVerdict {
    let intervals = (quantile_interval(champion, q, alpha / 2.0), quantile_interval(candidate, q, alpha / 2.0));
    let (Some(champion), Some(candidate)) = intervals else { return GuardVerdict::NoData };
    match champion.upper_us {
        Some(upper) if candidate.lower_us as f64 > max_ratio * upper as f64 => GuardVerdict::Breached,
        _ => GuardVerdict::Holds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even(count: u64, step: u64) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::new();
        (1..=count).for_each(|i| histogram.record(i * step));
        histogram
    }

    #[test]
    fn the_interval_holds_the_quantile_and_narrows() {
        let few = quantile_interval(&even(100, 10), 0.5, 0.05).unwrap();
        assert!(few.lower_us < 500 && few.upper_us.unwrap() > 500);
        let many = quantile_interval(&even(10_000, 10), 0.5, 0.05).unwrap();
        assert!(many.lower_us > 47_000 && many.upper_us.unwrap() < 53_500, "{many:?}");
        assert_eq!(quantile_interval(&LatencyHistogram::new(), 0.5, 0.05), None);
    }

    #[test]
    fn the_tail_is_not_bounded_by_a_handful() {
        let few = quantile_interval(&even(100, 10), 0.99, 0.05).unwrap();
        assert_eq!(few.upper_us, None);
        assert!(few.lower_us > 0);
        assert!(quantile_interval(&even(2000, 10), 0.99, 0.05).unwrap().upper_us.is_some());
    }

    #[test]
    fn a_longer_tail_is_caught_and_noise_is_not() {
        let champion = even(5000, 1);
        assert_eq!(quantile_guard(&champion, &even(500, 100), 0.99, 5.0, 0.05), GuardVerdict::Breached);
        assert_eq!(quantile_guard(&champion, &even(500, 11), 0.99, 5.0, 0.05), GuardVerdict::Holds);
        assert_eq!(quantile_guard(&even(50, 1), &even(50, 1000), 0.99, 5.0, 0.05), GuardVerdict::Holds);
        assert_eq!(quantile_guard(&champion, &LatencyHistogram::new(), 0.99, 5.0, 0.05), GuardVerdict::NoData);
    }
}
