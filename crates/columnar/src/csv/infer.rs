//! The schema a file suggests.

use pitcrew_kernel::{Error, Result};

use super::CsvFile;
use super::records::Records;
use super::text::Guess;
use crate::schema::{Field, Schema, name_list};

/// The schema that all rows of all files fit: each column has the narrowest type that reads every value. The files must have
/// the same columns, in any order; the first file's order is kept.
///
/// # Errors
/// `CSV_UNREADABLE`, `CSV_EMPTY`, `CSV_NOT_TEXT`, `CSV_DELIMITER`, `CSV_HEADER_INVALID`, `CSV_COLUMN_MISSING`,
/// `CSV_COLUMN_UNEXPECTED`, `CSV_ROW_RAGGED`, `CSV_FIELD_TOO_LONG`: each names file and line and the way out.
pub fn infer_csv_schema(files: &[CsvFile]) -> Result<Schema> {
    let Some(first) = files.first() else {
        return Err(Error::invalid("CSV_EMPTY", "there are no files to read a schema from"));
    };
    let names = Records::open(first)?.header().to_vec();
    let mut guesses = vec![Guess::new(); names.len()];
    let mut rows = 0u64;
    for file in files {
        let mut records = Records::open(file)?;
        let places = places(&records, &names)?;
        while records.next_row()? {
            for (guess, place) in guesses.iter_mut().zip(&places) {
                guess.add(records.text(*place)?);
            }
            rows += 1;
        }
    }
    if rows == 0 {
        return Err(Error::invalid("CSV_EMPTY", format!("{} has a header but no rows", first.name()))
            .hint("a schema is read from rows; add at least one"));
    }
    let fields = names.into_iter().zip(guesses).map(|(name, guess)| {
        let (kind, nullable) = guess.result();
        Field::new(name, kind, nullable)
    });
    Schema::new(fields.collect())
}

/// Where each named column stands in a file that must have exactly these.
fn places(records: &Records, names: &[String]) -> Result<Vec<usize>> {
    if let Some(extra) = records.header().iter().find(|name| !names.contains(name)) {
        return Err(super::read::unexpected(records, extra));
    }
    names
        .iter()
        .map(|name| {
            let place = records.header().iter().position(|column| column == name);
            place.ok_or_else(|| missing(records, name))
        })
        .collect()
}

/// The error for a column that a file lacks.
pub(super) fn missing(records: &Records, name: &str) -> Error {
    let there = name_list(records.header().iter().map(String::as_str));
    records.here(
        Error::invalid("CSV_COLUMN_MISSING", format!("column `{name}` is missing"))
            .hint(format!("the header has {there}")),
    )
}
