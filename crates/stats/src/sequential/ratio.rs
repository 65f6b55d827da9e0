//! Sample-ratio mismatch: a comparison between arms means nothing when traffic did not split as it was told to.

use crate::InvalidInput;
use crate::special::ln_gamma;

/// How many observations the prior on the shares is worth.
const PRIOR_WEIGHT: f64 = 100.0;
/// Declared shares must add up to one this closely.
const SHARE_TOLERANCE: f64 = 1e-9;

/// The logarithm of the evidence that counts do not follow the declared shares: the Dirichlet-multinomial Bayes factor
/// (Lindon and Malek, "Anytime-valid inference for multinomial count data", 2022), valid at every look.
///
/// Shares of zero are fine as long as nothing was counted there; one count there is infinite evidence. When shares change
/// between steps, add up the logarithms of the steps. Count what was assigned: entities when assignment is sticky, requests
/// when each is drawn anew.
///
/// # Errors
/// When shares and counts differ in number, or the shares do not add up to one.
pub fn sample_ratio_evidence(shares: &[f64], counts: &[u64]) -> Result<f64, InvalidInput> {
    if shares.len() != counts.len() {
        return Err(InvalidInput::new("there must be one count for each share"));
    }
    let sum: f64 = shares.iter().sum();
    if (sum - 1.0).abs() > SHARE_TOLERANCE || shares.iter().any(|s| *s < 0.0 || s.is_nan()) {
        return Err(InvalidInput::new("shares must not be negative and must add up to one"));
    }
    let total: u64 = counts.iter().sum();
    let mut log = ln_gamma(PRIOR_WEIGHT) - ln_gamma(PRIOR_WEIGHT + total as f64);
    for (share, count) in shares.iter().zip(counts) {
        if *share > 0.0 {
            let prior = PRIOR_WEIGHT * share;
            log += ln_gamma(prior + *count as f64) - ln_gamma(prior) - *count as f64 * share.ln();
        } else if *count > 0 {
            return Ok(f64::INFINITY);
        }
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequential::{GuardVerdict, guard};

    #[test]
    fn a_true_split_holds_and_a_false_one_breaks() {
        let holds = sample_ratio_evidence(&[0.9, 0.1], &[9040, 960]).unwrap();
        assert_eq!(guard(holds, 10_000, 0.01), GuardVerdict::Holds);
        let broken = sample_ratio_evidence(&[0.9, 0.1], &[9300, 700]).unwrap();
        assert_eq!(guard(broken, 10_000, 0.01), GuardVerdict::Breached);
        assert!(sample_ratio_evidence(&[0.9, 0.1], &[0, 0]).unwrap().abs() < 1e-12);
    }

    #[test]
    fn traffic_on_a_closed_arm_is_proof() {
        assert_eq!(sample_ratio_evidence(&[1.0, 0.0], &[10, 1]).unwrap(), f64::INFINITY);
        assert!(sample_ratio_evidence(&[1.0, 0.0], &[10, 0]).unwrap().abs() < 1e-9);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(sample_ratio_evidence(&[0.9, 0.2], &[1, 1]).is_err());
        assert!(sample_ratio_evidence(&[1.0], &[1, 1]).is_err());
        assert!(sample_ratio_evidence(&[f64::NAN, 0.1], &[1, 1]).is_err());
    }
}
