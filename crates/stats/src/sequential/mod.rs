//! Tests for releases that may be looked at after every single observation.
//!
//! A fixed test looked at again and again rejects a true null far more often than it says (42 % instead of 5 % over a day of
//! looks). Everything here is *anytime-valid*: with probability `1 - alpha` the statement is right at every look at once, so
//! a release may be stopped the moment the data allow it, by anybody, for any reason.
//!
//! - [`PairedSequence`]: the mean difference of two models on the same requests.
//! - [`TwoArmSequence`]: the same on two arms that saw different requests.
//! - [`failure_rate_evidence`], [`failure_ratio_evidence`]: failures against a stated rate and between arms.
//! - [`quantile_guard`]: a latency quantile of one arm against that of another.
//! - [`sample_ratio_evidence`]: did traffic split as it was told to?
//!
//! The last three speak in *e-values*: evidence against a null whose mean under it is at most one, at any stopping time
//! (Ramdas, Gruenwald, Vovk, Shafer, "Game-theoretic statistics and safe anytime-valid inference", 2023). They are told as
//! logarithms; logarithms over successive, disjoint data add up.
//!
//! Differences are candidate minus champion of a loss: below zero is better.

mod blocks;
mod failure;
mod mean;
mod quantile;
mod ratio;
mod two_arm;

use serde::{Deserialize, Serialize};

pub use blocks::{BlockMeans, block_length, tail_loss};
pub use failure::{ArmFailures, bernoulli_interval, failure_rate_evidence, failure_ratio_evidence};
pub use mean::{PairedSequence, SequenceOptions};
pub use quantile::{QuantileInterval, quantile_guard, quantile_interval};
pub use ratio::sample_ratio_evidence;
pub use two_arm::{Arm, TwoArmSequence};

/// What is known of a mean difference at one look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The mean difference seen.
    pub estimate: f64,
    /// It is at least this.
    pub lower: f64,
    /// It is at most this.
    pub upper: f64,
    /// Observations it rests on: pairs, or those of the smaller arm.
    pub samples: u64,
}

/// What a comparison says at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Enough data to look, not enough to tell.
    Continue,
    /// The candidate's loss is lower.
    Better,
    /// The candidate's loss is not higher by as much as the margin.
    NoWorse,
    /// The candidate's loss is higher.
    Worse,
    /// Too little data to look.
    NoData,
}

/// When a comparison is decided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// A loss higher by less than this is no worse. In the unit of the loss; zero asks for a strict improvement.
    pub margin: f64,
    /// Fewer samples than this are no data, whatever they show.
    pub min_samples: u64,
}

/// Decides from what is known of the difference. Any wrong verdict over the whole life of the comparison has at most the
/// sequence's `alpha` as its chance.
///
/// A candidate shown to be within the margin is `NoWorse` even when it is also shown to be above zero: the margin says that
/// this much is acceptable.
#[must_use]
pub fn decide(interval: Option<&Interval>, samples: u64, rule: &Rule) -> Verdict {
    if samples == 0 || samples < rule.min_samples {
        return Verdict::NoData;
    }
    match interval {
        None => Verdict::Continue,
        Some(interval) if interval.upper < 0.0 => Verdict::Better,
        Some(interval) if interval.upper < rule.margin => Verdict::NoWorse,
        Some(interval) if interval.lower > 0.0 => Verdict::Worse,
        Some(_) => Verdict::Continue,
    }
}

/// What a guardrail says at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardVerdict {
    /// No evidence of harm.
    Holds,
    /// Harm is shown.
    Breached,
    /// Nothing to look at.
    NoData,
}

/// Turns evidence into a verdict: the chance of ever being `Breached` when there is no harm is at most `alpha` (Ville 1939).
#[must_use]
pub fn guard(log_evidence: f64, samples: u64, alpha: f64) -> GuardVerdict {
    if samples == 0 {
        GuardVerdict::NoData
    } else if log_evidence >= -alpha.ln() {
        GuardVerdict::Breached
    } else {
        GuardVerdict::Holds
    }
}

/// The anytime-valid p-value of evidence.
#[must_use]
pub fn evidence_p_value(log_evidence: f64) -> f64 {
    (-log_evidence).exp().min(1.0)
}

/// The logarithm of a mean of exponentials with equal weights, without overflow.
fn log_mean_exp(logs: &[f64]) -> f64 {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    let sum: f64 = logs.iter().map(|log| (log - largest).exp()).sum();
    largest + (sum / logs.len() as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(lower: f64, upper: f64) -> Interval {
        Interval { estimate: f64::midpoint(lower, upper), lower, upper, samples: 50 }
    }

    #[test]
    fn decisions_follow_the_interval() {
        let rule = Rule { margin: 1.0, min_samples: 24 };
        assert_eq!(decide(Some(&interval(-3.0, -1.0)), 50, &rule), Verdict::Better);
        assert_eq!(decide(Some(&interval(-3.0, 0.5)), 50, &rule), Verdict::NoWorse);
        assert_eq!(decide(Some(&interval(0.2, 0.5)), 50, &rule), Verdict::NoWorse);
        assert_eq!(decide(Some(&interval(0.2, 1.5)), 50, &rule), Verdict::Worse);
        assert_eq!(decide(Some(&interval(-1.0, 1.5)), 50, &rule), Verdict::Continue);
        assert_eq!(decide(Some(&interval(-3.0, -1.0)), 23, &rule), Verdict::NoData);
        assert_eq!(decide(None, 0, &Rule { margin: 0.0, min_samples: 0 }), Verdict::NoData);
        assert_eq!(decide(None, 30, &rule), Verdict::Continue);
    }

    #[test]
    fn a_strict_rule_never_says_no_worse() {
        let rule = Rule { margin: 0.0, min_samples: 1 };
        assert_eq!(decide(Some(&interval(0.0, 0.0)), 50, &rule), Verdict::Continue);
    }

    #[test]
    fn guards_break_at_one_over_alpha() {
        assert_eq!(guard(20f64.ln() + 1e-9, 10, 0.05), GuardVerdict::Breached);
        assert_eq!(guard(19.9f64.ln(), 10, 0.05), GuardVerdict::Holds);
        assert_eq!(guard(100.0, 0, 0.05), GuardVerdict::NoData);
        assert!((evidence_p_value(20f64.ln()) - 0.05).abs() < 1e-12);
        assert!((log_mean_exp(&[0.0, 3f64.ln()]) - 2f64.ln()).abs() < 1e-12);
        assert_eq!(log_mean_exp(&[1000.0, 1000.0]), 1000.0);
    }
}
