//! Declared checks as the table checker takes them.

use pitcrew_columnar::{Check, Rule, Scalar, Severity};
use pitcrew_contracts::spec;
use pitcrew_kernel::{Error, Result};
use serde_json::Value;

/// One check for each expectation and column, in the order declared.
///
/// # Errors
/// `DATA_CHECK_INVALID`, naming the check by its position.
pub(crate) fn convert(declared: &[spec::Check]) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for (at, check) in declared.iter().enumerate() {
        let rules = rules(check).map_err(|error| error.context(format!("checks[{at}]")))?;
        let severity = match check.severity {
            spec::Severity::Error => Severity::Error,
            spec::Severity::Warn => Severity::Warn,
        };
        checks.extend(rules.into_iter().map(|rule| Check { rule, severity }));
    }
    Ok(checks)
}

fn rules(check: &spec::Check) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    if let Some(bounds) = &check.rows {
        rules.push(Rule::Rows { min: row_bound(bounds.min)?, max: row_bound(bounds.max)? });
    }
    if let Some(columns) = &check.unique_together {
        if columns.is_empty() {
            return Err(invalid("`unique_together` names no columns"));
        }
        rules.push(Rule::Unique { columns: columns.clone() });
    }
    let columns = check.column.as_ref().map(spec::OneOrMany::as_slice).unwrap_or_default();
    for column in columns {
        rules.extend(column_rules(check, column)?);
    }
    let of_columns =
        check.not_null || check.unique || check.nulls.is_some() || check.range.is_some() || check.one_of.is_some();
    if of_columns && columns.is_empty() {
        return Err(invalid("it expects something of a column and names none").hint("add `column: NAME`"));
    }
    if rules.is_empty() {
        return Err(invalid("it expects nothing")
            .hint("add `not_null`, `nulls`, `unique`, `range`, `one_of`, `unique_together` or `rows`"));
    }
    Ok(rules)
}

fn column_rules(check: &spec::Check, column: &str) -> Result<Vec<Rule>> {
    let column = column.to_owned();
    let mut rules = Vec::new();
    if check.not_null {
        rules.push(Rule::NotNull { column: column.clone() });
    }
    if let Some(nulls) = check.nulls {
        if !(0.0..=1.0).contains(&nulls.max_fraction) {
            return Err(invalid(format!("`max_fraction` is {}, which is no share", nulls.max_fraction))
                .hint("write a number from 0 to 1, like 0.05"));
        }
        rules.push(Rule::Nulls { column: column.clone(), max_fraction: nulls.max_fraction });
    }
    if check.unique {
        rules.push(Rule::Unique { columns: vec![column.clone()] });
    }
    if let Some(spec::Bounds { min, max }) = check.range {
        if min.is_none() && max.is_none() || min.zip(max).is_some_and(|(min, max)| min > max) {
            return Err(invalid("`range` has no bound, or its `min` is above its `max`"));
        }
        rules.push(Rule::Range { column: column.clone(), min: min.map(Scalar::Float), max: max.map(Scalar::Float) });
    }
    if let Some(values) = &check.one_of {
        rules.push(Rule::OneOf { column, values: values.iter().map(scalar).collect::<Result<_>>()? });
    }
    Ok(rules)
}

/// A bound on a number of rows: a whole number that `f64` holds exactly.
fn row_bound(bound: Option<f64>) -> Result<Option<u64>> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    match bound {
        None => Ok(None),
        Some(rows) if (0.0..=LARGEST).contains(&rows) && rows.fract() == 0.0 => Ok(Some(rows as u64)),
        Some(rows) => Err(invalid(format!("{rows} is not a number of rows")).hint("write a whole number")),
    }
}

fn scalar(value: &Value) -> Result<Scalar> {
    let scalar = match value {
        Value::Bool(value) => Some(Scalar::Bool(*value)),
        Value::String(text) => Some(Scalar::Text(text.clone())),
        Value::Number(number) => number.as_i64().map(Scalar::Int).or_else(|| number.as_f64().map(Scalar::Float)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    scalar.ok_or_else(|| {
        invalid(format!("`one_of` holds `{value}`, which is no single value"))
            .hint("list texts, numbers or truth values; missing values are the business of `not_null` and `nulls`")
    })
}

fn invalid(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid("DATA_CHECK_INVALID", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Vec<Check>> {
        convert(&serde_json::from_str::<Vec<spec::Check>>(json).unwrap())
    }

    #[test]
    fn each_expectation_of_each_column_is_a_check() {
        let checks = parse(
            r#"[{"rows": {"min": 10}}, {"column": ["a", "b"], "not_null": true, "range": {"max": 1}},
                {"column": "c", "one_of": [1, 0.5, "x", true], "severity": "warn"}, {"unique_together": ["a", "b"]}]"#,
        )
        .unwrap();
        assert_eq!(checks.len(), 7);
        assert_eq!(checks[0].rule, Rule::Rows { min: Some(10), max: None });
        assert_eq!(checks[3].rule, Rule::NotNull { column: "b".into() });
        assert_eq!(checks[5].severity, Severity::Warn);
        assert_eq!(checks[6].rule, Rule::Unique { columns: vec!["a".into(), "b".into()] });
    }

    #[test]
    fn what_cannot_be_checked_is_named() {
        for (bad, place) in [
            (r#"[{"rows": {"min": 1}}, {}]"#, "checks[1]"),
            (r#"[{"column": "a"}]"#, "checks[0]"),
            (r#"[{"not_null": true}]"#, "checks[0]"),
            (r#"[{"rows": {"min": 1.5}}]"#, "checks[0]"),
            (r#"[{"rows": {"min": -1}}]"#, "checks[0]"),
            (r#"[{"column": "a", "nulls": {"max_fraction": 5}}]"#, "checks[0]"),
            (r#"[{"column": "a", "range": {}}]"#, "checks[0]"),
            (r#"[{"column": "a", "range": {"min": 2, "max": 1}}]"#, "checks[0]"),
            (r#"[{"column": "a", "one_of": [null]}]"#, "checks[0]"),
            (r#"[{"unique_together": []}]"#, "checks[0]"),
        ] {
            let error = parse(bad).unwrap_err();
            assert_eq!(error.code(), "DATA_CHECK_INVALID", "{bad}");
            assert!(error.detail().starts_with(place), "{error}");
        }
    }
}
