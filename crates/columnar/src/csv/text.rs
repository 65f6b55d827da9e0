//! Texts of a CSV file as values.

use crate::schema::ColumnType;
use crate::time::{DAY_US, parse_date, parse_timestamp};
use crate::value::Value;

/// What people and programs write for "missing" where no text is expected.
const MISSING: [&str; 9] = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none"];
/// Whole numbers up to here survive a float, so `3.0` may stand for `3`.
const EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;

/// Whether a text stands for a missing value in a column of this type. In a column of texts only the empty one does.
pub(super) fn is_missing(text: &str, kind: ColumnType) -> bool {
    if kind == ColumnType::String { text.is_empty() } else { MISSING.contains(&text.trim()) }
}

/// Reads a text as a value of a type; `None` when it is none.
pub(super) fn parse(text: &str, kind: ColumnType) -> Option<Value<'_>> {
    if is_missing(text, kind) {
        return Some(Value::Null);
    }
    let trimmed = text.trim();
    match kind {
        ColumnType::String => Some(Value::Text(text)),
        ColumnType::Bool => parse_bool(trimmed).map(Value::Bool),
        ColumnType::Int => parse_int(trimmed).map(Value::Int),
        ColumnType::Float => parse_float(trimmed).map(Value::Float),
        ColumnType::Date => parse_date(trimmed).map(Value::Date),
        ColumnType::Timestamp => parse_moment(trimmed).map(Value::Timestamp),
    }
}

fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn parse_int(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        // A column of integers with gaps is often written as `3.0`.
        let number = parse_float(text)?;
        (number.fract() == 0.0 && number.abs() <= EXACT_FLOAT).then_some(number as i64)
    })
}

fn parse_float(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn parse_moment(text: &str) -> Option<i64> {
    parse_timestamp(text).or_else(|| parse_date(text).map(|days| i64::from(days) * DAY_US))
}

/// What to do about a text that is no value of its type.
pub(super) fn advice(text: &str, kind: ColumnType) -> &'static str {
    let text = text.trim();
    let with_point = text.replace(',', ".");
    match kind {
        ColumnType::Int | ColumnType::Float if text.contains(',') && with_point.parse::<f64>().is_ok() => {
            "write numbers with a point, like `1.5`"
        }
        ColumnType::Int if parse_float(text).is_some() => "make it a whole number, or declare the column as `float`",
        ColumnType::Int | ColumnType::Float => "write a finite number, or leave the value empty when it is missing",
        ColumnType::Bool => "write `true` or `false`",
        ColumnType::Date => "write dates like `2026-01-31`",
        ColumnType::Timestamp => "write times like `2026-01-31T12:00:00Z` or `2026-01-31 12:00:00`",
        ColumnType::String => "write plain text",
    }
}

/// Which types a column's texts may still have.
#[derive(Debug, Clone)]
pub(super) struct Guess {
    seen: bool,
    nulls: bool,
    bool: bool,
    int: bool,
    float: bool,
    date: bool,
    timestamp: bool,
}

impl Guess {
    pub(super) const fn new() -> Self {
        Self { seen: false, nulls: false, bool: true, int: true, float: true, date: true, timestamp: true }
    }

    /// Takes one more text into account.
    pub(super) fn add(&mut self, text: &str) {
        let text = text.trim();
        if MISSING.contains(&text) {
            self.nulls = true;
            return;
        }
        self.seen = true;
        // `007` and numbers beyond 64 bits are codes and ids: as numbers they would not come back as they were.
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let code = digits.len() > 1
            && digits.bytes().all(|b| b.is_ascii_digit())
            && (digits.starts_with('0') || text.parse::<i64>().is_err());
        self.bool &= text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
        self.int = self.int && !code && text.parse::<i64>().is_ok();
        self.float = self.float && !code && parse_float(text).is_some();
        self.date = self.date && parse_date(text).is_some();
        self.timestamp = self.timestamp && parse_moment(text).is_some();
    }

    /// The narrowest type that holds every text, and whether some were missing.
    pub(super) const fn result(&self) -> (ColumnType, bool) {
        let kind = match self {
            Self { seen: false, .. } => ColumnType::String,
            Self { bool: true, .. } => ColumnType::Bool,
            Self { int: true, .. } => ColumnType::Int,
            Self { float: true, .. } => ColumnType::Float,
            Self { date: true, .. } => ColumnType::Date,
            Self { timestamp: true, .. } => ColumnType::Timestamp,
            _ => ColumnType::String,
        };
        (kind, self.nulls)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn guess(texts: &[&str]) -> (ColumnType, bool) {
        let mut guess = Guess::new();
        texts.iter().for_each(|text| guess.add(text));
        guess.result()
    }

    #[test]
    fn types_are_guessed_narrowly_and_codes_stay_texts() {
        assert_eq!(guess(&["1", "2", ""]), (ColumnType::Int, true));
        assert_eq!(guess(&["1", "2.5"]), (ColumnType::Float, false));
        assert_eq!(guess(&["true", "FALSE"]), (ColumnType::Bool, false));
        assert_eq!(guess(&["2012-01-01", "2012-01-02"]), (ColumnType::Date, false));
        assert_eq!(guess(&["2012-01-01", "2012-01-02 05:00:00"]), (ColumnType::Timestamp, false));
        assert_eq!(guess(&["007", "008"]), (ColumnType::String, false));
        assert_eq!(guess(&["99999999999999999999"]), (ColumnType::String, false));
        assert_eq!(guess(&["0", "-0", "0.5"]), (ColumnType::Float, false));
        assert_eq!(guess(&["NA", ""]), (ColumnType::String, true));
        assert_eq!(guess(&["1", "x"]), (ColumnType::String, false));
    }

    #[test]
    fn values_are_read_in_their_type() {
        assert_eq!(parse("3.0", ColumnType::Int), Some(Value::Int(3)));
        assert_eq!(parse("3.5", ColumnType::Int), None);
        assert_eq!(parse(" 4 ", ColumnType::Float), Some(Value::Float(4.0)));
        assert_eq!(parse("NaN", ColumnType::Float), Some(Value::Null));
        assert_eq!(parse("NaN", ColumnType::String), Some(Value::Text("NaN")));
        assert_eq!(parse("", ColumnType::String), Some(Value::Null));
        assert_eq!(parse("inf", ColumnType::Float), None);
        assert_eq!(parse("1970-01-02", ColumnType::Timestamp), Some(Value::Timestamp(DAY_US)));
        assert_eq!(parse("True", ColumnType::Bool), Some(Value::Bool(true)));
        assert_eq!(advice("1,5", ColumnType::Float), "write numbers with a point, like `1.5`");
    }

    proptest! {
        #[test]
        fn what_was_guessed_can_be_read(texts in prop::collection::vec("[-+0-9.eE:T ]{0,12}|true|false|NA|20[0-9]{2}-0[1-9]-1[0-9]", 1..8)) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let (kind, _) = guess(&texts);
            for text in texts {
                prop_assert!(parse(text, kind).is_some(), "{text} as {kind}");
            }
        }
    }
}
