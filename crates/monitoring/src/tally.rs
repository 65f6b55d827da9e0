//! What a window holds, counted slice by slice: a window of any size in bounded memory.
//!
//! Counts and errors are those of all rows. Drift compares distributions, for which all values would have to be kept: of a window with more
//! than [`SAMPLE_VALUES`] of them it is judged on a sample of its rows, drawn by their ids, so the same window always gives the same sample.

use std::collections::{BTreeMap, BinaryHeap};

use pitcrew_contracts::release::{LogSlice, LoggedPrediction, Role};
use pitcrew_stats::metrics::RegressionMetrics;

/// Values kept for drift, over all features and the prediction together: 32 MiB.
pub(crate) const SAMPLE_VALUES: usize = 4 << 20;

/// See the module. Slices may come in any order that is always the same.
#[derive(Debug)]
pub struct Tally {
    /// Predictions that callers got, failed ones included.
    pub(crate) served: u64,
    /// Those that did not fail.
    pub(crate) answered: u64,
    /// Those of them with a label.
    pub(crate) labels: u64,
    pub(crate) errors: RegressionMetrics,
    /// Served predictions by version.
    pub(crate) versions: BTreeMap<i64, u64>,
    /// By feature of any row: values of served rows that are there.
    present: BTreeMap<String, u64>,
    pub(crate) sample: Sample,
}

impl Default for Tally {
    fn default() -> Self {
        Self::keeping(SAMPLE_VALUES)
    }
}

impl Tally {
    /// An empty one that keeps so many values for drift.
    pub(crate) fn keeping(values: usize) -> Self {
        Self {
            served: 0,
            answered: 0,
            labels: 0,
            errors: RegressionMetrics::default(),
            versions: BTreeMap::new(),
            present: BTreeMap::new(),
            sample: Sample { limit: values, names: Vec::new(), rows: BinaryHeap::new(), drawn: false },
        }
    }

    /// Counts what a slice holds.
    pub fn add(&mut self, slice: &LogSlice) {
        let columns = self.sample.columns(&slice.features);
        let mut present = vec![0u64; slice.features.len()];
        for row in slice.rows.iter().filter(|row| row.role == Role::Served) {
            self.served += 1;
            *self.versions.entry(row.version).or_default() += 1;
            for (count, value) in present.iter_mut().zip(&row.features) {
                *count += u64::from(!value.is_nan());
            }
            if row.failed {
                continue;
            }
            self.answered += 1;
            if let Some(label) = row.label {
                self.labels += 1;
                self.errors.push(row.prediction, label);
            }
            self.sample.add(row, &columns);
        }
        for (name, count) in slice.features.iter().zip(present) {
            *self.present.entry(name.clone()).or_default() += count;
        }
    }

    /// The version that served most of it; of two with as many, the newer.
    pub(crate) fn leading_version(&self) -> Option<i64> {
        self.versions.iter().max_by_key(|(version, count)| (**count, **version)).map(|(version, _)| *version)
    }

    /// Values that are missing, of all features that any row has.
    pub(crate) fn missing(&self) -> u64 {
        self.present.values().map(|present| self.served - present).sum()
    }
}

/// Answered rows for drift: all of them while they fit, else those whose ids hash lowest.
#[derive(Debug)]
pub(crate) struct Sample {
    limit: usize,
    names: Vec<String>,
    rows: BinaryHeap<Drawn>,
    drawn: bool,
}

/// A row by its place in the draw.
#[derive(Debug)]
struct Drawn {
    rank: u64,
    prediction: f64,
    /// In the order of the sample's names, as many as were known then.
    values: Box<[f64]>,
}

impl PartialEq for Drawn {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Drawn {}

impl PartialOrd for Drawn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Drawn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl Sample {
    /// Where a slice's features stand here; new ones find a place.
    fn columns(&mut self, features: &[String]) -> Vec<usize> {
        let mut place = |name: &String| {
            self.names.iter().position(|known| known == name).unwrap_or_else(|| {
                self.names.push(name.clone());
                self.names.len() - 1
            })
        };
        let columns = features.iter().map(&mut place).collect();
        self.shrink();
        columns
    }

    /// Lets go of the rows drawn last until the others fit.
    fn shrink(&mut self) {
        while self.rows.len() > self.room() {
            self.rows.pop();
            self.drawn = true;
        }
    }

    fn add(&mut self, row: &LoggedPrediction, columns: &[usize]) {
        let rank = rank(row);
        let full = self.rows.len() >= self.room();
        if full && self.rows.peek().is_some_and(|last| rank >= last.rank) {
            self.drawn = true;
            return;
        }
        let mut values = vec![f64::NAN; self.names.len()].into_boxed_slice();
        for (column, value) in columns.iter().zip(&row.features) {
            values[*column] = *value;
        }
        self.rows.push(Drawn { rank, prediction: row.prediction, values });
        self.shrink();
    }

