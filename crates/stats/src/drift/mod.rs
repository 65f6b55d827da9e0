//! Drift: does a window still look like the reference, given what the reference itself does over windows of that size?
//!
//! A fixed threshold is either deaf or crying wolf: the same distance means nothing at 100 rows and everything at a million,
//! and a week of hourly temperature never looks like the year it belongs to. So each feature's threshold comes from its own
//! reference: windows of several sizes are cut from it (contiguous ones when it is in time order, random ones as well), each
//! is compared with the rest, and the threshold is the value that unchanged windows pass at the stated rate. Missing values
//! and unseen categories are tested apart, so neither hides behind unchanged values nor needs thousands of rows to show.

mod baseline;
mod calibrate;
mod null;
mod psi;
mod wasserstein;

use serde::{Deserialize, Serialize};

pub use baseline::DriftBaseline;
pub use null::NullDistribution;
pub use psi::{Psi, psi};
pub use wasserstein::wasserstein;

/// What a window says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing beyond what the reference does by itself.
    Stable,
    /// Beyond the threshold.
    Drifted,
    /// Too few rows to say; neither good nor bad.
    NoData,
}

/// How thresholds are to be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftOptions {
    /// Rows a window is expected to hold. Smaller windows get thresholds of their own; larger ones use this one.
    pub window_rows: usize,
    /// The chance that an unchanged window raises an alarm on any feature tested with it.
    pub false_alarm_rate: f64,
    /// How many features share that rate (Bonferroni); one when a caller corrects by itself over [`Reading::p_value`].
    pub features: usize,
    /// Fewer present values than this are no data.
    pub min_rows: usize,
    /// Whether reference rows are in time order, so that contiguous windows show what a window in time does.
    pub ordered: bool,
    /// Room added to each threshold, relative, for what a finite reference has not shown.
    pub margin: f64,
    /// Changes up to these are declared harmless however sure they are.
    pub harmless: HarmlessChange,
    /// Makes the random windows repeatable.
    pub seed: u64,
}

/// Effects too small to matter, whatever the sample size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HarmlessChange {
    /// In units of the population stability index.
    pub psi: f64,
    /// In robust standard deviations.
    pub wasserstein: f64,
    /// Rise of the share of missing or unseen values.
    pub share: f64,
}

impl Default for HarmlessChange {
    fn default() -> Self {
        Self { psi: 0.01, wasserstein: 0.05, share: 0.01 }
    }
}

impl Default for DriftOptions {
    fn default() -> Self {
        Self {
            window_rows: 1000,
            false_alarm_rate: 0.01,
            features: 1,
            min_rows: 50,
            ordered: true,
            margin: 0.1,
            harmless: HarmlessChange::default(),
            seed: 7,
        }
    }
}

/// One statistic of one feature in one window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The statistic; zero when there is no data.
    pub value: f64,
    /// It drifts above this.
    pub threshold: f64,
    /// The chance of at least this value in an unchanged window, fitted beyond what the reference showed; one when harmless
    /// or without data. Meant for Benjamini-Hochberg over features, not for pride.
    pub p_value: f64,
    /// The verdict on this statistic alone.
    pub verdict: Verdict,
}

impl Reading {
    pub(crate) const NO_DATA: Self = Self { value: 0.0, threshold: 0.0, p_value: 1.0, verdict: Verdict::NoData };
}

/// Everything a window says about one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftReport {
    /// Rows in the window, missing ones included.
    pub rows: u64,
    /// Drifted when any part drifted; no data when the values could not be judged and nothing else drifted.
    pub verdict: Verdict,
    /// The population stability index, less what chance explains, never below zero.
    pub psi: Reading,
    /// The robust Wasserstein distance; numeric features only.
    pub wasserstein: Option<Reading>,
    /// The share of missing values.
    pub missing: Reading,
    /// The share of categories the reference never held; zero for numbers.
    pub unseen: Reading,
    /// The share of present numbers outside the reference's range; zero for categories. Told, not tested.
    pub outside: f64,
}
