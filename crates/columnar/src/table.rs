//! Tables: a schema, its columns, and where the rows came from.

use pitcrew_kernel::{Error, Result};

use crate::column::Column;
use crate::schema::{ColumnType, Field, Schema};
use crate::value::Value;

/// Consecutive rows that came from one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The file, as it was named to the reader.
    pub name: String,
    /// Its rows.
    pub rows: u64,
}

/// Columns of equal length.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    schema: Schema,
    columns: Vec<Column>,
    rows: usize,
    parts: Vec<Part>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn empty(schema: Schema) -> Self {
        let columns = schema.fields().iter().map(|field| Column::new(field.kind)).collect();
        Self { schema, columns, rows: 0, parts: Vec::new() }
    }

    /// A table of named columns.
    ///
    /// # Errors
    /// `SCHEMA_INVALID` when names are bad or lengths differ.
    pub fn from_columns(columns: Vec<(String, Column)>) -> Result<Self> {
        let rows = columns.first().map_or(0, |(_, column)| column.rows());
        if let Some((name, column)) = columns.iter().find(|(_, column)| column.rows() != rows) {
            let found = column.rows();
            return Err(Error::invalid(
                "SCHEMA_INVALID",
                format!("column `{name}` has {found} rows, the first has {rows}"),
            ));
        }
        let (fields, columns): (Vec<Field>, Vec<Column>) = columns
            .into_iter()
            .map(|(name, column)| (Field::new(name, column.kind(), column.nulls() > 0), column))
            .unzip();
        Ok(Self { schema: Schema::new(fields)?, columns, rows, parts: Vec::new() })
    }

    /// The columns' names and types.
    #[must_use]
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The files the rows came from, in order; empty when they came from none.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The columns in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// A column by name.
    ///
    /// # Errors
    /// `COLUMN_NOT_FOUND`, naming the columns there are.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.schema.position(name).map(|at| &self.columns[at]).ok_or_else(|| {
            Error::not_found("COLUMN_NOT_FOUND", format!("there is no column `{name}`"))
                .hint(format!("the columns are {}", self.schema.names_for_humans()))
        })
    }

    /// A column as numbers, missing ones as `NaN`; truth counts as zero and one.
    ///
    /// # Errors
    /// `COLUMN_NOT_FOUND`, or `COLUMN_TYPE_INVALID` for texts, dates and timestamps.
    pub fn numeric(&self, name: &str) -> Result<Vec<f64>> {
        let column = self.column(name)?;
        column.numbers().ok_or_else(|| mistyped(name, column.kind(), "numbers"))
    }

    /// A column as microseconds since 1970-01-01 UTC; a date is its first moment.
    ///
    /// # Errors
    /// `COLUMN_NOT_FOUND`, or `COLUMN_TYPE_INVALID` when it holds neither timestamps nor dates.
    pub fn timestamps(&self, name: &str) -> Result<Vec<Option<i64>>> {
        let column = self.column(name)?;
        if !matches!(column.kind(), ColumnType::Timestamp | ColumnType::Date) {
            return Err(mistyped(name, column.kind(), "timestamps"));
        }
        let micros = |value: Value<'_>| match value {
            Value::Timestamp(micros) => Some(micros),
            Value::Date(days) => Some(i64::from(days) * crate::time::DAY_US),
            _ => None,
        };
        Ok(column.values().map(micros).collect())
    }

    /// A column as texts, whatever its type.
    ///
    /// # Errors
    /// `COLUMN_NOT_FOUND`.
    pub fn texts(&self, name: &str) -> Result<Vec<Option<String>>> {
        let text = |value: Value<'_>| match value {
            Value::Null => None,
            value => Some(value.to_string()),
        };
        Ok(self.column(name)?.values().map(text).collect())
    }

    /// Appends the rows of a table with the same columns in the same order.
    ///
    /// # Errors
    /// `SCHEMA_INVALID` when names or types differ.
    pub fn append(&mut self, other: &Self) -> Result<()> {
        let shape = |schema: &Schema| -> Vec<(String, ColumnType)> {
            schema.fields().iter().map(|field| (field.name.clone(), field.kind)).collect()
        };
        if shape(&self.schema) != shape(&other.schema) {
            return Err(Error::invalid("SCHEMA_INVALID", "the tables have different columns").hint(format!(
                "one has {}, the other {}",
                self.schema.names_for_humans(),
                other.schema.names_for_humans()
            )));
        }
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            for value in theirs.values() {
                mine.push(value)?;
            }
        }
        self.rows += other.rows;
        self.parts.extend(other.parts.iter().cloned());
        Ok(())
    }

    /// The file and the row in it (from one) of a row of the table (from zero), when it came from a file.
    #[must_use]
    pub fn origin(&self, row: usize) -> Option<(&str, u64)> {
        let mut start = 0;
        for part in &self.parts {
            if (row as u64) < start + part.rows {
                return Some((&part.name, row as u64 - start + 1));
            }
            start += part.rows;
        }
        None
    }

    pub(crate) fn push_row<'a>(&mut self, values: impl Iterator<Item = Result<Value<'a>>>) -> Result<()> {
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(value?)?;
        }
        self.rows += 1;
        Ok(())
    }

    pub(crate) fn note_part(&mut self, name: String, rows: u64) {
        self.parts.push(Part { name, rows });
    }
}

