//! A frozen reference with its calibrated thresholds: built at training, asked at every window.

use serde::{Deserialize, Serialize};

use super::calibrate::{SizeNulls, calibrate};
use super::psi::psi;
use super::wasserstein::wasserstein;
use super::{DriftOptions, DriftReport, NullDistribution, Reading, Verdict};
use crate::InvalidInput;
use crate::proportion::wilson_interval;
use crate::reference::{CategoricalReference, Feature, NumericReference, Reference};
use crate::special::binomial_upper_tail;

/// The reference of one feature and what its own windows do. Plain data: store it with the model, read it back, ask it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftBaseline {
    reference: Reference,
    options: DriftOptions,
    sizes: Vec<SizeNulls>,
    /// The reference's share of missing values, at the upper end of what it may truly be.
    missing_share: f64,
    /// The same for values never seen before (Good-Turing: the share of values seen once).
    unseen_share: f64,
}

impl DriftBaseline {
    /// Freezes the reference and calibrates its thresholds. Rows should be in time order; say so in the options.
    ///
    /// A reference too short to calibrate is kept: its missing and unseen shares are still tested, its values read as no data,
    /// so that one poor feature never fails the rest.
    ///
    /// # Errors
    /// When there is no row, or the rate is not in `(0, 1)`.
    pub fn calibrate(feature: Feature<'_>, options: &DriftOptions) -> Result<Self, InvalidInput> {
        if !(options.false_alarm_rate > 0.0 && options.false_alarm_rate < 1.0) {
            return Err(InvalidInput::new("the false-alarm rate must lie between 0 and 1"));
        }
        let reference = match feature {
            Feature::Numeric(values) => Reference::Numeric(NumericReference::build(values)?),
            Feature::Categorical(values) => Reference::Categorical(CategoricalReference::build(values)?),
        };
        let sizes = calibrate(feature, &reference, options);
        let singletons = match &reference {
            Reference::Numeric(_) => 0,
            Reference::Categorical(known) => known.categories().iter().filter(|c| c.count == 1).count() as u64,
        };
        let upper = |part: u64| wilson_interval(part, reference.rows(), 0.95).map_or(1.0, |(_, upper)| upper);
        Ok(Self {
            missing_share: upper(reference.missing()),
            unseen_share: upper(singletons),
            reference,
            options: options.clone(),
            sizes,
        })
    }

    /// The frozen reference.
    #[must_use]
    pub const fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The options it was calibrated with.
    #[must_use]
    pub const fn options(&self) -> &DriftOptions {
        &self.options
    }

    /// Judges one window.
    ///
    /// # Errors
    /// When the window is numeric and the reference categorical, or the other way round.
    pub fn evaluate(&self, window: Feature<'_>) -> Result<DriftReport, InvalidInput> {
        let mut counts = vec![0u64; self.reference.bin_counts().len()];
        let mut outside = 0u64;
        let distance = match (&self.reference, window) {
            (Reference::Numeric(reference), Feature::Numeric(values)) => {
                let (min, max) = reference.range();
                for value in values {
                    counts[reference.bin(*value)] += 1;
                    outside += u64::from(value.is_finite() && (*value < min || *value > max));
                }
                Some(wasserstein(reference, values))
            }
            (Reference::Categorical(reference), Feature::Categorical(values)) => {
                for value in values {
                    counts[reference.bin(*value)] += 1;
                }
                None
            }
            _ => return Err(InvalidInput::new("the window and the reference are not of the same kind")),
        };
        Ok(self.report(&counts, distance, outside))
    }

