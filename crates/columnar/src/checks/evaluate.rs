//! Evaluating checks: each is one pass over the columns it names.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::{Check, CheckReport, CheckResult, FailingRow, MAX_SAMPLES, Rule, Severity, Status};
use crate::column::Column;
use crate::schema::ColumnType;
use crate::table::Table;
use crate::time::{DAY_US, format_timestamp};
use crate::value::{Scalar, Value};

/// Sample values longer than this are cut.
const MAX_VALUE_CHARS: usize = 100;
/// Allowed values named in a result.
const SHOWN_VALUES: usize = 10;

/// Evaluates every check. A check that cannot be applied (its column is missing or of a type it cannot judge) fails and says
/// so; nothing is skipped in silence.
#[must_use]
pub fn check(table: &Table, checks: &[Check]) -> CheckReport {
    CheckReport { results: checks.iter().map(|check| result(table, check)).collect() }
}

/// What evaluating a rule finds.
struct Found {
    observed: String,
    ok: bool,
    failing: Failing,
}

/// Failing rows: how many, and the first few.
#[derive(Default)]
struct Failing {
    rows: u64,
    first: Vec<(usize, String)>,
}

impl Failing {
    fn add(&mut self, row: usize, value: &Value<'_>) {
        self.rows += 1;
        if self.first.len() < MAX_SAMPLES {
            self.first.push((row, value.to_string().chars().take(MAX_VALUE_CHARS).collect()));
        }
    }
}

fn result(table: &Table, check: &Check) -> CheckResult {
    let (name, column, expected) = words(&check.rule);
    let found = evaluate(table, &check.rule).unwrap_or_else(|observed| Found {
        observed,
        ok: false,
        failing: Failing::default(),
    });
    let status = match (found.ok, check.severity) {
        (true, _) => Status::Pass,
        (false, Severity::Warn) => Status::Warn,
        (false, Severity::Error) => Status::Fail,
    };
    let samples = found.failing.first.into_iter().map(|(row, value)| match table.origin(row) {
        Some((file, row)) => FailingRow { row, file: Some(file.to_owned()), value },
        None => FailingRow { row: row as u64 + 1, file: None, value },
    });
    CheckResult {
        name,
        column,
        severity: check.severity,
        status,
        observed: found.observed,
        expected,
        failing_rows: found.failing.rows,
        samples: samples.collect(),
    }
}

/// The name, column and expectation of a rule, in words.
fn words(rule: &Rule) -> (String, Option<String>, String) {
    let of =
        |column: &String, what: String, expected: String| (format!("{column} {what}"), Some(column.clone()), expected);
    match rule {
        Rule::Rows { min, max } => {
            let text = |bound: &Option<u64>| bound.map(|b| b.to_string());
            let expected = format!("{} rows", bounds(text(min), text(max)));
            (expected.clone(), None, expected)
        }
        Rule::NotNull { column } => of(column, "not null".into(), "no nulls".into()),
        Rule::Nulls { column, max_fraction } => {
            of(column, format!("nulls at most {max_fraction}"), format!("at most {} % nulls", max_fraction * 100.0))
        }
        Rule::Unique { columns } => {
            let columns = columns.join(", ");
            (format!("{columns} unique"), Some(columns), "no duplicates".into())
        }
        Rule::Range { column, min, max } => {
            let text = |bound: &Option<Scalar>| bound.as_ref().map(ToString::to_string);
            let range = bounds(text(min), text(max));
            of(column, range.clone(), format!("values {range}"))
        }
        Rule::OneOf { column, values } => {
            let mut list: Vec<String> = values.iter().take(SHOWN_VALUES).map(ToString::to_string).collect();
            if values.len() > SHOWN_VALUES {
                list.push(format!("{} more", values.len() - SHOWN_VALUES));
            }
            of(column, "one of".into(), format!("one of {}", list.join(", ")))
        }
        Rule::Type { column, kind } => of(column, format!("is {kind}"), format!("type {kind}")),
        Rule::Monotonic { column, strict } => {
            let what = if *strict { "increasing" } else { "not decreasing" };
            of(column, what.into(), format!("each value {} the one before", if *strict { "above" } else { "at least" }))
        }
        Rule::Fresh { column, max_age_us, .. } => {
            of(column, "fresh".into(), format!("newest value at most {} old", age(*max_age_us)))
        }
    }
}

