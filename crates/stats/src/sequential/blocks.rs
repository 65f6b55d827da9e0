//! Making observations comparable before they are tested: blocks against autocorrelation, clipping against heavy tails.
//!
//! Errors of neighbouring hours resemble each other: twenty hours of rain are one piece of bad luck, not twenty. A test that
//! counts them as twenty is sure far too soon. Means of blocks longer than that memory are nearly independent, so they are
//! what the sequences test. The price is patience: the block is the unit of a decision.

use serde::{Deserialize, Serialize};

use crate::summary::{Moments, quantile_sorted, sorted_finite};

/// A block is this many integrated autocorrelation times long; the simulations keep their rates there, and not at two.
const BLOCK_TIMES: f64 = 2.5;

/// Collects observations into means of complete blocks, in the order they come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockMeans {
    size: u64,
    open: Moments,
    closed: Moments,
}

impl BlockMeans {
    /// Blocks of `size` observations; zero counts as one.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { size: size.max(1) as u64, open: Moments::default(), closed: Moments::default() }
    }

    /// Adds one finite observation; true when that completed a block.
    pub fn push(&mut self, value: f64) -> bool {
        self.open.push(value);
        if self.open.count() < self.size {
            return false;
        }
        if let Some(mean) = self.open.mean() {
            self.closed.push(mean);
        }
        self.open = Moments::default();
        true
    }

    /// The moments of the completed block means.
    #[must_use]
    pub const fn means(&self) -> &Moments {
        &self.closed
    }

    /// Observations seen, those of the open block included.
    #[must_use]
    pub const fn observations(&self) -> u64 {
        self.closed.count() * self.size + self.open.count()
    }
}

/// The block length that a reference series in time order asks for: two and a half times its integrated autocorrelation time (Geyer's initial
/// positive sequence, 1992), at least one, at most `max`. Choose it from data older than the comparison, such as the
/// champion's own errors, so that the test does not look before it leaps.
#[must_use]
pub fn block_length(reference: &[f64], max: usize) -> usize {
    let values: Vec<f64> = reference.iter().copied().filter(|v| v.is_finite()).collect();
    let moments = Moments::of(&values);
    let (Some(mean), variance) = (moments.mean(), moments.squared_deviations()) else { return 1 };
    if variance <= 0.0 {
        return 1;
    }
    let correlation = |lag: usize| -> f64 {
        let pairs = values.iter().zip(values.iter().skip(lag));
        pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / variance
    };
    let mut time = 1.0;
    let mut lag = 1;
    while lag + 1 < values.len().min(2 * max + 2) {
        let pair = correlation(lag) + correlation(lag + 1);
        if pair <= 0.0 {
            break;
        }
        time += 2.0 * pair;
        lag += 2;
    }
    // Noise alone adds a little time; below this the series has no memory worth the wait.
    if time < 1.3 { 1 } else { ((BLOCK_TIMES * time).ceil() as usize).clamp(1, max.max(1)) }
}

/// Differences are clipped at this many times the tail loss.
pub(super) const CLIP_TAILS: f64 = 3.0;

/// The 99 % quantile of the magnitude of losses: what a bad case costs. Three times as much is where differences are clipped
/// (beyond it "very different" is all that is said, so one absurd prediction cannot decide a release alone). `None` without
/// finite losses above zero.
#[must_use]
pub fn tail_loss(losses: &[f64]) -> Option<f64> {
    let magnitudes: Vec<f64> = losses.iter().map(|v| v.abs()).collect();
    quantile_sorted(&sorted_finite(&magnitudes), 0.99).filter(|q| *q > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SplitMix;

    fn noise(rng: &mut SplitMix) -> f64 {
        (0..12).map(|_| rng.next_u64() as f64 / u64::MAX as f64).sum::<f64>() - 6.0
    }

    #[test]
    fn blocks_close_when_full() {
        let mut blocks = BlockMeans::new(3);
        let closed: Vec<bool> = [1.0, 2.0, 6.0, 4.0].into_iter().map(|v| blocks.push(v)).collect();
        assert_eq!(closed, [false, false, true, false]);
        assert_eq!(blocks.means().mean(), Some(3.0));
        assert_eq!(blocks.observations(), 4);
        assert!(BlockMeans::new(0).push(1.0));
    }

    #[test]
    fn block_length_follows_the_memory_of_the_series() {
        let mut rng = SplitMix::new(3);
        let independent: Vec<f64> = (0..5000).map(|_| noise(&mut rng)).collect();
        assert_eq!(block_length(&independent, 48), 1);
        let mut last = 0.0;
        let remembering: Vec<f64> = (0..5000)
            .map(|_| {
                last = 0.8 * last + noise(&mut rng);
                last
            })
            .collect();
        // The integrated time of this law is (1 + .8) / (1 - .8) = 9.
        let length = block_length(&remembering, 48);
        assert!((17..=30).contains(&length), "{length}");
        assert_eq!(block_length(&remembering, 6), 6);
        assert_eq!(block_length(&[1.0; 10], 6), 1);
        assert_eq!(block_length(&[], 6), 1);
    }

    #[test]
    fn the_tail_comes_from_the_losses() {
        let losses: Vec<f64> = (0..=100).map(f64::from).collect();
        assert!((tail_loss(&losses).unwrap() - 99.0).abs() < 1e-9);
        assert_eq!(tail_loss(&[]), None);
        assert_eq!(tail_loss(&[0.0]), None);
    }
}
