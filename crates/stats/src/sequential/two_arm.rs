//! The mean difference of two models that saw different requests.

use serde::{Deserialize, Serialize};

use super::mean::{Running, radius};
use super::{BlockMeans, Interval, Rule, SequenceOptions, Verdict, decide};
use crate::summary::Moments;

/// Which side of a release an observation belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The version in service.
    Champion,
    /// The version being tried.
    Candidate,
}

/// A confidence sequence for the difference of two means, `mean(candidate) - mean(champion)`, over losses pushed in
/// event-time order. The arms may grow at different rates, as a canary's do.
///
/// The two-sample form of the t mixture (Goenen, Johnson, Lu, Westfall 2005) with Welch's standard error and degrees of
/// freedom; asymptotically right for any law of the block means. Pair the arms instead where both can see each request: it
/// needs far fewer of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwoArmSequence {
    options: SequenceOptions,
    champion: BlockMeans,
    candidate: BlockMeans,
    running: Running,
}

impl TwoArmSequence {
    /// An empty sequence. The clip of the options bounds each loss.
    #[must_use]
    pub fn new(options: SequenceOptions) -> Self {
        let blocks = BlockMeans::new(options.block);
        Self { options, champion: blocks.clone(), candidate: blocks, running: Running::default() }
    }

    /// Adds one loss; one that is not finite is ignored.
    pub fn push(&mut self, arm: Arm, loss: f64) {
        if !loss.is_finite() {
            return;
        }
        let blocks = match arm {
            Arm::Champion => &mut self.champion,
            Arm::Candidate => &mut self.candidate,
        };
        if blocks.push(self.options.clipped(loss)) {
            self.narrow();
        }
    }

    fn narrow(&mut self) {
        let (old, new) = (*self.champion.means(), *self.candidate.means());
        if old.count().min(new.count()) < self.options.fewest_blocks() {
            return;
        }
        // Losses have their rare cases above: the candidate's unseen one bounds the difference from above, the champion's
        // from below.
        let unseen = self.options.unseen_in_block();
        let below = difference_and_radius(&with_unseen(&old, unseen), &new, &self.options);
        let above = difference_and_radius(&old, &with_unseen(&new, unseen), &self.options);
        if let (Some((low, lower_radius)), Some((high, upper_radius))) = (below, above) {
            self.running.narrow(low - lower_radius, high + upper_radius);
        }
    }

    fn estimate(&self) -> Option<f64> {
        Some(self.candidate.means().mean()? - self.champion.means().mean()?)
    }

    /// Observations of the smaller arm.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.champion.observations().min(self.candidate.observations())
    }

    /// What is known now; `None` while the blocks are too few to bound anything.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        let (lower, upper) = self.running.bounds()?;
        Some(Interval { estimate: self.estimate()?, lower, upper, samples: self.samples() })
    }

    /// The verdict now.
    #[must_use]
    pub fn verdict(&self, rule: &Rule) -> Verdict {
        decide(self.interval().as_ref(), self.samples(), rule)
    }

    /// How often the running intersection came out empty.
    #[must_use]
    pub const fn restarts(&self) -> u32 {
        self.running.restarts()
    }
}

fn with_unseen(means: &Moments, unseen: f64) -> Moments {
    let mut with = *means;
    if let (Some(mean), true) = (means.mean(), unseen > 0.0) {
        with.push(mean + unseen);
    }
    with
}

/// The difference of two means and its radius, with Welch's standard error and degrees of freedom.
fn difference_and_radius(old: &Moments, new: &Moments, options: &SequenceOptions) -> Option<(f64, f64)> {
    let (n, m) = (old.count() as f64, new.count() as f64);
    let (a, b) = (old.variance()? / n, new.variance()? / m);
    let degrees = if a + b > 0.0 { (a + b).powi(2) / (a * a / (n - 1.0) + b * b / (m - 1.0)) } else { n + m - 2.0 };
    let effective = 1.0 / (1.0 / n + 1.0 / m);
    let radius = radius((a + b).sqrt(), degrees, options.expected_effect * effective, options.alpha)?;
    Some((new.mean()? - old.mean()?, radius))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_difference_is_found_with_unequal_arms() {
        let mut sequence = TwoArmSequence::new(SequenceOptions::default());
        for i in 0..200u32 {
            let noise = [0.3, -1.2, 0.9, 1.4, -0.8, -0.6][i as usize % 6];
            sequence.push(Arm::Champion, 10.0 + noise);
            if i % 5 == 0 {
                sequence.push(Arm::Candidate, 8.0 - noise);
            }
        }
        let interval = sequence.interval().unwrap();
        assert!(interval.lower < -2.0 && -2.0 < interval.upper && interval.upper < 0.0, "{interval:?}");
        assert_eq!(interval.samples, 40);
        assert_eq!(sequence.verdict(&Rule { margin: 0.0, min_samples: 24 }), Verdict::Better);
        assert_eq!(sequence.verdict(&Rule { margin: 0.0, min_samples: 41 }), Verdict::NoData);
    }

    #[test]
    fn an_arm_without_traffic_is_no_data() {
        let mut sequence = TwoArmSequence::new(SequenceOptions::default());
        for i in 0..100 {
            sequence.push(Arm::Champion, f64::from(i % 7));
            sequence.push(Arm::Candidate, f64::NAN);
        }
        assert_eq!(sequence.verdict(&Rule { margin: 0.0, min_samples: 1 }), Verdict::NoData);
        assert_eq!(sequence.interval(), None);
    }
}
