//! What a table holds, column by column: the profile stored with every data-set version.

use std::collections::HashMap;

use pitcrew_stats::histogram::Histogram;
use pitcrew_stats::summary::{Moments, quantile_sorted};
use serde::{Deserialize, Serialize};

use crate::column::Column;
use crate::schema::ColumnType;
use crate::table::Table;
use crate::value::{Scalar, Value};

/// Bins of a column's histogram.
const HISTOGRAM_BINS: usize = 20;
/// Values listed as the most frequent.
const TOP_VALUES: usize = 10;
/// Numbers with more distinct values than this have no "most frequent" worth telling.
const TOP_NUMBERS_DISTINCT: usize = 100;
/// Longer texts are cut in a profile.
const MAX_TEXT_CHARS: usize = 200;
const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// A table's profile, in the JSON of the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Rows of the table.
    pub rows: u64,
    /// Its columns in order.
    pub columns: Vec<ColumnProfile>,
}

/// A column's profile. What does not apply to its type is null or empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// The column's name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Values that are there.
    pub count: u64,
    /// Values that are missing.
    pub nulls: u64,
    /// Different values.
    pub distinct: u64,
    /// The smallest value.
    pub min: Option<Scalar>,
    /// The largest value.
    pub max: Option<Scalar>,
    /// The mean of numbers; of truth values the share of true.
    pub mean: Option<f64>,
    /// The sample standard deviation of numbers.
    pub std: Option<f64>,
    /// `[share, value]` pairs of numbers.
    pub quantiles: Vec<(f64, f64)>,
    /// The histogram of numbers.
    pub histogram: Option<HistogramProfile>,
    /// The most frequent values, most frequent first.
    pub top: Vec<TopValue>,
}

/// Counts between edges; one more edge than counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistogramProfile {
    /// Ascending edges.
    pub edges: Vec<f64>,
    /// Values between them.
    pub counts: Vec<u64>,
}

/// A frequent value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopValue {
    /// The value as text.
    pub value: String,
    /// How often it occurs.
    pub count: u64,
}

/// Describes every column of a table.
#[must_use]
pub fn profile(table: &Table) -> Profile {
    let fields = table.schema().fields();
    let columns =
        fields.iter().zip(table.columns()).map(|(field, column)| column_profile(&field.name, column)).collect();
    Profile { rows: table.rows() as u64, columns }
}

fn column_profile(name: &str, column: &Column) -> ColumnProfile {
    let mut profile = ColumnProfile {
        name: name.to_owned(),
        kind: column.kind(),
        count: (column.rows() - column.nulls()) as u64,
        nulls: column.nulls() as u64,
        distinct: 0,
        min: None,
        max: None,
        mean: None,
        std: None,
        quantiles: Vec::new(),
        histogram: None,
        top: Vec::new(),
    };
    match column.kind() {
        ColumnType::Int | ColumnType::Float => describe_numbers(column, &mut profile),
        ColumnType::String => describe_texts(column, &mut profile),
        ColumnType::Bool | ColumnType::Date | ColumnType::Timestamp => describe_ordered(column, &mut profile),
    }
    profile
}

fn describe_numbers(column: &Column, profile: &mut ColumnProfile) {
    let numbers = column.numbers().unwrap_or_default();
    let moments = Moments::of(&numbers);
    profile.mean = moments.mean();
    profile.std = moments.std();
    let mut sorted: Vec<f64> = numbers.into_iter().filter(|number| number.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let integer = column.kind() == ColumnType::Int;
    let scalar = |number: f64| if integer { Scalar::Int(number as i64) } else { Scalar::Float(number) };
    profile.min = sorted.first().map(|number| scalar(*number));
    profile.max = sorted.last().map(|number| scalar(*number));
    profile.quantiles = QUANTILES.iter().filter_map(|q| Some((*q, quantile_sorted(&sorted, *q)?))).collect();
    let runs: Vec<(f64, u64)> = sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).collect();
    profile.distinct = runs.len() as u64;
    if runs.len() <= TOP_NUMBERS_DISTINCT {
        profile.top = top(runs.into_iter().map(|(number, count)| (scalar(number).to_string(), count)).collect());
    }
    if let (Some(first), Some(last)) = (sorted.first(), sorted.last())
        && let Ok(mut histogram) = Histogram::even(*first, *last, HISTOGRAM_BINS)
    {
        sorted.iter().for_each(|number| histogram.push(*number));
        profile.histogram =
            Some(HistogramProfile { edges: histogram.edges().to_vec(), counts: histogram.counts().to_vec() });
    }
}

fn describe_texts(column: &Column, profile: &mut ColumnProfile) {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for value in column.values() {
        if let Value::Text(text) = value {
            *counts.entry(text).or_default() += 1;
        }
    }
    profile.distinct = counts.len() as u64;
    profile.min = counts.keys().min().map(|text| Scalar::Text(cut(text)));
    profile.max = counts.keys().max().map(|text| Scalar::Text(cut(text)));
    // A column where nothing repeats has no most frequent values.
    if profile.distinct < profile.count || profile.count <= 1 {
        let mut ranked: Vec<(&str, u64)> = counts.into_iter().collect();
        ranked.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        ranked.truncate(TOP_VALUES);
        profile.top = ranked.into_iter().map(|(text, count)| TopValue { value: cut(text), count }).collect();
    }
}

fn describe_ordered(column: &Column, profile: &mut ColumnProfile) {
    let key = |value: Value<'_>| match value {
        Value::Bool(value) => Some(i64::from(value)),
        Value::Date(days) => Some(i64::from(days)),
        Value::Timestamp(micros) => Some(micros),
        _ => None,
    };
    let kind = column.kind();
    let value = |key: i64| match kind {
        ColumnType::Bool => Value::Bool(key == 1),
        ColumnType::Date => Value::Date(key as i32),
        _ => Value::Timestamp(key),
    };
    let mut keys: Vec<i64> = column.values().filter_map(key).collect();
    keys.sort_unstable();
    profile.min = keys.first().and_then(|key| value(*key).to_scalar());
    profile.max = keys.last().and_then(|key| value(*key).to_scalar());
    if kind == ColumnType::Bool && !keys.is_empty() {
        profile.mean = Some(keys.iter().sum::<i64>() as f64 / keys.len() as f64);
    }
    let runs: Vec<(i64, u64)> = keys.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).collect();
    profile.distinct = runs.len() as u64;
    if profile.distinct < profile.count || profile.count <= 1 {
        profile.top = top(runs.into_iter().map(|(key, count)| (value(key).to_string(), count)).collect());
    }
}

/// The most frequent of `(value, count)` pairs that come in order of value.
fn top(mut runs: Vec<(String, u64)>) -> Vec<TopValue> {
    runs.sort_by_key(|run| std::cmp::Reverse(run.1));
    runs.truncate(TOP_VALUES);
    runs.into_iter().map(|(value, count)| TopValue { value, count }).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARS).collect()
}
