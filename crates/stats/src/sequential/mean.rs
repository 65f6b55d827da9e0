//! The mean difference of two models on the same requests, as a confidence sequence.

use serde::{Deserialize, Serialize};

use super::blocks::{CLIP_TAILS, tail_loss};
use super::{BlockMeans, Interval, Rule, Verdict, block_length, decide};
use crate::summary::Moments;

/// Blocks before the first look, however many observations are asked for: an unknown spread needs some.
const FEWEST_BLOCKS: u64 = 8;

/// How a mean sequence is made. All of it is chosen before the data; see [`SequenceOptions::from_reference`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SequenceOptions {
    /// The chance that the sequence ever leaves out the truth.
    pub alpha: f64,
    /// Observations per block; see [`block_length`].
    pub block: usize,
    /// Observations before the first look; at least eight blocks.
    pub first_look: u64,
    /// Observations are clipped to plus and minus this.
    pub clip: Option<f64>,
    /// Each bound is drawn as if one more observation had been seen, this far out on its side. A candidate that is usually a
    /// little better and rarely much worse looks better until the rare case comes; this waits for it. Its weight fades as
    /// one over the number of observations.
    pub unseen: f64,
    /// The squared effect, in standard deviations of a block mean, that the test expects: it is quickest there, and valid
    /// everywhere. One suits changes seen within some ten blocks.
    pub expected_effect: f64,
}

impl Default for SequenceOptions {
    fn default() -> Self {
        Self { alpha: 0.05, block: 1, first_look: 24, clip: None, unseen: 0.0, expected_effect: 1.0 }
    }
}

impl SequenceOptions {
    /// Options from losses that are older than the comparison, in time order, such as the champion's own: the block from their
    /// memory (at most `longest_block`), the clip and the unseen case from their tail. Without losses, no block, clip or
    /// unseen case is known and none is used.
    #[must_use]
    pub fn from_reference(losses: &[f64], alpha: f64, first_look: u64, longest_block: usize) -> Self {
        let tail = tail_loss(losses);
        Self {
            alpha,
            block: block_length(losses, longest_block),
            first_look,
            clip: tail.map(|tail| CLIP_TAILS * tail),
            unseen: tail.unwrap_or(0.0),
            ..Self::default()
        }
    }

    pub(super) fn clipped(&self, value: f64) -> f64 {
        self.clip.map_or(value, |clip| value.clamp(-clip.abs(), clip.abs()))
    }

    /// The least number of blocks at which there is an interval.
    pub(super) fn fewest_blocks(&self) -> u64 {
        self.first_look.div_ceil(self.block.max(1) as u64).max(FEWEST_BLOCKS)
    }

    /// How far the unseen observation would move a block's mean.
    pub(super) fn unseen_in_block(&self) -> f64 {
        self.unseen.abs() / self.block.max(1) as f64
    }
}

/// How far from the estimate the truth can be at `alpha`, at every look at once.
///
/// The Bayes factor of Student's t with a normal prior of variance `g` on the standardised effect and the right Haar prior on
/// the scale, `(1 + g n)^(-1/2) ((1 + t^2/nu) / (1 + t^2/(nu (1 + g n))))^((nu + 1)/2)`, is a test martingale whatever the
/// unknown scale (Lai 1976; Perez-Ortiz, Lardy, de Heide, Gruenwald 2022; Wang and Ramdas 2023). Solved for `t` it is an
/// interval that is exact for normal block means from the second block on, and asymptotically right for others, where it
/// becomes the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2021). `None` while the
/// blocks are too few to bound anything. Skewed laws are what it is weak against; [`SequenceOptions::unseen`] mends that, and
/// the simulations show by how much.
pub(super) fn radius(standard_error: f64, degrees: f64, prior_precision_gain: f64, alpha: f64) -> Option<f64> {
    let a = 1.0 + prior_precision_gain;
    let log_c = 2.0 / (degrees + 1.0) * (0.5 * a.ln() - alpha.ln());
    if degrees <= 0.0 || log_c >= a.ln() {
        return None;
    }
    let t_squared = degrees * log_c.exp_m1() / (1.0 - (log_c - a.ln()).exp());
    Some(standard_error * t_squared.sqrt())
}

/// The intersection of all intervals so far. Should it come out empty, the difference itself has moved (or alpha's chance has
/// come true), and the intersection starts again from the newest interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Running {
    bounds: Option<(f64, f64)>,
    restarts: u32,
}

