//! Single values: borrowed ones out of a column, and owned ones in declarations and profiles.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::{format_date, format_timestamp};

/// One value of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Missing.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number; never `NaN`, which is stored as missing.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01 UTC.
    Timestamp(i64),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
            Self::Date(days) => f.write_str(&format_date(*days)),
            Self::Timestamp(micros) => f.write_str(&format_timestamp(*micros)),
        }
    }
}

impl Value<'_> {
    /// The value as a number, where it is one; truth counts as zero and one.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The same, owned. `None` for null.
    #[must_use]
    pub fn to_scalar(&self) -> Option<Scalar> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(value) => Scalar::Bool(*value),
            Self::Int(value) => Scalar::Int(*value),
            Self::Float(value) => Scalar::Float(*value),
            Self::Text(_) | Self::Date(_) | Self::Timestamp(_) => Scalar::Text(self.to_string()),
        })
    }
}

/// A value as declarations and JSON write it. Dates and timestamps are texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text, a date or a timestamp.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

impl Scalar {
    /// Compares a value with this one: numbers with numbers, dates and timestamps with texts that are such, texts with texts.
    /// `None` when they cannot be compared.
    #[must_use]
    pub fn compare(&self, value: &Value<'_>) -> Option<Ordering> {
        match (value, self) {
            (Value::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Value::Text(a), Self::Text(b)) => Some((*a).cmp(b.as_str())),
            (Value::Date(a), Self::Text(b)) => crate::time::parse_date(b).map(|b| a.cmp(&b)),
            (Value::Timestamp(a), Self::Text(b)) => {
                let b = crate::time::parse_timestamp(b)
                    .or_else(|| crate::time::parse_date(b).map(|days| i64::from(days) * crate::time::DAY_US));
                b.map(|b| a.cmp(&b))
            }
            (Value::Int(_) | Value::Float(_), Self::Int(_) | Self::Float(_)) => {
                value.as_f64()?.partial_cmp(&self.number()?)
            }
            _ => None,
        }
    }

    const fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_across_kinds_and_times_with_their_texts() {
        assert_eq!(Scalar::Int(3).compare(&Value::Float(2.5)), Some(Ordering::Less));
        assert_eq!(Scalar::Float(3.0).compare(&Value::Int(3)), Some(Ordering::Equal));
        assert_eq!(Scalar::Int(i64::MAX).compare(&Value::Int(i64::MAX - 1)), Some(Ordering::Less));
        assert_eq!(Scalar::Text("1970-01-02".into()).compare(&Value::Date(1)), Some(Ordering::Equal));
        assert_eq!(
            Scalar::Text("1970-01-01T00:00:01Z".into()).compare(&Value::Timestamp(1_000_000)),
            Some(Ordering::Equal)
        );
        assert_eq!(Scalar::Text("1970-01-01".into()).compare(&Value::Timestamp(5)), Some(Ordering::Greater));
        assert_eq!(Scalar::Int(3).compare(&Value::Text("3")), None);
        assert_eq!(Scalar::Int(1).compare(&Value::Bool(true)), None);
    }

    #[test]
    fn scalars_read_from_json_as_written() {
        let scalars: Vec<Scalar> = serde_json::from_str(r#"[true, 4, 0.5, "winter"]"#).unwrap();
        assert_eq!(scalars, [Scalar::Bool(true), Scalar::Int(4), Scalar::Float(0.5), Scalar::Text("winter".into())]);
    }
}
