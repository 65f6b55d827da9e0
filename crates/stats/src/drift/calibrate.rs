//! Reference windows and what each statistic does over them.

use super::psi::psi;
use super::wasserstein::wasserstein_with;
use super::{DriftOptions, NullDistribution};
use crate::reference::{Feature, Reference};
use crate::rng::SplitMix;
use serde::{Deserialize, Serialize};

/// Windows of each kind; more buys little, since contiguous ones overlap.
const WINDOWS: usize = 300;
/// Windows larger than this are drawn at this size.
const MAX_DRAWN_ROWS: usize = 4_000;
/// A contiguous window may hold at most this part of the reference, or too few stand side by side to show how they differ.
const MIN_BLOCKS: usize = 4;
/// Window sizes between the smallest and the expected one.
const MAX_SIZES: usize = 5;

/// The null distributions at one window size: contiguous windows, random windows, or both. The more careful one counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SizeNulls {
    pub(super) rows: usize,
    pub(super) psi: Vec<NullDistribution>,
    pub(super) wasserstein: Vec<NullDistribution>,
    pub(super) missing: Vec<NullDistribution>,
    pub(super) unseen: Vec<NullDistribution>,
}

/// The reference rows in the form the windows need.
struct Prepared<'a> {
    reference: &'a Reference,
    counts: Vec<u64>,
    bins: Vec<u32>,
    numbers: Option<&'a [f64]>,
    /// The category of each row (by place among the known ones), for counting those that occur in one window only.
    identity: Vec<u32>,
    totals: Vec<u64>,
}

const NOBODY: u32 = u32::MAX;

/// Fits the null distributions for every window size of interest. Empty when the reference is too short for any.
pub(super) fn calibrate(feature: Feature<'_>, reference: &Reference, options: &DriftOptions) -> Vec<SizeNulls> {
    let present = (reference.rows() - reference.missing()) as usize;
    if present < 2 * options.min_rows {
        return Vec::new();
    }
    let prepared = Prepared::new(feature, reference);
    sizes(options).into_iter().filter_map(|rows| prepared.nulls(rows, options)).collect()
}

/// Sizes from the smallest judged window up to the expected one, doubling.
fn sizes(options: &DriftOptions) -> Vec<usize> {
    let smallest = options.min_rows.max(2);
    let largest = options.window_rows.max(smallest);
    let mut sizes = vec![largest];
    while sizes.len() < MAX_SIZES && sizes[sizes.len() - 1] / 2 >= smallest {
        sizes.push(sizes[sizes.len() - 1] / 2);
    }
    if sizes[sizes.len() - 1] != smallest {
        sizes.push(smallest);
    }
    sizes.reverse();
    sizes
}

impl<'a> Prepared<'a> {
    fn new(feature: Feature<'a>, reference: &'a Reference) -> Self {
        let mut prepared = Self {
            reference,
            counts: reference.bin_counts(),
            bins: Vec::with_capacity(feature.rows()),
            numbers: None,
            identity: Vec::new(),
            totals: Vec::new(),
        };
        match (feature, reference) {
            (Feature::Numeric(values), Reference::Numeric(numeric)) => {
                prepared.bins.extend(values.iter().map(|v| numeric.bin(*v) as u32));
                prepared.numbers = Some(values);
            }
            (Feature::Categorical(values), Reference::Categorical(categorical)) => {
                prepared.bins.extend(values.iter().map(|v| categorical.bin(*v) as u32));
                let place = |v: &Option<&str>| v.and_then(|v| categorical.find(v)).map_or(NOBODY, |i| i as u32);
                prepared.identity.extend(values.iter().map(place));
                prepared.totals.extend(categorical.categories().iter().map(|c| c.count));
            }
            _ => {}
        }
        prepared
    }