fn mistyped(name: &str, kind: ColumnType, wanted: &str) -> Error {
    Error::invalid("COLUMN_TYPE_INVALID", format!("column `{name}` holds {kind} values, not {wanted}"))
        .hint("name another column, or change the schema's type for this one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut number = Column::new(ColumnType::Int);
        let mut day = Column::new(ColumnType::Date);
        for i in 0..3 {
            number.push(Value::Int(i)).unwrap();
            day.push(if i == 1 { Value::Null } else { Value::Date(i as i32) }).unwrap();
        }
        Table::from_columns(vec![("n".into(), number), ("day".into(), day)]).unwrap()
    }

    #[test]
    fn columns_are_read_by_name_in_their_type() {
        let table = table();
        assert_eq!(table.numeric("n").unwrap(), [0.0, 1.0, 2.0]);
        assert_eq!(table.timestamps("day").unwrap(), [Some(0), None, Some(2 * crate::time::DAY_US)]);
        assert_eq!(table.texts("day").unwrap()[2].as_deref(), Some("1970-01-03"));
        assert_eq!(table.numeric("day").unwrap_err().code(), "COLUMN_TYPE_INVALID");
        assert_eq!(table.timestamps("n").unwrap_err().code(), "COLUMN_TYPE_INVALID");
        let missing = table.numeric("m").unwrap_err();
        assert_eq!((missing.code(), missing.hint_text()), ("COLUMN_NOT_FOUND", Some("the columns are `n`, `day`")));
        assert!(table.schema().fields()[1].nullable);
    }

    #[test]
    fn appending_keeps_rows_and_origins() {
        let mut first = table();
        first.note_part("a.csv".into(), 3);
        let mut second = table();
        second.note_part("b.csv".into(), 3);
        first.append(&second).unwrap();
        assert_eq!(first.rows(), 6);
        assert_eq!(first.column("day").unwrap().nulls(), 2);
        assert_eq!(first.origin(4), Some(("b.csv", 2)));
        assert_eq!(first.origin(6), None);
        let other = Table::from_columns(vec![("x".into(), Column::new(ColumnType::Int))]).unwrap();
        assert_eq!(first.append(&other).unwrap_err().code(), "SCHEMA_INVALID");
    }

    #[test]
    fn columns_of_unequal_length_are_no_table() {
        let mut one = Column::new(ColumnType::Int);
        one.push(Value::Int(1)).unwrap();
        let found = Table::from_columns(vec![("a".into(), one), ("b".into(), Column::new(ColumnType::Int))]);
        assert_eq!(found.unwrap_err().code(), "SCHEMA_INVALID");
    }
}
