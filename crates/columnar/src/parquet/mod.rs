//! Tables as Parquet: ours with zstd, anybody's as long as their columns are plain values.

mod convert;
mod read;
mod write;

pub(crate) use read::read_batches;
pub use read::{MAX_PARQUET_ROWS, read_parquet, read_parquet_columns, read_parquet_file};
pub(crate) use write::write_batches;
pub use write::{write_parquet, write_parquet_file};
