//! The population stability index over frozen bins.

/// The index and what pure chance adds to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Psi {
    /// `sum (q - p) ln(q / p)` over smoothed shares.
    pub raw: f64,
    /// What two samples of the same law are expected to show: `(B - 1)(1/n + 1/m)` for `B` bins in use.
    pub bias: f64,
}

impl Psi {
    /// The index without the part that chance explains. It may be below zero.
    #[must_use]
    pub fn debiased(&self) -> f64 {
        self.raw - self.bias
    }
}

/// The population stability index (symmetrised Kullback-Leibler divergence; Siddiqi 2006) of window counts against reference
/// counts over the same bins, missing and unseen included.
///
/// Reference shares carry half a row per bin (Jeffreys), and the window one row spread like the reference, so empty bins are
/// finite and a small window is drawn towards "no change". `None` when either side is empty or the bins differ in number.
#[must_use]
pub fn psi(reference: &[u64], window: &[u64]) -> Option<Psi> {
    let (total, rows) = (reference.iter().sum::<u64>() as f64, window.iter().sum::<u64>() as f64);
    if reference.len() != window.len() || total <= 0.0 || rows <= 0.0 {
        return None;
    }
    let smoothing = 0.5 * reference.len() as f64;
    let mut raw = 0.0;
    let mut used = 0usize;
    for (expected, observed) in reference.iter().zip(window) {
        used += usize::from(*expected > 0);
        let p = (*expected as f64 + 0.5) / (total + smoothing);
        let q = (*observed as f64 + p) / (rows + 1.0);
        raw += (q - p) * (q / p).ln();
    }
    Some(Psi { raw, bias: used.saturating_sub(1) as f64 * (1.0 / rows + 1.0 / total) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn large_samples_agree_with_the_textbook() {
        // p = (.5, .5), q = (.6, .4): .1 ln 1.2 - .1 ln .8 = 0.0405465...
        let found = psi(&[5_000_000, 5_000_000], &[6_000_000, 4_000_000]).unwrap();
        assert!((found.raw - 0.040_546_510_810_816_4).abs() < 1e-6);
        assert!((found.bias - 2e-7).abs() < 1e-12);
    }

    #[test]
    fn empty_bins_are_finite_and_empty_sides_are_none() {
        let found = psi(&[100, 0], &[0, 100]).unwrap();
        assert!(found.raw.is_finite() && found.raw > 4.0);
        assert!(psi(&[0, 0], &[1, 1]).is_none());
        assert!(psi(&[1, 1], &[0, 0]).is_none());
        assert!(psi(&[1, 1], &[1]).is_none());
    }

    proptest! {
        #[test]
        fn is_never_negative_before_the_bias_is_taken_off(
            pairs in prop::collection::vec((0u64..1000, 0u64..1000), 1..30),
        ) {
            let (reference, window): (Vec<u64>, Vec<u64>) = pairs.into_iter().unzip();
            if let Some(found) = psi(&reference, &window) {
                prop_assert!(found.raw >= 0.0 && found.raw.is_finite() && found.bias >= 0.0);
            }
        }
    }
}
