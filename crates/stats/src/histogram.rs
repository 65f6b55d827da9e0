//! A histogram over fixed edges, mergeable, for profiles and charts.

use serde::{Deserialize, Serialize};

use crate::InvalidInput;

/// Counts between fixed edges: bin `i` holds `edges[i] <= x < edges[i + 1]`, the last one also its upper edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    edges: Vec<f64>,
    counts: Vec<u64>,
    below: u64,
    above: u64,
}

impl Histogram {
    /// An empty histogram over strictly ascending, finite edges.
    ///
    /// # Errors
    /// When there are fewer than two edges or they do not ascend.
    pub fn new(edges: Vec<f64>) -> Result<Self, InvalidInput> {
        if edges.len() < 2 || edges.iter().any(|e| !e.is_finite()) || edges.windows(2).any(|w| w[0] >= w[1]) {
            return Err(InvalidInput::new("a histogram needs at least two finite edges in ascending order"));
        }
        let counts = vec![0; edges.len() - 1];
        Ok(Self { edges, counts, below: 0, above: 0 })
    }

    /// `bins` equal bins from `min` to `max`; one bin when they are equal.
    ///
    /// # Errors
    /// When the range is not finite, turned round, or `bins` is zero.
    pub fn even(min: f64, max: f64, bins: usize) -> Result<Self, InvalidInput> {
        if bins == 0 || !min.is_finite() || !max.is_finite() || min > max {
            return Err(InvalidInput::new("a histogram needs a finite range and at least one bin"));
        }
        if min == max {
            return Self::new(vec![min, min + min.abs().max(1.0) * 1e-9]);
        }
        let mut edges: Vec<f64> = (0..=bins).map(|i| min + (max - min) * (i as f64 / bins as f64)).collect();
        edges[bins] = max;
        edges.dedup();
        Self::new(edges)
    }

    /// Counts one value; `NaN` is ignored.
    pub fn push(&mut self, value: f64) {
        let (first, last) = (self.edges[0], self.edges[self.edges.len() - 1]);
        if value.is_nan() {
        } else if value < first {
            self.below += 1;
        } else if value > last {
            self.above += 1;
        } else {
            let bin = self.edges.partition_point(|edge| *edge <= value).saturating_sub(1);
            let bin = bin.min(self.counts.len() - 1);
            self.counts[bin] += 1;
        }
    }

    /// Adds another histogram over the same edges.
    ///
    /// # Errors
    /// When the edges differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), InvalidInput> {
        if self.edges != other.edges {
            return Err(InvalidInput::new("histograms over different edges cannot be merged"));
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.below += other.below;
        self.above += other.above;
        Ok(())
    }

    /// The edges, one more than the counts.
    #[must_use]
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// Values per bin.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Values below the first and above the last edge.
    #[must_use]
    pub const fn outside(&self) -> (u64, u64) {
        (self.below, self.above)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_land_where_numpy_puts_them() {
        let mut histogram = Histogram::even(0.0, 4.0, 4).unwrap();
        for value in [0.0, 0.5, 1.0, 3.999, 4.0, -1.0, 5.0, f64::NAN] {
            histogram.push(value);
        }
        // numpy.histogram([0, .5, 1, 3.999, 4], bins=4, range=(0, 4))
        assert_eq!(histogram.counts(), [2, 1, 0, 2]);
        assert_eq!(histogram.outside(), (1, 1));
    }

    #[test]
    fn refuses_what_is_no_histogram() {
        assert!(Histogram::new(vec![1.0]).is_err());
        assert!(Histogram::new(vec![1.0, 1.0]).is_err());
        assert!(Histogram::even(0.0, f64::NAN, 4).is_err());
        let mut one = Histogram::even(3.0, 3.0, 8).unwrap();
        one.push(3.0);
        assert_eq!(one.counts(), [1]);
        assert!(one.merge(&Histogram::even(0.0, 1.0, 1).unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn merging_equals_one_stream(values in prop::collection::vec(-2.0..2.0f64, 0..100), cut in 0usize..100) {
            let cut = cut.min(values.len());
            let make = |part: &[f64]| {
                let mut histogram = Histogram::even(-1.0, 1.0, 7).unwrap();
                part.iter().for_each(|v| histogram.push(*v));
                histogram
            };
            let mut merged = make(&values[..cut]);
            merged.merge(&make(&values[cut..])).unwrap();
            prop_assert_eq!(merged, make(&values));
        }
    }
}
