//! Columns of plain values with missing ones marked apart.

use pitcrew_kernel::{Error, Result};

use crate::schema::ColumnType;
use crate::value::Value;

/// The values of a column. Places that are missing hold a default.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Truth values.
    Bool(Vec<bool>),
    /// Integers.
    Int(Vec<i64>),
    /// Numbers.
    Float(Vec<f64>),
    /// Texts.
    Text(Texts),
    /// Days since 1970-01-01.
    Date(Vec<i32>),
    /// Microseconds since 1970-01-01 UTC.
    Timestamp(Vec<i64>),
}

/// Texts end to end, so that a million short ones are two allocations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    bytes: String,
    ends: Vec<usize>,
}

impl Texts {
    pub(crate) fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn get(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    data: Data,
    /// Whether each value is there; empty while all are.
    present: Vec<bool>,
    rows: usize,
    nulls: usize,
}

impl Column {
    /// An empty column of a type.
    #[must_use]
    pub fn new(kind: ColumnType) -> Self {
        let data = match kind {
            ColumnType::Bool => Data::Bool(Vec::new()),
            ColumnType::Int => Data::Int(Vec::new()),
            ColumnType::Float => Data::Float(Vec::new()),
            ColumnType::String => Data::Text(Texts::default()),
            ColumnType::Date => Data::Date(Vec::new()),
            ColumnType::Timestamp => Data::Timestamp(Vec::new()),
        };
        Self { data, present: Vec::new(), rows: 0, nulls: 0 }
    }

    /// What the column holds.
    #[must_use]
    pub const fn kind(&self) -> ColumnType {
        match self.data {
            Data::Bool(_) => ColumnType::Bool,
            Data::Int(_) => ColumnType::Int,
            Data::Float(_) => ColumnType::Float,
            Data::Text(_) => ColumnType::String,
            Data::Date(_) => ColumnType::Date,
            Data::Timestamp(_) => ColumnType::Timestamp,
        }
    }

    /// How many values there are, missing ones included.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// How many of them are missing.
    #[must_use]
    pub const fn nulls(&self) -> usize {
        self.nulls
    }

    /// The values, with defaults where they are missing; see [`Self::is_null`].
    #[must_use]
    pub const fn data(&self) -> &Data {
        &self.data
    }

    /// Whether the value of a row is missing. A row beyond the end is.
    #[must_use]
    pub fn is_null(&self, row: usize) -> bool {
        row >= self.rows || self.present.get(row).is_some_and(|present| !present)
    }

    /// The value of a row; null beyond the end.
    #[must_use]
    pub fn value(&self, row: usize) -> Value<'_> {
        if self.is_null(row) {
            return Value::Null;
        }
        match &self.data {
            Data::Bool(values) => Value::Bool(values[row]),
            Data::Int(values) => Value::Int(values[row]),
            Data::Float(values) => Value::Float(values[row]),
            Data::Text(values) => Value::Text(values.get(row)),
            Data::Date(values) => Value::Date(values[row]),
            Data::Timestamp(values) => Value::Timestamp(values[row]),
        }
    }

    /// All values in order.
    pub fn values(&self) -> impl Iterator<Item = Value<'_>> + '_ {
        (0..self.rows).map(|row| self.value(row))
    }

    /// Appends a value. `NaN` is stored as missing, an integer in a column of numbers as a number.
    ///
    /// # Errors
    /// `COLUMN_TYPE_INVALID` when the value is of another type.
    pub fn push(&mut self, value: Value<'_>) -> Result<()> {
        match (&mut self.data, value) {
            (_, Value::Null) => return self.push_null(),
            (Data::Float(_), Value::Float(number)) if number.is_nan() => return self.push_null(),
            (Data::Bool(values), Value::Bool(value)) => values.push(value),
            (Data::Int(values), Value::Int(value)) => values.push(value),
            (Data::Float(values), Value::Float(value)) => values.push(value),
            (Data::Float(values), Value::Int(value)) => values.push(value as f64),
            (Data::Text(values), Value::Text(value)) => values.push(value),
            (Data::Date(values), Value::Date(value)) => values.push(value),
            (Data::Timestamp(values), Value::Timestamp(value)) => values.push(value),
            (_, value) => {
                let kind = self.kind();
                return Err(Error::invalid(
                    "COLUMN_TYPE_INVALID",
                    format!("`{value}` does not fit a column of type {kind}"),
                ));
            }
        }
        self.rows += 1;
        if !self.present.is_empty() {
            self.present.push(true);
        }
        Ok(())
    }

    fn push_null(&mut self) -> Result<()> {
        match &mut self.data {
            Data::Bool(values) => values.push(false),
            Data::Int(values) | Data::Timestamp(values) => values.push(0),
            Data::Float(values) => values.push(f64::NAN),
            Data::Text(values) => values.push(""),
            Data::Date(values) => values.push(0),
        }
        if self.present.is_empty() {
            self.present = vec![true; self.rows];
        }
        self.present.push(false);
        self.rows += 1;
        self.nulls += 1;
        Ok(())
    }

    /// The values as numbers, missing ones as `NaN`; truth counts as zero and one. `None` for texts, dates and timestamps.
    #[must_use]
    pub fn numbers(&self) -> Option<Vec<f64>> {
        match &self.data {
            Data::Bool(_) | Data::Int(_) | Data::Float(_) => {
                Some(self.values().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect())
            }
            Data::Text(_) | Data::Date(_) | Data::Timestamp(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_are_marked_from_the_first_one_on() {
        let mut column = Column::new(ColumnType::Float);
        for value in [Value::Float(1.5), Value::Int(2), Value::Float(f64::NAN), Value::Null, Value::Float(3.0)] {
            column.push(value).unwrap();
        }
        assert_eq!((column.rows(), column.nulls()), (5, 2));
        assert_eq!(column.value(1), Value::Float(2.0));
        assert_eq!(column.value(2), Value::Null);
        assert_eq!(column.value(99), Value::Null);
        let numbers = column.numbers().unwrap();
        assert!(numbers[3].is_nan() && numbers[4] == 3.0);
    }

    #[test]
    fn texts_keep_their_bounds() {
        let mut column = Column::new(ColumnType::String);
        for text in ["", "a", "", "bcd", "é"] {
            column.push(Value::Text(text)).unwrap();
        }
        let read: Vec<String> = column.values().map(|value| value.to_string()).collect();
        assert_eq!(read, ["", "a", "", "bcd", "é"]);
        assert_eq!(column.numbers(), None);
        assert_eq!(column.push(Value::Int(1)).unwrap_err().code(), "COLUMN_TYPE_INVALID");
        assert_eq!(column.rows(), 5);
    }
}
