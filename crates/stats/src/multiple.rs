//! Many questions at once: keeping false alarms rare when dozens of features are tested in every window.

/// The level at which each of `tests` questions must be asked so that all together err at most at `alpha` (Bonferroni).
#[must_use]
pub fn bonferroni_level(alpha: f64, tests: usize) -> f64 {
    alpha / tests.max(1) as f64
}

/// Bonferroni-adjusted p-values: compare each with the level for the family. `NaN` stays `NaN` and is not counted.
#[must_use]
pub fn bonferroni(p_values: &[f64]) -> Vec<f64> {
    let tests = p_values.iter().filter(|p| !p.is_nan()).count() as f64;
    p_values.iter().map(|p| if p.is_nan() { f64::NAN } else { (p * tests).min(1.0) }).collect()
}

/// Benjamini-Hochberg adjusted p-values (1995): flagging those at most `q` keeps the expected share of false flags at most
/// `q` for independent or positively dependent tests. `NaN` (no data) stays `NaN` and is not counted.
#[must_use]
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).filter(|i| !p_values[*i].is_nan()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let tests = order.len() as f64;
    let mut adjusted = vec![f64::NAN; p_values.len()];
    let mut smallest = 1.0_f64;
    for (rank, index) in order.iter().enumerate().rev() {
        smallest = smallest.min(p_values[*index] * tests / (rank + 1) as f64);
        adjusted[*index] = smallest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_r_p_adjust() {
        // p.adjust(c(.01, .02, .03, .04, .05), "BH") is .05 for all; "bonferroni" is 5 p.
        let p = [0.01, 0.02, 0.03, 0.04, 0.05];
        assert!(benjamini_hochberg(&p).iter().all(|v| (v - 0.05).abs() < 1e-12));
        assert!((bonferroni(&p)[1] - 0.1).abs() < 1e-12);
        // p.adjust(c(.001, .8, .02), "BH") is .003 .8 .03
        let adjusted = benjamini_hochberg(&[0.001, 0.8, 0.02]);
        assert!(
            (adjusted[0] - 0.003).abs() < 1e-12
                && (adjusted[1] - 0.8).abs() < 1e-12
                && (adjusted[2] - 0.03).abs() < 1e-12
        );
    }

    #[test]
    fn no_data_is_neither_counted_nor_flagged() {
        let adjusted = benjamini_hochberg(&[0.04, f64::NAN]);
        assert!((adjusted[0] - 0.04).abs() < 1e-12);
        assert!(adjusted[1].is_nan());
        assert!(bonferroni(&[f64::NAN])[0].is_nan());
        assert!((bonferroni_level(0.05, 0) - 0.05).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn adjusting_keeps_order_and_never_shrinks(p in prop::collection::vec(0.0..=1.0f64, 1..60)) {
            let hochberg = benjamini_hochberg(&p);
            let bonferroni = bonferroni(&p);
            for i in 0..p.len() {
                prop_assert!(hochberg[i] >= p[i] - 1e-15 && hochberg[i] <= bonferroni[i] + 1e-12);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || hochberg[i] <= hochberg[j]);
                }
            }
        }
    }
}