fn bounds(min: Option<String>, max: Option<String>) -> String {
    match (min, max) {
        (Some(min), Some(max)) if min == max => format!("exactly {min}"),
        (Some(min), Some(max)) => format!("between {min} and {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "any number of".into(),
    }
}

fn age(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    match seconds {
        s if s >= 172_800 => format!("{} days", s / 86_400),
        s if s >= 7200 => format!("{} hours", s / 3600),
        s if s >= 120 => format!("{} minutes", s / 60),
        s => format!("{s} seconds"),
    }
}

/// Evaluates a rule; the error says why it cannot be.
fn evaluate(table: &Table, rule: &Rule) -> Result<Found, String> {
    match rule {
        Rule::Rows { min, max } => {
            let rows = table.rows() as u64;
            let ok = min.is_none_or(|min| rows >= min) && max.is_none_or(|max| rows <= max);
            Ok(Found { observed: format!("{rows} rows"), ok, failing: Failing::default() })
        }
        Rule::NotNull { column } => nulls(column_of(table, column)?, 0.0),
        Rule::Nulls { column, max_fraction } => nulls(column_of(table, column)?, *max_fraction),
        Rule::Unique { columns } => unique(table, columns),
        Rule::Range { column, min, max } => range(column_of(table, column)?, min.as_ref(), max.as_ref()),
        Rule::OneOf { column, values } => one_of(column_of(table, column)?, values),
        Rule::Type { column, kind } => {
            let found = column_of(table, column)?.kind();
            Ok(Found { observed: format!("type {found}"), ok: found == *kind, failing: Failing::default() })
        }
        Rule::Monotonic { column, strict } => monotonic(column_of(table, column)?, *strict),
        Rule::Fresh { column, max_age_us, now_us } => fresh(column_of(table, column)?, *max_age_us, *now_us),
    }
}

fn column_of<'a>(table: &'a Table, name: &str) -> Result<&'a Column, String> {
    table.column(name).map_err(|_| format!("there is no column `{name}`"))
}

fn nulls(column: &Column, max_fraction: f64) -> Result<Found, String> {
    let (rows, nulls) = (column.rows(), column.nulls());
    let ok = nulls as f64 <= max_fraction * rows as f64;
    let mut failing = Failing::default();
    if !ok {
        (0..rows).filter(|row| column.is_null(*row)).for_each(|row| failing.add(row, &Value::Null));
    }
    Ok(Found { observed: format!("{nulls} of {rows}"), ok, failing })
}

fn each(column: &Column, good: impl Fn(&Value<'_>) -> Option<bool>) -> Result<Found, String> {
    let mut failing = Failing::default();
    for (row, value) in column.values().enumerate() {
        if value == Value::Null {
            continue;
        }
        match good(&value) {
            Some(true) => {}
            Some(false) => failing.add(row, &value),
            None => return Err(format!("values of type {} cannot be compared with what is expected", column.kind())),
        }
    }
    let observed = format!("{} of {} outside", failing.rows, column.rows() - column.nulls());
    Ok(Found { observed, ok: failing.rows == 0, failing })
}

fn range(column: &Column, min: Option<&Scalar>, max: Option<&Scalar>) -> Result<Found, String> {
    let mut found = each(column, |value| {
        let above = min.map_or(Some(true), |min| Some(min.compare(value)? != Ordering::Less));
        let below = max.map_or(Some(true), |max| Some(max.compare(value)? != Ordering::Greater));
        Some(above? && below?)
    })?;
    if let Some((low, high)) = extremes(column) {
        found.observed.push_str(&format!("; from {low} to {high}"));
    }
    Ok(found)
}

/// The smallest and largest value of an ordered column.
fn extremes(column: &Column) -> Option<(String, String)> {
    let key = |value: &Value<'_>| match value {
        Value::Date(days) => Some(f64::from(*days)),
        Value::Timestamp(micros) => Some(*micros as f64),
        value => value.as_f64(),
    };
    let keyed = column.values().filter_map(|value| Some((key(&value)?, value)));
    let order = |a: &(f64, Value<'_>), b: &(f64, Value<'_>)| a.0.total_cmp(&b.0);
    let low = keyed.min_by(order)?.1.to_string();
    let high = column.values().filter_map(|value| Some((key(&value)?, value))).max_by(order)?.1.to_string();
    Some((low, high))
}

