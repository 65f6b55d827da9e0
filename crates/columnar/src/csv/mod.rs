//! CSV files: comma-separated, a header, UTF-8, RFC 4180 quotes. Anything else is named for what it is.

mod infer;
mod read;
mod records;
mod text;

use std::path::PathBuf;

use bytes::Bytes;

pub use infer::infer_csv_schema;
pub use read::{ExtraColumns, read_csv};
pub use records::MAX_FIELD_BYTES;

/// Where a CSV file is.
#[derive(Debug, Clone)]
pub struct CsvFile {
    /// What messages call it.
    name: String,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Path(PathBuf),
    Bytes(Bytes),
}

impl CsvFile {
    /// A file on disk; messages call it `name`.
    pub fn path(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), source: Source::Path(path.into()) }
    }

    /// A file in memory; messages call it `name`.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self { name: name.into(), source: Source::Bytes(bytes.into()) }
    }

    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}