    /// Rows that fit.
    fn room(&self) -> usize {
        (self.limit / (self.names.len() + 1)).max(1)
    }

    /// How many rows were drawn; `None` when these are all.
    pub(crate) fn drawn(&self) -> Option<u64> {
        self.drawn.then_some(self.rows.len() as u64)
    }

    /// A feature's values. One that no row has was not sent: every value of it is missing.
    pub(crate) fn feature(&self, name: &str) -> Vec<f64> {
        let column = self.names.iter().position(|known| known == name);
        let value = |row: &Drawn| column.and_then(|at| row.values.get(at).copied()).unwrap_or(f64::NAN);
        self.rows.iter().map(value).collect()
    }

    /// The predictions.
    pub(crate) fn predictions(&self) -> Vec<f64> {
        self.rows.iter().map(|row| row.prediction).collect()
    }
}

/// A number that says nothing of the row but which one it is: FNV-1a over id and time, its bits mixed (`SplitMix64`).
fn rank(row: &LoggedPrediction) -> u64 {
    let time = row.event_time.micros().to_le_bytes();
    let bytes = row.request_id.bytes().chain(time);
    let mut x =
        bytes.fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitcrew_kernel::Timestamp;
    use proptest::prelude::*;

    fn row(at: i64, features: &[f64]) -> LoggedPrediction {
        LoggedPrediction {
            request_id: format!("r{at}"),
            event_time: Timestamp::from_micros(at),
            version: 1 + at % 3,
            role: Role::Served,
            failed: at % 11 == 0,
            prediction: at as f64,
            features: features.to_vec(),
            label: (at % 2 == 0).then_some(at as f64 / 3.0),
        }
    }

    fn slice(rows: std::ops::Range<i64>) -> LogSlice {
        let rows = rows.map(|at| row(at, &[at as f64, if at % 5 == 0 { f64::NAN } else { 1.0 }])).collect();
        LogSlice { features: vec!["a".into(), "b".into()], rows, next: None }
    }

    fn figures(tally: &Tally) -> (u64, u64, u64, u64, Option<i64>, Vec<f64>) {
        let mut kept = tally.sample.predictions();
        kept.sort_by(f64::total_cmp);
        (tally.served, tally.answered, tally.labels, tally.missing(), tally.leading_version(), kept)
    }

    #[test]
    fn a_feature_that_only_later_rows_have_is_missing_in_the_earlier_ones() {
        let mut tally = Tally::default();
        tally.add(&LogSlice { features: vec!["a".into()], rows: vec![row(1, &[4.0])], next: None });
        tally.add(&LogSlice { features: vec!["b".into(), "a".into()], rows: vec![row(2, &[5.0, 6.0])], next: None });
        assert_eq!(tally.missing(), 1);
        let mut b = tally.sample.feature("b");
        b.sort_by(f64::total_cmp);
        assert!(b[0] == 5.0 && b[1].is_nan(), "{b:?}");
        assert!(tally.sample.feature("c").iter().all(|value| value.is_nan()));
    }

    #[test]
    fn a_sample_is_like_the_whole() {
        let mut tally = Tally::keeping(3 * 2_000);
        (0..100).for_each(|part| tally.add(&slice(part * 1_000..part * 1_000 + 1_000)));
        assert_eq!((tally.served, tally.sample.drawn()), (100_000, Some(2_000)));
        let a = tally.sample.feature("a");
        let mean = a.iter().sum::<f64>() / a.len() as f64;
        assert!((mean - 50_000.0).abs() < 2_000.0, "{mean}");
        let missing = tally.sample.feature("b").iter().filter(|value| value.is_nan()).count();
        assert!((340..460).contains(&missing), "{missing}");
    }

    proptest! {
        #[test]
        fn how_a_window_is_cut_does_not_matter(cuts in prop::collection::vec(1i64..60, 1..12), room in 1usize..200) {
            let mut parts = Tally::keeping(3 * room);
            let mut from = 0;
            for cut in cuts {
                parts.add(&slice(from..from + cut));
                from += cut;
            }
            let mut whole = Tally::keeping(3 * room);
            whole.add(&slice(0..from));
            prop_assert_eq!(figures(&parts), figures(&whole));
            let answered = (0..from).filter(|at| at % 11 != 0).count();
            prop_assert_eq!(parts.sample.drawn(), (answered > room).then_some(room as u64));
            prop_assert_eq!(parts.errors, whole.errors);
        }
    }
}
