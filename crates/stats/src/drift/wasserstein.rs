//! The robust Wasserstein distance: how far values moved, in units of the reference's own spread.

use crate::reference::NumericReference;

/// The first Wasserstein distance between a window and the reference, both winsorised at the reference's fences and divided
/// by its robust scale. A shift of a normal law by one standard deviation reads as one.
///
/// Winsorising bounds what one value can add to `(fence width) / n`; a plain distance over a plain standard deviation reads
/// 398 for one far value in 2,500 (Evidently's `wasserstein`), this one about 0.002. `None` when either side has no value.
#[must_use]
pub fn wasserstein(reference: &NumericReference, window: &[f64]) -> Option<f64> {
    let mut scratch = Vec::with_capacity(window.len());
    wasserstein_with(reference, window.iter().copied(), &mut scratch)
}

/// The same over an iterator, reusing a buffer.
pub(super) fn wasserstein_with(
    reference: &NumericReference,
    window: impl Iterator<Item = f64>,
    scratch: &mut Vec<f64>,
) -> Option<f64> {
    let (low, high) = reference.fences();
    scratch.clear();
    scratch.extend(window.filter(|v| v.is_finite()).map(|v| v.clamp(low, high)));
    if scratch.is_empty() || reference.grid().is_empty() {
        return None;
    }
    scratch.sort_unstable_by(f64::total_cmp);
    Some(distance(reference.grid(), scratch) / reference.scale())
}

/// The area between the quantile functions of two ascending, equally weighted samples.
fn distance(left: &[f64], right: &[f64]) -> f64 {
    let (n, m) = (left.len(), right.len());
    // Positions are counted in units of 1 / (n m), so they are exact.
    let (mut i, mut j, mut at) = (0, 0, 0usize);
    let mut area = 0.0;
    while i < n && j < m {
        let next = ((i + 1) * m).min((j + 1) * n);
        area += (left[i] - right[j]).abs() * (next - at) as f64;
        at = next;
        i += usize::from(next == (i + 1) * m);
        j += usize::from(next == (j + 1) * n);
    }
    area / (n as f64 * m as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_scipy() {
        // scipy.stats.wasserstein_distance([0, 1, 3], [5, 6, 8]) == 5; ([0, 1, 3, 9], [1, 2]) == 2.25
        assert!((distance(&[0.0, 1.0, 3.0], &[5.0, 6.0, 8.0]) - 5.0).abs() < 1e-12);
        assert!((distance(&[0.0, 1.0, 3.0, 9.0], &[1.0, 2.0]) - 2.25).abs() < 1e-12);
    }

    #[test]
    fn a_shift_reads_in_standard_deviations() {
        let normal: Vec<f64> = (1..4000).map(|i| crate::special::normal_quantile(f64::from(i) / 4000.0)).collect();
        let reference = NumericReference::build(&normal).unwrap();
        let shifted: Vec<f64> = normal.iter().map(|v| v + 0.5).collect();
        assert!((wasserstein(&reference, &shifted).unwrap() - 0.5).abs() < 0.01);
        assert!(wasserstein(&reference, &normal).unwrap() < 0.01);
    }

    #[test]
    fn one_far_value_neither_blinds_nor_trips_it() {
        let normal: Vec<f64> = (1..2500).map(|i| crate::special::normal_quantile(f64::from(i) / 2500.0)).collect();
        let reference = NumericReference::build(&normal).unwrap();
        let mut window = normal.clone();
        window[1000] = 1e6;
        assert!(wasserstein(&reference, &window).unwrap() < 0.01);
        let mut shifted: Vec<f64> = normal.iter().map(|v| v + 0.5).collect();
        shifted[1000] = 1e6;
        assert!(wasserstein(&reference, &shifted).unwrap() > 0.45);
        assert!(wasserstein(&reference, &[f64::NAN]).is_none());
    }

    proptest! {
        #[test]
        fn is_a_distance(
            a in prop::collection::vec(-1e3..1e3f64, 1..40),
            b in prop::collection::vec(-1e3..1e3f64, 1..40),
            c in prop::collection::vec(-1e3..1e3f64, 1..40),
        ) {
            let sort = |mut v: Vec<f64>| { v.sort_by(f64::total_cmp); v };
            let (a, b, c) = (sort(a), sort(b), sort(c));
            prop_assert!(distance(&a, &a) < 1e-9);
            prop_assert!((distance(&a, &b) - distance(&b, &a)).abs() < 1e-6);
            prop_assert!(distance(&a, &c) <= distance(&a, &b) + distance(&b, &c) + 1e-6);
        }
    }
}
