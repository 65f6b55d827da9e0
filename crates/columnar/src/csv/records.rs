//! Rows of a CSV file as bytes, with the checks that need no schema.

use std::fs::File;
use std::io::{Cursor, Read};

use ::csv::{ByteRecord, Reader, ReaderBuilder};
use pitcrew_kernel::{Error, Result};

use super::{CsvFile, Source};
use crate::schema::{MAX_COLUMNS, name_list};

/// A longer field is taken for a quote that was never closed.
pub const MAX_FIELD_BYTES: usize = 1 << 20;
/// So much of a file is looked at to say what it is.
const HEAD_BYTES: u64 = 64 * 1024;
/// Values in messages are cut here.
const SHOWN_CHARS: usize = 60;
/// Separators that are not ours but often met.
const OTHER_SEPARATORS: [(u8, &str); 3] = [(b';', "`;`"), (b'\t', "tabs"), (b'|', "`|`")];

/// The rows of one file.
pub(super) struct Records {
    file: String,
    header: Vec<String>,
    reader: Reader<Box<dyn Read>>,
    record: ByteRecord,
}

impl Records {
    /// Opens a file and reads its header.
    pub(super) fn open(file: &CsvFile) -> Result<Self> {
        let (head, rest) = open(file)?;
        let head = recognise(&file.name, head)?;
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(Box::new(Cursor::new(head).chain(rest)) as Box<dyn Read>);
        let mut records = Self { file: file.name.clone(), header: Vec::new(), reader, record: ByteRecord::new() };
        if !records.advance()? {
            return Err(empty(&file.name));
        }
        records.header = records.take_header()?;
        Ok(records)
    }

    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// Moves to the next row; false at the end.
    pub(super) fn next_row(&mut self) -> Result<bool> {
        if !self.advance()? {
            return Ok(false);
        }
        let (found, expected) = (self.record.len(), self.header.len());
        if found == expected {
            return Ok(true);
        }
        let hint = if self.reader.position().line() > self.line() + 1 {
            "the row spans several lines: look for a quote that is not closed"
        } else if found > expected {
            "quote values that hold commas, like `\"1,5\"`"
        } else {
            "fill up the row with commas, or look for a line that was cut off"
        };
        Err(self.here(
            Error::invalid("CSV_ROW_RAGGED", format!("{found} values where the header has {expected}")).hint(hint),
        ))
    }

    /// The text of a column in the present row.
    pub(super) fn text(&self, column: usize) -> Result<&str> {
        let bytes = self.record.get(column).unwrap_or_default();
        if bytes.len() > MAX_FIELD_BYTES {
            let what = format!("the value of `{}` is longer than {MAX_FIELD_BYTES} bytes", self.header[column]);
            return Err(
                self.here(Error::invalid("CSV_FIELD_TOO_LONG", what).hint("look for a quote that is not closed"))
            );
        }
        std::str::from_utf8(bytes).map_err(|_| {
            let what = format!(
                "the value of `{}` is not UTF-8: `{}`",
                self.header[column],
                shown(&String::from_utf8_lossy(bytes))
            );
            self.here(Error::invalid("CSV_NOT_TEXT", what).hint("save the file as UTF-8"))
        })
    }

    /// The line the present row starts on, from one.
    fn line(&self) -> u64 {
        self.record.position().map_or(0, ::csv::Position::line)
    }

    /// Says of an error that it is in the present row.
    pub(super) fn here(&self, error: Error) -> Error {
        error.context(format_args!("{}, line {}", self.file, self.line()))
    }

    fn advance(&mut self) -> Result<bool> {
        self.reader.read_byte_record(&mut self.record).map_err(|error| unreadable(&self.file).with_source(error))
    }

