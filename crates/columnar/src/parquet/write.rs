//! Writing Parquet.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use pitcrew_kernel::{Error, Result};

use super::convert::{arrow_schema, to_arrow};
use crate::table::Table;

/// Rows of a row group: large enough to compress, small enough to skip.
const ROW_GROUP_ROWS: usize = 128 * 1024;
const ZSTD_LEVEL: i32 = 3;

/// A table as the bytes of a Parquet file, zstd-compressed, with statistics per page. The same table gives the same bytes.
///
/// # Errors
/// `INTERNAL` when the encoder refuses, which no table should make it do.
pub fn write_parquet(table: &Table) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write_table(table, &mut bytes)?;
    Ok(bytes)
}

/// The same into a new file. The file is not yet on disk for good when this returns, and half-written when it fails: write to
/// a temporary place and move it.
///
/// # Errors
/// `PARQUET_UNWRITABLE` when the file cannot be made or written.
pub fn write_parquet_file(table: &Table, path: &Path) -> Result<()> {
    let file = File::create(path).map_err(unwritable)?;
    let mut writer = BufWriter::new(file);
    write_table(table, &mut writer)?;
    writer.flush().map_err(unwritable)
}

fn write_table(table: &Table, target: &mut (dyn Write + Send)) -> Result<()> {
    let schema = arrow_schema(table.schema());
    let columns = table.columns().iter().map(to_arrow).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(refused)?;
    write_batches(&schema, &[batch], target)
}

/// Writes batches of one schema.
pub(crate) fn write_batches(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    target: &mut (dyn Write + Send),
) -> Result<()> {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(refused)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by("pitcrew".to_owned())
        .build();
    let mut writer = ArrowWriter::try_new(target, Arc::clone(schema), Some(properties)).map_err(refused)?;
    for batch in batches {
        writer.write(batch).map_err(unwritable)?;
    }
    writer.close().map_err(unwritable)?;
    Ok(())
}

fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::unavailable("PARQUET_UNWRITABLE", "a Parquet file could not be written")
        .hint("check free space and the rights of the folder")
        .with_source(error)
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("a table could not be encoded as Parquet", error)
}
