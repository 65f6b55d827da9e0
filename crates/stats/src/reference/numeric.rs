//! The frozen description of a numeric feature.

use serde::{Deserialize, Serialize};

use crate::InvalidInput;
use crate::summary::{quantile_sorted, sorted_finite};

/// Value bins of a numeric feature: ten is what the conventional reading of PSI assumes and keeps its noise low.
pub const MAX_NUMERIC_BINS: usize = 10;
/// A feature with no more distinct values than this gets a bin for each.
const MAX_VALUE_BINS: usize = 20;
/// Points of the stored quantile grid.
pub const GRID_POINTS: usize = 256;
/// Winsorising fences lie this many robust scales outside the 1 % and 99 % quantiles.
const FENCE_SCALES: f64 = 3.0;
/// The interquartile range of a normal law in standard deviations, so that the scale reads as one.
const NORMAL_IQR: f64 = 1.348_979_500_392_163_5;
/// The width between the 2.5 % and 97.5 % quantiles of a normal law in standard deviations.
const NORMAL_95_WIDTH: f64 = 3.919_927_969_080_108;
/// The smallest scale, relative to the largest magnitude: a constant feature still has a unit to measure change in.
const SCALE_FLOOR: f64 = 1e-3;

/// Frozen bins, quantile grid and robust scale of a numeric feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumericReference {
    rows: u64,
    missing: u64,
    min: f64,
    max: f64,
    /// Inner edges, ascending; bin `i` holds `edges[i - 1] < x <= edges[i]`, the first and last reach to infinity.
    edges: Vec<f64>,
    counts: Vec<u64>,
    /// Values at the quantiles `(i + 1/2) / len`, winsorised.
    grid: Vec<f64>,
    fences: (f64, f64),
    scale: f64,
}

impl NumericReference {
    /// Freezes the reference values; what is not finite counts as missing.
    ///
    /// # Errors
    /// When there is not one row.
    pub fn build(values: &[f64]) -> Result<Self, InvalidInput> {
        if values.is_empty() {
            return Err(InvalidInput::new("the reference holds no rows"));
        }
        let sorted = sorted_finite(values);
        let edges = inner_edges(&sorted);
        let scale = robust_scale(&sorted);
        let fences = match (quantile_sorted(&sorted, 0.01), quantile_sorted(&sorted, 0.99)) {
            (Some(low), Some(high)) => (low - FENCE_SCALES * scale, high + FENCE_SCALES * scale),
            _ => (0.0, 0.0),
        };
        let points = GRID_POINTS.min(sorted.len());
        let grid = (0..points)
            .filter_map(|i| quantile_midpoint(&sorted, i, points))
            .map(|value| value.clamp(fences.0, fences.1))
            .collect();
        let mut reference = Self {
            rows: values.len() as u64,
            missing: (values.len() - sorted.len()) as u64,
            min: sorted.first().copied().unwrap_or(0.0),
            max: sorted.last().copied().unwrap_or(0.0),
            counts: vec![0; edges.len() + 1],
            edges,
            grid,
            fences,
            scale,
        };
        for value in &sorted {
            let bin = reference.value_bin(*value);
            reference.counts[bin] += 1;
        }
        Ok(reference)
    }

    /// How many reference rows there were, missing ones included.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// How many of them were missing.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// The smallest and largest reference value.
    #[must_use]
    pub const fn range(&self) -> (f64, f64) {
        (self.min, self.max)
    }

    /// The unit of the Wasserstein distance: a standard deviation for a normal law, and not moved by outliers.
    #[must_use]
    pub const fn scale(&self) -> f64 {
        self.scale
    }

    /// Values are clipped here before a distance is taken.
    #[must_use]
    pub const fn fences(&self) -> (f64, f64) {
        self.fences
    }

    /// The winsorised quantile grid, ascending, equally weighted.
    #[must_use]
    pub fn grid(&self) -> &[f64] {
        &self.grid
    }

    /// The inner bin edges, ascending.
    #[must_use]
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// Reference rows per bin: value bins, then an unseen bin that numbers never use, then missing.
    #[must_use]
    pub fn bin_counts(&self) -> Vec<u64> {
        let mut counts = self.counts.clone();
        counts.extend([0, self.missing]);
        counts
    }

    /// The bin of a value, in the order of [`Self::bin_counts`].
    #[must_use]
    pub fn bin(&self, value: f64) -> usize {
        if value.is_finite() { self.value_bin(value) } else { self.counts.len() + 1 }
    }

    fn value_bin(&self, value: f64) -> usize {
        self.edges.partition_point(|edge| *edge < value)
    }
}

