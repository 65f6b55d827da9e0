//! What a feature looked like in training, frozen once and stored with the model: never recomputed, never re-binned.
//!
//! Numeric features keep bin edges at reference quantiles (so one far value cannot stretch the bins), a quantile grid for the
//! Wasserstein distance and a robust scale. Categorical features keep their categories. Both count missing values in a bin
//! of their own, and categories the reference never held in another.

mod categorical;
mod numeric;

use serde::{Deserialize, Serialize};

pub use categorical::{CategoricalReference, Category, MAX_CATEGORY_BINS, MAX_KNOWN_CATEGORIES};
pub use numeric::{GRID_POINTS, MAX_NUMERIC_BINS, NumericReference};

/// The values of one feature in a window or in the training data, in time order where there is one.
#[derive(Debug, Clone, Copy)]
pub enum Feature<'a> {
    /// Numbers; what is not finite counts as missing.
    Numeric(&'a [f64]),
    /// Categories; `None` is missing.
    Categorical(&'a [Option<&'a str>]),
}

impl Feature<'_> {
    /// How many rows there are, missing ones included.
    #[must_use]
    pub const fn rows(&self) -> usize {
        match self {
            Self::Numeric(values) => values.len(),
            Self::Categorical(values) => values.len(),
        }
    }
}

/// The frozen description of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reference {
    /// A feature of numbers.
    Numeric(NumericReference),
    /// A feature of categories.
    Categorical(CategoricalReference),
}

impl Reference {
    /// How many reference rows there were, missing ones included.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        match self {
            Self::Numeric(reference) => reference.rows(),
            Self::Categorical(reference) => reference.rows(),
        }
    }

    /// How many of them were missing.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        match self {
            Self::Numeric(reference) => reference.missing(),
            Self::Categorical(reference) => reference.missing(),
        }
    }

    /// Reference rows per bin: value bins, then unseen, then missing.
    #[must_use]
    pub fn bin_counts(&self) -> Vec<u64> {
        match self {
            Self::Numeric(reference) => reference.bin_counts(),
            Self::Categorical(reference) => reference.bin_counts(),
        }
    }
}