    fn nulls(&self, rows: usize, options: &DriftOptions) -> Option<SizeNulls> {
        let mut nulls =
            SizeNulls { rows, psi: Vec::new(), wasserstein: Vec::new(), missing: Vec::new(), unseen: Vec::new() };
        let total = self.bins.len();
        let drawn = rows.min(total / 2).min(MAX_DRAWN_ROWS);
        let mut random = Sample::default();
        let mut rng = SplitMix::new(options.seed ^ rows as u64);
        let mut order: Vec<usize> = (0..total).collect();
        for _ in 0..WINDOWS {
            // A partial shuffle leaves a random window in front.
            for i in 0..drawn {
                order.swap(i, i + rng.below(total - i));
            }
            random.add(self, &order[..drawn]);
        }
        random.rescale(drawn, rows, total);
        random.fit_into(&mut nulls);
        if options.ordered {
            let length = rows.min(total / MIN_BLOCKS).min(MAX_DRAWN_ROWS);
            let mut contiguous = Sample::default();
            let count = WINDOWS.min(total - length + 1);
            for i in 0..count {
                let start = (total - length) * i / (count - 1).max(1);
                let window: Vec<usize> = (start..start + length).collect();
                contiguous.add(self, &window);
            }
            contiguous.fit_into(&mut nulls);
        }
        (!nulls.psi.is_empty()).then_some(nulls)
    }
}

/// The statistics of the windows of one kind.
#[derive(Default)]
struct Sample {
    psi: Vec<f64>,
    wasserstein: Vec<f64>,
    missing: Vec<f64>,
    unseen: Vec<f64>,
    scratch: Vec<f64>,
}

impl Sample {
    /// Compares one window with the reference rows outside it, as a later window will be.
    fn add(&mut self, prepared: &Prepared<'_>, window: &[usize]) {
        let mut inside = vec![0u64; prepared.counts.len()];
        for row in window {
            inside[prepared.bins[*row] as usize] += 1;
        }
        let outside: Vec<u64> =
            prepared.counts.iter().zip(&inside).map(|(all, part)| all.saturating_sub(*part)).collect();
        if let Some(found) = psi(&outside, &inside) {
            self.psi.push(found.debiased());
        }
        let missing = inside.last().copied().unwrap_or(0);
        self.missing.push(missing as f64 / window.len() as f64);
        if let (Some(numbers), Reference::Numeric(reference)) = (prepared.numbers, prepared.reference) {
            let present = (reference.rows() - reference.missing()) as f64;
            let here = window.len() as f64 - missing as f64;
            // The reference without the window lies further from it by exactly this factor, since distribution functions mix.
            let apart = if present > here { present / (present - here) } else { 1.0 };
            let values = window.iter().map(|row| numbers[*row]);
            if let Some(distance) = wasserstein_with(reference, values, &mut self.scratch) {
                self.wasserstein.push(distance * apart);
            }
        }
        if !prepared.identity.is_empty() {
            self.unseen.push(only_here(prepared, window) as f64 / window.len() as f64);
        }
    }

    /// From windows of `drawn` rows against the rest of `total` to windows of `rows` against all of it. Holds for rows in no
    /// order, where chance shrinks with the sum of both inverse sizes: squared distances by it, distances by its root.
    fn rescale(&mut self, drawn: usize, rows: usize, total: usize) {
        let chance = |n: usize, m: usize| 1.0 / n.max(1) as f64 + 1.0 / m.max(1) as f64;
        let ratio = chance(rows, total) / chance(drawn, total - drawn);
        self.psi.iter_mut().for_each(|v| *v *= ratio);
        self.wasserstein.iter_mut().for_each(|v| *v *= ratio.sqrt());
    }

    fn fit_into(self, nulls: &mut SizeNulls) {
        nulls.psi.extend(NullDistribution::fit(&self.psi));
        nulls.wasserstein.extend(NullDistribution::fit(&self.wasserstein));
        let varied = |shares: &[f64]| shares.iter().any(|share| *share > 0.0);
        if varied(&self.missing) {
            nulls.missing.extend(NullDistribution::fit(&self.missing));
        }
        if varied(&self.unseen) {
            nulls.unseen.extend(NullDistribution::fit(&self.unseen));
        }
    }
}

/// Rows of a window whose category occurs nowhere else in the reference: what "unseen" would have been.
fn only_here(prepared: &Prepared<'_>, window: &[usize]) -> usize {
    let mut places: Vec<u32> = window.iter().map(|row| prepared.identity[*row]).filter(|p| *p != NOBODY).collect();
    places.sort_unstable();
    places
        .chunk_by(|a, b| a == b)
        .filter(|run| prepared.totals[run[0] as usize] == run.len() as u64)
        .map(<[u32]>::len)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_double_from_the_smallest_to_the_expected() {
        let options = DriftOptions { window_rows: 168, min_rows: 24, ..DriftOptions::default() };
        assert_eq!(sizes(&options), [24, 42, 84, 168]);
        assert_eq!(sizes(&DriftOptions { window_rows: 10, min_rows: 24, ..options }), [24]);
    }
}
