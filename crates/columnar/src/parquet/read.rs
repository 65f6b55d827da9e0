//! Reading Parquet from strangers.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use ::parquet::file::reader::ChunkReader;
use arrow_array::RecordBatch;
use bytes::Bytes;
use pitcrew_kernel::{Error, Result};

use super::convert::{append, column_type, unsupported};
use crate::column::Column;
use crate::schema::name_list;
use crate::table::Table;

/// A table in memory has at most this many rows.
pub const MAX_PARQUET_ROWS: i64 = 50_000_000;
const BATCH_ROWS: usize = 16 * 1024;

/// Reads a Parquet file in memory. Integers of any width become `int`, dictionaries their values, timestamps microseconds.
///
/// # Errors
/// `PARQUET_INVALID` when it is none or damaged, `PARQUET_UNSUPPORTED` for nested columns and the like, `PARQUET_TOO_LARGE`.
pub fn read_parquet(bytes: impl Into<Bytes>) -> Result<Table> {
    read_table(bytes.into(), None)
}

/// The same, only these columns, in the file's order.
///
/// # Errors
/// As [`read_parquet`], and `COLUMN_NOT_FOUND`.
pub fn read_parquet_columns(bytes: impl Into<Bytes>, columns: &[&str]) -> Result<Table> {
    read_table(bytes.into(), Some(columns))
}

/// Reads a Parquet file from disk.
///
/// # Errors
/// As [`read_parquet`]; `PARQUET_INVALID` also when the file cannot be opened.
pub fn read_parquet_file(path: &Path) -> Result<Table> {
    let file = File::open(path).map_err(|error| {
        Error::invalid("PARQUET_INVALID", format!("`{}` cannot be read", path.display()))
            .hint("check that the file exists and that the server's user may read it")
            .with_source(error)
    })?;
    read_table(file, None)
}

fn read_table<R: ChunkReader + 'static>(source: R, wanted: Option<&[&str]>) -> Result<Table> {
    let batches = read_batches(source, wanted)?;
    // A file cut to fit can still carry arrays that are not what their type says; the conversion is guarded like the reading.
    guarded(|| {
        let mut columns: Vec<(String, Column)> = Vec::new();
        for field in batches.schema.fields() {
            let kind = column_type(field.data_type()).ok_or_else(|| unsupported(field.name(), field.data_type()))?;
            columns.push((field.name().clone(), Column::new(kind)));
        }
        for batch in &batches.batches {
            for ((name, column), array) in columns.iter_mut().zip(batch.columns()) {
                append(name, array.as_ref(), column)?;
            }
        }
        Table::from_columns(columns)
    })
}

/// What a Parquet file holds.
pub(crate) struct Batches {
    pub(crate) schema: arrow_schema::SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
}

/// Reads the columns wanted, or all of them.
pub(crate) fn read_batches<R: ChunkReader + 'static>(source: R, wanted: Option<&[&str]>) -> Result<Batches> {
    guarded(|| {
        // Parquet's own types say all we need; the Arrow schema that writers embed beside them is one more thing to be wrong.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(source, options).map_err(invalid)?;
        let rows = builder.metadata().file_metadata().num_rows();
        if !(0..=MAX_PARQUET_ROWS).contains(&rows) {
            return Err(Error::too_large(
                "PARQUET_TOO_LARGE",
                format!("{rows} rows; at most {MAX_PARQUET_ROWS} are possible"),
            )
            .hint("split the file"));
        }
        let mask = match wanted {
            None => ProjectionMask::all(),
            Some(names) => {
                let fields = builder.schema().fields();
                if let Some(name) = names.iter().find(|name| fields.iter().all(|field| field.name() != *name)) {
                    let there = name_list(fields.iter().map(|field| field.name().as_str()));
                    return Err(Error::not_found("COLUMN_NOT_FOUND", format!("there is no column `{name}`"))
                        .hint(format!("the columns are {there}")));
                }
                let roots = fields.iter().enumerate().filter(|(_, field)| names.contains(&field.name().as_str()));
                ProjectionMask::roots(builder.parquet_schema(), roots.map(|(place, _)| place))
            }
        };
        let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(invalid)?;
        let schema = arrow_array::RecordBatchReader::schema(&reader);
        let batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(invalid)?;
        Ok(Batches { schema, batches })
    })
}

/// A damaged file must end as an error, and the decoder does panic on some (`tests/it/damaged.rs` counts dozens). What it held
/// is dropped with it, so nothing half-done is left behind.
fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Error::invalid("PARQUET_INVALID", "the Parquet file is damaged").hint("write or fetch the file again"))
    })
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::invalid("PARQUET_INVALID", format!("not a readable Parquet file: {error}"))
        .hint("write or fetch the file again; compression may be none, snappy or zstd")
        .with_source(error)
}