    fn take_header(&self) -> Result<Vec<String>> {
        if self.record.len() > MAX_COLUMNS {
            let what = format!("{} columns; at most {MAX_COLUMNS} are possible", self.record.len());
            return Err(self.here(Error::invalid("CSV_HEADER_INVALID", what)));
        }
        let mut header: Vec<String> = Vec::with_capacity(self.record.len());
        for bytes in &self.record {
            let name = std::str::from_utf8(bytes).map_err(|_| {
                self.here(Error::invalid("CSV_NOT_TEXT", "the header is not UTF-8").hint("save the file as UTF-8"))
            })?;
            let name = name.trim();
            if name.is_empty() {
                let what = format!("column {} of the header has no name", header.len() + 1);
                return Err(self.here(Error::invalid("CSV_HEADER_INVALID", what).hint("give every column a name")));
            }
            if header.iter().any(|other| other == name) {
                return Err(self.here(
                    Error::invalid(
                        "CSV_HEADER_INVALID",
                        format!("column `{}` occurs twice in the header", shown(name)),
                    )
                    .hint("give every column a name of its own"),
                ));
            }
            header.push(name.to_owned());
        }
        if header.iter().all(|name| name.parse::<f64>().is_ok()) {
            let what =
                format!("the first line holds numbers, not names: {}", name_list(header.iter().map(String::as_str)));
            return Err(self.here(
                Error::invalid("CSV_HEADER_INVALID", what).hint("put a line with the names of the columns on top"),
            ));
        }
        Ok(header)
    }
}

/// The start of the file and the rest of it.
fn open(file: &CsvFile) -> Result<(Vec<u8>, Box<dyn Read>)> {
    let mut rest: Box<dyn Read> = match &file.source {
        Source::Path(path) => Box::new(File::open(path).map_err(|error| unreadable(&file.name).with_source(error))?),
        Source::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
    };
    let mut head = Vec::new();
    rest.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(|error| unreadable(&file.name).with_source(error))?;
    Ok((head, rest))
}

/// Refuses what is no CSV, by name where it can; hands back the start without a byte-order mark.
fn recognise(file: &str, mut head: Vec<u8>) -> Result<Vec<u8>> {
    if head.starts_with(&[0xEF, 0xBB, 0xBF]) {
        head.drain(..3);
    }
    if head.iter().all(u8::is_ascii_whitespace) {
        return Err(empty(file));
    }
    if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) {
        return Err(Error::invalid("CSV_NOT_TEXT", format!("{file} is UTF-16")).hint("save the file as UTF-8"));
    }
    let known: [(&[u8], &str); 4] =
        [(&[0x1F, 0x8B], "gzip"), (b"PAR1", "Parquet"), (b"PK\x03\x04", "a zip archive"), (b"%PDF", "PDF")];
    if let Some((_, what)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(Error::invalid("CSV_NOT_TEXT", format!("{file} is {what}, not CSV")).hint("give a plain CSV file"));
    }
    if head.contains(&0) {
        return Err(Error::invalid("CSV_NOT_TEXT", format!("{file} is a binary file, not CSV")));
    }
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| outside_quotes(line, separator);
    if count(b',') == 0
        && let Some((_, name)) = OTHER_SEPARATORS.iter().find(|(separator, _)| count(*separator) > 0)
    {
        return Err(Error::invalid(
            "CSV_DELIMITER",
            format!("{file}, line 1: the columns are separated by {name}, not by commas"),
        )
        .hint("save the file with commas between the columns"));
    }
    Ok(head)
}

fn outside_quotes(line: &[u8], separator: u8) -> usize {
    let mut quoted = false;
    let mut count = 0;
    for byte in line {
        match byte {
            b'"' => quoted = !quoted,
            byte if *byte == separator && !quoted => count += 1,
            _ => {}
        }
    }
    count
}

fn unreadable(file: &str) -> Error {
    Error::invalid("CSV_UNREADABLE", format!("{file} cannot be read"))
        .hint("check that the file exists and that the server's user may read it")
}

fn empty(file: &str) -> Error {
    Error::invalid("CSV_EMPTY", format!("{file} is empty")).hint("a CSV file needs a header and at least one row")
}

/// A value as messages show it.
pub(super) fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(SHOWN_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        cut.push('…');
    }
    cut
}
