//! Failures: against a stated rate, and between arms.

use super::log_mean_exp;
use crate::special::ln_beta;

/// How many times higher the odds of failing may be under the alternatives; their evidence is averaged. From "barely" to
/// "everything fails", so that no harm needs to be guessed beforehand.
const ODDS: [f64; 8] = [1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0];
/// A stated rate of zero would be refuted by the first failure on earth; this is the least that can be held against a model.
const LEAST_RATE: f64 = 1e-6;

/// The logarithm of the evidence that the failure rate is above `max_rate`, from all requests so far.
///
/// A mixture of likelihood ratios (Wald 1945; Robbins 1970). Each is a supermartingale for every rate up to `max_rate`, so
/// the chance of ever reaching `1 / alpha` while the rate is kept is at most `alpha`. Needs only the two counts.
#[must_use]
pub fn failure_rate_evidence(failures: u64, requests: u64, max_rate: f64) -> f64 {
    let failures = failures.min(requests);
    if requests == 0 || !max_rate.is_finite() || max_rate >= 1.0 {
        return 0.0;
    }
    mixture(&[(max_rate.max(LEAST_RATE), failures, requests - failures)])
}

/// Failures of the two arms during one step of a release.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmFailures {
    /// The candidate's share of all predictions in this step, by design or as counted: 0.1 for a ten-per-cent canary, 0.5
    /// when both arms see each request.
    pub candidate_share: f64,
    /// Failures of the champion. For paired requests, only those where the candidate did not fail.
    pub champion: u64,
    /// Failures of the candidate. For paired requests, only those where the champion did not fail.
    pub candidate: u64,
}

/// The logarithm of the evidence that the candidate fails more often than the champion, by more than `tolerated_ratio` times
/// (one to hold it to the champion's own rate).
///
/// Asks of each failure whose it was: with equal rates it is the candidate's with the probability of its share of traffic
/// (Przyborowski and Wilenski's conditional test, 1940, made sequential; the sign test for paired requests). Bad minutes that hit both arms
/// therefore count against neither, and the champion's rate need not be known.
#[must_use]
pub fn failure_ratio_evidence(steps: &[ArmFailures], tolerated_ratio: f64) -> f64 {
    let tolerated = if tolerated_ratio.is_finite() { tolerated_ratio.max(1.0) } else { 1.0 };
    let trials: Vec<(f64, u64, u64)> = steps
        .iter()
        .filter(|step| step.candidate_share > 0.0 && step.candidate_share < 1.0)
        .map(|step| {
            let odds = tolerated * step.candidate_share / (1.0 - step.candidate_share);
            (odds / (1.0 + odds), step.candidate, step.champion)
        })
        .collect();
    if trials.is_empty() { 0.0 } else { mixture(&trials) }
}

/// The average over [`ODDS`] of the likelihood ratio of trials `(null probability, hits, misses)`.
fn mixture(trials: &[(f64, u64, u64)]) -> f64 {
    let logs = ODDS.map(|odds| {
        let log_ratio = |(p, hits, misses): &(f64, u64, u64)| {
            // With q = odds p / (1 - p + odds p): q / p = odds / d and (1 - q) / (1 - p) = 1 / d.
            let log_d = ((odds - 1.0) * p).ln_1p();
            *hits as f64 * (odds.ln() - log_d) - *misses as f64 * log_d
        };
        trials.iter().map(log_ratio).sum::<f64>()
    });
    log_mean_exp(&logs)
}

/// An interval for a failure rate that holds at every look at once: the rates that a Beta(1/2, 1/2) mixture (Robbins 1970)
/// does not refute. `None` without trials or with an `alpha` outside `(0, 1)`.
#[must_use]
pub fn bernoulli_interval(failures: u64, requests: u64, alpha: f64) -> Option<(f64, f64)> {
    if requests == 0 || failures > requests || !(alpha > 0.0 && alpha < 1.0) {
        return None;
    }
    let (hits, misses) = (failures as f64, (requests - failures) as f64);
    let mixed = ln_beta(0.5 + hits, 0.5 + misses) - ln_beta(0.5, 0.5);
    let refuted = |p: f64| {
        let log_likelihood =
            if hits > 0.0 { hits * p.ln() } else { 0.0 } + if misses > 0.0 { misses * (-p).ln_1p() } else { 0.0 };
        mixed - log_likelihood >= -alpha.ln()
    };
    let centre = hits / (hits + misses);
    let edge = |outer: f64| {
        if !refuted(outer) {
            return outer;
        }
        let (mut out, mut inside) = (outer, centre);
        for _ in 0..60 {
            let middle = f64::midpoint(out, inside);
            if refuted(middle) { out = middle } else { inside = middle }
        }
        out
    };
    Some((edge(0.0), edge(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequential::{GuardVerdict, guard};

    #[test]
    fn kept_rates_give_no_evidence_and_broken_ones_much() {
        assert!(failure_rate_evidence(10, 1000, 0.01) < 0.0);
        assert!(failure_rate_evidence(0, 1_000_000, 0.01) < -100.0);
        assert_eq!(guard(failure_rate_evidence(20, 100, 0.01), 100, 0.05), GuardVerdict::Breached);
        assert_eq!(guard(failure_rate_evidence(1, 3, 0.01), 3, 0.05), GuardVerdict::Holds);
        assert_eq!(guard(failure_rate_evidence(3, 3, 0.01), 3, 0.05), GuardVerdict::Breached);
        assert_eq!(failure_rate_evidence(0, 0, 0.01), 0.0);
        assert!(failure_rate_evidence(1, 2, 0.0).is_finite());
        assert_eq!(failure_rate_evidence(5, 10, f64::NAN), 0.0);
    }

    #[test]
    fn one_ratio_is_the_wald_ratio() {
        // With a single alternative the mixture would be s ln(q/p) + f ln((1-q)/(1-p)); check one term by hand.
        let (p, odds) = (0.1_f64, 3.0_f64);
        let q = odds * p / (1.0 - p + odds * p);
        let wald = 4.0 * (q / p).ln() + 6.0 * ((1.0 - q) / (1.0 - p)).ln();
        let d = ((odds - 1.0) * p).ln_1p();
        assert!((4.0 * (odds.ln() - d) - 6.0 * d - wald).abs() < 1e-12);
    }

    #[test]
    fn shared_trouble_counts_against_neither_arm() {
        let shared = [ArmFailures { candidate_share: 0.1, champion: 900, candidate: 100 }];
        assert!(failure_ratio_evidence(&shared, 1.0) < 0.0);
        let own = [ArmFailures { candidate_share: 0.1, champion: 9, candidate: 12 }];
        assert_eq!(guard(failure_ratio_evidence(&own, 1.0), 21, 0.05), GuardVerdict::Breached);
        assert!(failure_ratio_evidence(&own, 20.0) < 0.0);
        assert_eq!(failure_ratio_evidence(&[], 1.0), 0.0);
    }

    #[test]
    fn the_rate_interval_narrows_on_the_truth() {
        let (low, high) = bernoulli_interval(100, 1000, 0.05).unwrap();
        assert!(low > 0.06 && low < 0.1 && high > 0.1 && high < 0.15);
        let (low, high) = bernoulli_interval(0, 500, 0.05).unwrap();
        assert!(low == 0.0 && high < 0.02);
        assert_eq!(bernoulli_interval(3, 3, 0.05).unwrap().1, 1.0);
        assert_eq!(bernoulli_interval(1, 0, 0.05), None);
    }
}