    fn report(&self, counts: &[u64], distance: Option<Option<f64>>, outside: u64) -> DriftReport {
        let rows: u64 = counts.iter().sum();
        let missing = counts[counts.len() - 1];
        let unseen = counts[counts.len() - 2];
        let present = rows - missing;
        let harmless = self.options.harmless;
        let nulls = self.nulls_for(present);
        let mut binned = counts.to_vec();
        if let Reference::Categorical(reference) = &self.reference {
            reference.fold_unseen(&mut binned);
        }
        let found = psi(&self.reference.bin_counts(), &binned).map(|p| p.debiased());
        let psi = self.value_reading(found, nulls.map(|n| &n.psi), harmless.psi);
        let wasserstein =
            distance.map(|found| self.value_reading(found, nulls.map(|n| &n.wasserstein), harmless.wasserstein));
        let share_nulls = self.nulls_for(rows);
        let missing = self.share_reading(missing, rows, self.missing_share, share_nulls.map(|n| &n.missing));
        let unseen = self.share_reading(unseen, rows, self.unseen_share, share_nulls.map(|n| &n.unseen));
        let parts = [Some(psi), wasserstein, Some(missing), Some(unseen)];
        let verdict =
            if parts.iter().flatten().any(|p| p.verdict == Verdict::Drifted) { Verdict::Drifted } else { psi.verdict };
        let outside = if present > 0 { outside as f64 / present as f64 } else { 0.0 };
        DriftReport { rows, verdict, psi, wasserstein, missing, unseen, outside }
    }

    /// The nulls of the largest calibrated size that is not above `rows`.
    fn nulls_for(&self, rows: u64) -> Option<&SizeNulls> {
        if rows < self.options.min_rows as u64 {
            return None;
        }
        self.sizes.iter().rev().find(|size| size.rows as u64 <= rows)
    }

    /// The rate each statistic may use: features share the stated one, and the three statistics of a feature (index, distance
    /// or unseen, missing) share the feature's.
    fn rate(&self) -> f64 {
        const STATISTICS: f64 = 3.0;
        self.options.false_alarm_rate / self.options.features.max(1) as f64 / STATISTICS
    }

    fn value_reading(&self, value: Option<f64>, nulls: Option<&Vec<NullDistribution>>, harmless: f64) -> Reading {
        let (Some(value), Some(nulls)) = (value, nulls) else { return Reading::NO_DATA };
        if nulls.is_empty() {
            return Reading::NO_DATA;
        }
        let room = 1.0 + self.options.margin;
        let rate = self.rate();
        let threshold = nulls.iter().map(|null| null.threshold(rate) * room).fold(harmless, f64::max);
        let p_value = if value <= harmless {
            1.0
        } else {
            nulls.iter().map(|null| null.p_value(value / room)).fold(0.0, f64::max)
        };
        let verdict = if value > threshold { Verdict::Drifted } else { Verdict::Stable };
        Reading { value: value.max(0.0), threshold, p_value, verdict }
    }

    fn share_reading(&self, part: u64, rows: u64, share: f64, nulls: Option<&Vec<NullDistribution>>) -> Reading {
        if rows < self.options.min_rows.max(1) as u64 {
            return Reading::NO_DATA;
        }
        let nulls = nulls.map_or(&[][..], Vec::as_slice);
        let rate = self.rate();
        let p_of = |part: u64| self.share_p_value(part, rows, share, nulls);
        // The smallest count that would drift, for telling the threshold; p-values fall as counts rise.
        let (mut low, mut high) = (0, rows + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if p_of(middle) <= rate {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Reading {
            value: part as f64 / rows as f64,
            threshold: low.saturating_sub(1) as f64 / rows as f64,
            p_value: p_of(part),
            verdict: if part >= low { Verdict::Drifted } else { Verdict::Stable },
        }
    }

    fn share_p_value(&self, part: u64, rows: u64, share: f64, nulls: &[NullDistribution]) -> f64 {
        let observed = part as f64 / rows as f64;
        if observed <= share + self.options.harmless.share {
            return 1.0;
        }
        let binomial = binomial_upper_tail(part, rows, share);
        nulls.iter().map(|null| null.p_value(observed)).fold(binomial, f64::max)
    }
}