impl Running {
    pub(super) fn narrow(&mut self, lower: f64, upper: f64) {
        let (old_lower, old_upper) = self.bounds.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let (low, high) = (old_lower.max(lower), old_upper.min(upper));
        if low > high {
            self.restarts += 1;
            self.bounds = Some((lower, upper));
        } else {
            self.bounds = Some((low, high));
        }
    }

    pub(super) const fn bounds(&self) -> Option<(f64, f64)> {
        self.bounds
    }

    pub(super) const fn restarts(&self) -> u32 {
        self.restarts
    }
}

/// A confidence sequence for the mean of paired differences: `loss(candidate) - loss(champion)` on the same request, pushed in
/// event-time order. The same data in the same order give the same intervals, always.
///
/// With clipping on, it speaks of the mean of the clipped differences. Changes of the difference over time are averaged over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairedSequence {
    options: SequenceOptions,
    blocks: BlockMeans,
    running: Running,
}

impl PairedSequence {
    /// An empty sequence.
    #[must_use]
    pub fn new(options: SequenceOptions) -> Self {
        Self { blocks: BlockMeans::new(options.block), options, running: Running::default() }
    }

    /// A sequence over differences in event-time order. When late labels change the past, build it anew with this: looking
    /// again at data that were revised for reasons of their own costs nothing.
    #[must_use]
    pub fn of(differences: &[f64], options: SequenceOptions) -> Self {
        let mut sequence = Self::new(options);
        for difference in differences {
            sequence.push(*difference);
        }
        sequence
    }

    /// Adds one difference. One that is not finite is ignored: a model that answers `NaN` has failed, and failures have a
    /// guardrail of their own.
    pub fn push(&mut self, difference: f64) {
        if !difference.is_finite() || !self.blocks.push(self.options.clipped(difference)) {
            return;
        }
        let means = self.blocks.means();
        if means.count() < self.options.fewest_blocks() {
            return;
        }
        let unseen = self.options.unseen_in_block();
        if let (Some((low, lower_radius)), Some((high, upper_radius))) =
            (self.centre_and_radius(means, -unseen), self.centre_and_radius(means, unseen))
        {
            self.running.narrow(low - lower_radius, high + upper_radius);
        }
    }

    /// The mean and radius as if one more block had been seen, its mean off by `unseen`.
    fn centre_and_radius(&self, means: &Moments, unseen: f64) -> Option<(f64, f64)> {
        let mut means = *means;
        if unseen != 0.0 {
            means.push(means.mean()? + unseen);
        }
        let n = means.count() as f64;
        let gain = self.options.expected_effect * n;
        let radius = radius((means.variance()? / n).sqrt(), n - 1.0, gain, self.options.alpha)?;
        Some((means.mean()?, radius))
    }

    /// Differences pushed so far.
    #[must_use]
    pub const fn pairs(&self) -> u64 {
        self.blocks.observations()
    }

