//! Binary classification: how good are probabilities, and how well do they rank.

use serde::{Deserialize, Serialize};

use super::Estimate;
use crate::proportion::wilson_interval;

/// Probabilities are kept this far from 0 and 1 before a logarithm, as scikit-learn does for doubles.
const PROBABILITY_FLOOR: f64 = f64::EPSILON;

/// Accuracy, log loss and Brier score of a stream of probabilities, mergeable in any order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BinaryMetrics {
    threshold: f64,
    n: u64,
    correct: u64,
    positives: u64,
    log_loss: f64,
    brier: f64,
    skipped: u64,
}

impl Default for BinaryMetrics {
    fn default() -> Self {
        Self::new(0.5)
    }
}

impl BinaryMetrics {
    /// Empty metrics; a probability of at least `threshold` predicts the positive class.
    #[must_use]
    pub const fn new(threshold: f64) -> Self {
        Self { threshold, n: 0, correct: 0, positives: 0, log_loss: 0.0, brier: 0.0, skipped: 0 }
    }

    /// Adds one probability with its label. Probabilities outside `[0, 1]` are counted apart, in [`Self::skipped`].
    pub fn push(&mut self, probability: f64, label: bool) {
        if !(0.0..=1.0).contains(&probability) {
            self.skipped += 1;
            return;
        }
        self.n += 1;
        self.positives += u64::from(label);
        self.correct += u64::from((probability >= self.threshold) == label);
        let said = if label { probability } else { 1.0 - probability };
        self.log_loss -= said.clamp(PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR).ln();
        self.brier += (1.0 - said) * (1.0 - said);
    }

    /// Adds another stream with the same threshold.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.correct += other.correct;
        self.positives += other.positives;
        self.log_loss += other.log_loss;
        self.brier += other.brier;
        self.skipped += other.skipped;
    }

    /// Labelled probabilities counted.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Pairs left out because the probability was none.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The share of positive labels.
    #[must_use]
    pub fn base_rate(&self) -> Option<f64> {
        self.mean(self.positives as f64)
    }

    /// The mean negative logarithm of the probability given to the truth.
    #[must_use]
    pub fn log_loss(&self) -> Option<f64> {
        self.mean(self.log_loss)
    }

    /// The mean squared error of the probability (Brier 1950).
    #[must_use]
    pub fn brier(&self) -> Option<f64> {
        self.mean(self.brier)
    }

    /// The share of right predictions, with Wilson's interval at `level`.
    #[must_use]
    pub fn accuracy(&self, level: f64) -> Option<Estimate> {
        let value = self.mean(self.correct as f64)?;
        let interval = wilson_interval(self.correct, self.n, level);
        Some(Estimate { value, lower: interval.map(|i| i.0), upper: interval.map(|i| i.1), n: self.n })
    }

    fn mean(&self, sum: f64) -> Option<f64> {
        (self.n > 0).then(|| sum / self.n as f64)
    }
}

/// The area under the ROC curve, exactly: the chance that a positive scores above a negative, ties counting half (Mann and
/// Whitney 1947). Pairs with a score that is `NaN` are left out; `None` unless both classes occur.
#[must_use]
pub fn auc(scored: &[(f64, bool)]) -> Option<f64> {
    let mut order: Vec<(f64, bool)> = scored.iter().copied().filter(|(score, _)| !score.is_nan()).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let positives = order.iter().filter(|(_, label)| *label).count() as f64;
    let negatives = order.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let (mut below, mut area) = (0.0, 0.0);
    #[expect(clippy::float_cmp, reason = "ties are exactly equal scores")]
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let hits = tied.iter().filter(|(_, label)| *label).count() as f64;
        let misses = tied.len() as f64 - hits;
        area += hits * (below + 0.5 * misses);
        below += misses;
    }
    Some(area / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_scikit_learn() {
        // The example of the scikit-learn manual: roc_auc_score([0, 0, 1, 1], [.1, .4, .35, .8]) == .75
        let scored = [(0.1, false), (0.4, false), (0.35, true), (0.8, true)];
        assert!((auc(&scored).unwrap() - 0.75).abs() < 1e-12);
        assert_eq!(auc(&[(0.3, true)]), None);
        assert!((auc(&[(0.5, true), (0.5, false)]).unwrap() - 0.5).abs() < 1e-12);

        let mut metrics = BinaryMetrics::default();
        scored.iter().for_each(|(p, y)| metrics.push(*p, *y));
        metrics.push(1.5, true);
        // log_loss = -(ln .9 + ln .6 + ln .35 + ln .8) / 4, brier = (.01 + .16 + .4225 + .04) / 4
        let log_loss = -(0.9f64.ln() + 0.6f64.ln() + 0.35f64.ln() + 0.8f64.ln()) / 4.0;
        assert!((metrics.log_loss().unwrap() - log_loss).abs() < 1e-12);
        assert!((metrics.brier().unwrap() - 0.158_125).abs() < 1e-12);
        assert_eq!(metrics.accuracy(0.95).unwrap().value, 0.75);
        assert_eq!((metrics.n(), metrics.skipped()), (4, 1));
        assert_eq!(metrics.base_rate(), Some(0.5));
    }

    #[test]
    fn a_sure_mistake_costs_much_but_not_everything() {
        let mut metrics = BinaryMetrics::default();
        metrics.push(0.0, true);
        assert!(metrics.log_loss().unwrap() > 30.0 && metrics.log_loss().unwrap().is_finite());
    }

    proptest! {
        #[test]
        fn auc_equals_the_count_over_pairs(scored in prop::collection::vec(((0u8..8).prop_map(f64::from), any::<bool>()), 2..40)) {
            let mut wins = 0.0;
            let mut pairs = 0.0;
            for (a, _) in scored.iter().filter(|s| s.1) {
                for (b, _) in scored.iter().filter(|s| !s.1) {
                    wins += if a > b { 1.0 } else if (a - b).abs() < 0.5 { 0.5 } else { 0.0 };
                    pairs += 1.0;
                }
            }
            match auc(&scored) {
                Some(found) => prop_assert!((found - wins / pairs).abs() < 1e-12),
                None => prop_assert!(pairs == 0.0),
            }
        }
    }
}
