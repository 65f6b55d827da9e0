//! Reading CSV files into a table of a known schema.

use pitcrew_kernel::{Error, Result};

use super::CsvFile;
use super::infer::missing;
use super::records::{Records, shown};
use super::text::{advice, parse};
use crate::schema::Schema;
use crate::table::Table;

/// What to do about columns that the schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtraColumns {
    /// Refuse the file: a new column is a decision, not an accident.
    Refuse,
    /// Leave them out.
    Ignore,
}

/// Reads files into one table, row by row. Columns are matched by name. Empty values and the usual words for "missing" are
/// null; whether nulls are acceptable is for checks to say.
///
/// # Errors
/// `CSV_UNREADABLE`, `CSV_EMPTY`, `CSV_NOT_TEXT`, `CSV_DELIMITER`, `CSV_HEADER_INVALID`, `CSV_COLUMN_MISSING`,
/// `CSV_COLUMN_UNEXPECTED`, `CSV_ROW_RAGGED`, `CSV_VALUE_INVALID`, `CSV_FIELD_TOO_LONG`: each names file, line, column and
/// value as far as they apply, and the way out.
pub fn read_csv(files: &[CsvFile], schema: &Schema, extra: ExtraColumns) -> Result<Table> {
    let mut table = Table::empty(schema.clone());
    for file in files {
        let before = table.rows();
        read_file(file, schema, extra, &mut table)?;
        table.note_part(file.name().to_owned(), (table.rows() - before) as u64);
    }
    Ok(table)
}

fn read_file(file: &CsvFile, schema: &Schema, extra: ExtraColumns, table: &mut Table) -> Result<()> {
    let mut records = Records::open(file)?;
    let mut places = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let place = records.header().iter().position(|name| *name == field.name);
        places.push(place.ok_or_else(|| missing(&records, &field.name))?);
    }
    if extra == ExtraColumns::Refuse
        && let Some(name) = records.header().iter().find(|name| schema.position(name).is_none())
    {
        return Err(unexpected(&records, name));
    }
    while records.next_row()? {
        let values = schema.fields().iter().zip(&places).map(|(field, place)| {
            let text = records.text(*place)?;
            parse(text, field.kind).ok_or_else(|| {
                let what = format!("`{}` in column `{}` is not of type {}", shown(text), field.name, field.kind);
                records.here(Error::invalid("CSV_VALUE_INVALID", what).hint(advice(text, field.kind)))
            })
        });
        table.push_row(values)?;
    }
    Ok(())
}

/// The error for a column that nobody declared.
pub(super) fn unexpected(records: &Records, name: &str) -> Error {
    records.here(
        Error::invalid("CSV_COLUMN_UNEXPECTED", format!("column `{}` is not in the schema", shown(name)))
            .hint("remove the column, or make it part of the data set by starting a new one"),
    )
}