    /// What is known now; `None` while the blocks are too few to bound anything.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        let (lower, upper) = self.running.bounds()?;
        let estimate = self.blocks.means().mean()?;
        Some(Interval { estimate, lower, upper, samples: self.pairs() })
    }

    /// The verdict now.
    #[must_use]
    pub fn verdict(&self, rule: &Rule) -> Verdict {
        decide(self.interval().as_ref(), self.pairs(), rule)
    }

    /// How often the running intersection came out empty: above zero, the difference is not one steady thing.
    #[must_use]
    pub const fn restarts(&self) -> u32 {
        self.running.restarts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(i: u32) -> f64 {
        // A fixed, mean-zero pattern with standard deviation about one.
        [0.3, -1.2, 0.9, 1.4, -0.8, -0.6][i as usize % 6]
    }

    #[test]
    fn the_radius_solves_the_bayes_factor() {
        let (n, g, alpha) = (12.0, 0.7, 0.05);
        let t = radius(1.0, n - 1.0, g * n, alpha).unwrap();
        let (nu, a) = (n - 1.0, 1.0 + g * n);
        let factor = ((1.0 + t * t / nu) / (1.0 + t * t / (nu * a))).powf(n / 2.0) / a.sqrt();
        assert!((factor - 1.0 / alpha).abs() < 1e-9);
        assert_eq!(radius(1.0, 1.0, 2.0, 0.05), None);
    }

    #[test]
    fn bounds_only_ever_narrow_and_hold_the_truth() {
        let mut sequence = PairedSequence::new(SequenceOptions::default());
        let mut last = (f64::NEG_INFINITY, f64::INFINITY);
        for i in 0..300 {
            sequence.push(2.0 + wave(i));
            if let Some(interval) = sequence.interval() {
                assert!(interval.lower >= last.0 && interval.upper <= last.1);
                assert!(interval.lower <= 2.0 && 2.0 <= interval.upper);
                last = (interval.lower, interval.upper);
            }
        }
        assert!(last.1 - last.0 < 0.6);
        assert_eq!(sequence.restarts(), 0);
        assert_eq!(sequence.verdict(&Rule { margin: 0.0, min_samples: 24 }), Verdict::Worse);
    }

    #[test]
    fn one_absurd_difference_does_not_decide() {
        let options = SequenceOptions { clip: Some(4.0), unseen: 1.5, ..SequenceOptions::default() };
        let mut differences: Vec<f64> = (0..100).map(|i| wave(i) - 1.0).collect();
        differences[40] = 1e9;
        let sequence = PairedSequence::of(&differences, options);
        assert_eq!(sequence.verdict(&Rule { margin: 0.0, min_samples: 24 }), Verdict::Better);
    }

    #[test]
    fn twins_are_no_worse_and_never_better() {
        let sequence = PairedSequence::of(&[0.0; 100], SequenceOptions::default());
        assert_eq!(sequence.verdict(&Rule { margin: 0.0, min_samples: 24 }), Verdict::Continue);
        assert_eq!(sequence.verdict(&Rule { margin: 0.1, min_samples: 24 }), Verdict::NoWorse);
        assert_eq!(sequence.verdict(&Rule { margin: 0.1, min_samples: 101 }), Verdict::NoData);
    }

    #[test]
    fn what_is_not_a_number_is_not_a_sample() {
        let sequence = PairedSequence::of(&[f64::NAN, f64::INFINITY, 1.0], SequenceOptions::default());
        assert_eq!(sequence.pairs(), 1);
        assert_eq!(sequence.interval(), None);
    }

    #[test]
    fn the_unseen_case_widens_both_bounds_and_fades() {
        let differences: Vec<f64> = (0..480).map(wave).collect();
        let width = |n: usize, unseen: f64| {
            let options = SequenceOptions { unseen, ..SequenceOptions::default() };
            let interval = PairedSequence::of(&differences[..n], options).interval().unwrap();
            interval.upper - interval.lower
        };
        assert!(width(30, 6.0) > 1.3 * width(30, 0.0));
        assert!(width(480, 6.0) < 1.15 * width(480, 0.0));
    }

    #[test]
    fn options_come_from_older_losses() {
        let losses: Vec<f64> = (0..1000).map(|i| wave(i).abs() * 10.0).collect();
        let options = SequenceOptions::from_reference(&losses, 0.1, 48, 24);
        assert_eq!((options.clip, options.unseen, options.first_look), (Some(42.0), 14.0, 48));
        assert_eq!(SequenceOptions::from_reference(&[], 0.05, 24, 24), SequenceOptions::default());
    }

    #[test]
    fn there_is_no_interval_before_the_first_look() {
        let differences: Vec<f64> = (0..100).map(wave).collect();
        assert!(PairedSequence::of(&differences[..23], SequenceOptions::default()).interval().is_none());
        assert!(PairedSequence::of(&differences[..24], SequenceOptions::default()).interval().is_some());
        let blocks = SequenceOptions { block: 6, ..SequenceOptions::default() };
        assert!(PairedSequence::of(&differences[..47], blocks).interval().is_none());
        assert!(PairedSequence::of(&differences[..48], blocks).interval().is_some());
    }

    #[test]
    fn a_difference_that_turns_round_is_told() {
        let mut differences: Vec<f64> = (0..200).map(|i| wave(i) * 0.1 - 1.0).collect();
        differences.extend((0..4000).map(|i| wave(i) * 0.1 + 1.0));
        let sequence = PairedSequence::of(&differences, SequenceOptions::default());
        assert!(sequence.restarts() > 0);
        let interval = sequence.interval().unwrap();
        assert!(interval.lower <= interval.upper);
    }

    #[test]
    fn state_survives_storage() {
        let sequence = PairedSequence::of(&[1.0, 2.0, 4.0, 3.0, 2.5, 1.5, 2.0], SequenceOptions::default());
        let stored = serde_json::to_string(&sequence).unwrap();
        let mut back: PairedSequence = serde_json::from_str(&stored).unwrap();
        assert_eq!(back, sequence);
        back.push(2.0);
        assert_eq!(back.pairs(), 8);
    }
}