/// Edges at each distinct value when there are few, else at quantiles; never at the largest value, which would leave the last
/// bin empty in the reference and full of noise ever after.
fn inner_edges(sorted: &[f64]) -> Vec<f64> {
    let Some(largest) = sorted.last() else { return Vec::new() };
    let mut distinct = Vec::new();
    for value in sorted {
        if distinct.last() != Some(value) {
            distinct.push(*value);
        }
        if distinct.len() > MAX_VALUE_BINS {
            distinct = (1..MAX_NUMERIC_BINS)
                .filter_map(|i| quantile_sorted(sorted, i as f64 / MAX_NUMERIC_BINS as f64))
                .collect();
            distinct.dedup();
            break;
        }
    }
    distinct.retain(|edge| edge < largest);
    distinct
}

fn robust_scale(sorted: &[f64]) -> f64 {
    let width = |low: f64, high: f64| match (quantile_sorted(sorted, low), quantile_sorted(sorted, high)) {
        (Some(low), Some(high)) => high - low,
        _ => 0.0,
    };
    let magnitude = quantile_sorted(sorted, 0.5).unwrap_or(0.0).abs();
    let floor = if magnitude > 0.0 { magnitude * SCALE_FLOOR } else { SCALE_FLOOR };
    let quartiles = width(0.25, 0.75) / NORMAL_IQR;
    // Zero-inflated and rare-event features have no interquartile range; their wider range is the next honest unit.
    let wide = width(0.025, 0.975) / NORMAL_95_WIDTH;
    if quartiles > 0.0 { quartiles.max(0.25 * wide) } else { wide.max(floor) }
}

fn quantile_midpoint(sorted: &[f64], i: usize, points: usize) -> Option<f64> {
    // The empirical quantile function, not the interpolated one: discrete features keep their values.
    let position = (i as f64 + 0.5) / points as f64 * sorted.len() as f64;
    sorted.get((position.floor() as usize).min(sorted.len() - 1)).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantile_bins_hold_equal_shares() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let reference = NumericReference::build(&values).unwrap();
        assert_eq!(reference.edges().len(), 9);
        assert!(reference.bin_counts()[..10].iter().all(|c| (99..=101).contains(c)));
        assert_eq!(reference.range(), (0.0, 999.0));
    }

    #[test]
    fn few_values_get_a_bin_each() {
        let values = [1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 4.0, f64::NAN];
        let reference = NumericReference::build(&values).unwrap();
        assert_eq!(reference.edges(), [1.0, 2.0, 3.0]);
        assert_eq!(reference.bin_counts(), [1, 2, 1, 3, 0, 1]);
        assert_eq!(reference.bin(f64::NAN), 5);
        assert_eq!(reference.bin(-1e9), 0);
        assert_eq!(reference.bin(1e9), 3);
    }

    #[test]
    fn a_rare_flag_keeps_two_bins_and_a_scale() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i % 33 == 0)).collect();
        let reference = NumericReference::build(&values).unwrap();
        assert_eq!(reference.bin_counts()[..2], [969, 31]);
        assert!(reference.scale() > 0.0);
    }

    #[test]
    fn constant_and_empty_features_are_described_not_refused() {
        let constant = NumericReference::build(&[5.0; 50]).unwrap();
        assert!((constant.scale() - 5e-3).abs() < 1e-12);
        assert_eq!(constant.bin_counts(), [50, 0, 0]);
        let missing = NumericReference::build(&[f64::NAN; 5]).unwrap();
        assert_eq!((missing.rows(), missing.missing()), (5, 5));
        assert!(missing.grid().is_empty());
        assert!(NumericReference::build(&[]).is_err());
    }

    #[test]
    fn one_far_value_moves_neither_bins_nor_scale() {
        let mut values: Vec<f64> = (0..2500).map(|i| f64::from(i) / 2500.0).collect();
        let before = NumericReference::build(&values).unwrap();
        values[1200] = 1e6;
        let after = NumericReference::build(&values).unwrap();
        assert!((before.scale() - after.scale()).abs() < 1e-3);
        assert!(after.fences().1 < 4.0);
        assert!(before.edges().iter().zip(after.edges()).all(|(a, b)| (a - b).abs() < 1e-2));
    }

    proptest! {
        #[test]
        fn every_row_has_a_bin(values in prop::collection::vec(prop_oneof![8 => -1e9..1e9f64, 1 => Just(f64::NAN), 1 => Just(0.0)], 1..300)) {
            let reference = NumericReference::build(&values).unwrap();
            prop_assert_eq!(reference.bin_counts().iter().sum::<u64>(), values.len() as u64);
            prop_assert!(values.iter().all(|v| reference.bin(*v) < reference.bin_counts().len()));
            prop_assert!(reference.edges().windows(2).all(|w| w[0] < w[1]));
            prop_assert!(reference.grid().windows(2).all(|w| w[0] <= w[1]));
            prop_assert!(reference.scale() > 0.0);
        }
    }
}