fn one_of(column: &Column, values: &[Scalar]) -> Result<Found, String> {
    let comparable =
        |value: &Value<'_>| values.is_empty() || values.iter().any(|allowed| allowed.compare(value).is_some());
    each(column, |value| {
        comparable(value).then(|| values.iter().any(|allowed| allowed.compare(value) == Some(Ordering::Equal)))
    })
}

fn unique(table: &Table, names: &[String]) -> Result<Found, String> {
    let columns: Vec<&Column> = names.iter().map(|name| column_of(table, name)).collect::<Result<_, _>>()?;
    if columns.is_empty() {
        return Err("no columns are named".into());
    }
    let mut seen: HashSet<Vec<u8>> = HashSet::with_capacity(table.rows());
    let mut failing = Failing::default();
    let mut key = Vec::new();
    for row in 0..table.rows() {
        if columns.iter().any(|column| column.is_null(row)) {
            continue;
        }
        key.clear();
        columns.iter().for_each(|column| write_key(&column.value(row), &mut key));
        if !seen.insert(key.clone()) {
            failing.add(row, &columns[0].value(row));
            if columns.len() > 1 && failing.first.len() as u64 == failing.rows {
                let values: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
                if let Some(last) = failing.first.last_mut() {
                    last.1 = values.join(", ").chars().take(MAX_VALUE_CHARS).collect();
                }
            }
        }
    }
    Ok(Found { observed: format!("{} of {} repeat", failing.rows, table.rows()), ok: failing.rows == 0, failing })
}

/// A value as bytes that differ when values do; texts carry their length, so that neighbours cannot run together.
fn write_key(value: &Value<'_>, key: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Bool(value) => key.push(u8::from(*value)),
        Value::Int(value) | Value::Timestamp(value) => key.extend(value.to_le_bytes()),
        // Both zeros are one number.
        Value::Float(value) => key.extend((value + 0.0).to_bits().to_le_bytes()),
        Value::Date(value) => key.extend(value.to_le_bytes()),
        Value::Text(value) => {
            key.extend((value.len() as u64).to_le_bytes());
            key.extend(value.as_bytes());
        }
    }
}

fn monotonic(column: &Column, strict: bool) -> Result<Found, String> {
    let mut failing = Failing::default();
    let mut last: Option<Value<'_>> = None;
    for (row, value) in column.values().enumerate() {
        if value == Value::Null {
            continue;
        }
        if let Some(last) = &last {
            match order(last, &value) {
                Some(Ordering::Less) => {}
                Some(Ordering::Equal) if !strict => {}
                _ => failing.add(row, &value),
            }
        }
        last = Some(value);
    }
    Ok(Found { observed: format!("{} of {} step back", failing.rows, column.rows()), ok: failing.rows == 0, failing })
}

fn order(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Int(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        _ => None,
    }
}

fn fresh(column: &Column, max_age_us: i64, now_us: i64) -> Result<Found, String> {
    if !matches!(column.kind(), ColumnType::Timestamp | ColumnType::Date) {
        return Err(format!("values of type {} have no age", column.kind()));
    }
    let micros = |value: Value<'_>| match value {
        Value::Timestamp(micros) => Some(micros),
        Value::Date(days) => Some(i64::from(days) * DAY_US),
        _ => None,
    };
    let Some(newest) = column.values().filter_map(micros).max() else {
        return Err("there is no value".into());
    };
    let old = now_us.saturating_sub(newest);
    let observed = format!("newest {}, {} old", format_timestamp(newest), age(old.max(0)));
    Ok(Found { observed, ok: old <= max_age_us, failing: Failing::default() })
}
