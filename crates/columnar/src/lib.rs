//! Tables: reading them from strangers' files, describing them, checking them, and keeping them as Parquet.
//!
//! The one crate that knows Arrow and Parquet, and it keeps them to itself: a [`Table`] is columns of plain values, so nothing
//! else in Pitcrew compiles or speaks Arrow.
//!
//! - [`infer_csv_schema`], [`read_csv`]: CSV files with errors that name file, line, column, value and the way out.
//! - [`profile`]: what a data-set version holds, as the API tells it.
//! - [`check`]: declared expectations, with the rows that fail them.
//! - [`write_parquet`], [`read_parquet`]: tables as Parquet that pandas, Polars and `DuckDB` read, and theirs that we read.
//! - [`LogBuilder`], [`InferenceLog`]: the inference log of a deployment.
//!
//! Files come from outside, so no reader here panics on them, and each has limits.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod checks;
mod column;
mod csv;
mod log;
mod parquet;
mod profile;
mod schema;
mod table;
mod time;
mod value;

pub use checks::{Check, CheckReport, CheckResult, FailingRow, MAX_SAMPLES, Rule, Severity, Status, check};
pub use column::{Column, Data, Texts};
pub use csv::{CsvFile, ExtraColumns, MAX_FIELD_BYTES, infer_csv_schema, read_csv};
pub use log::{FIXED_LOG_COLUMNS, InferenceLog, LogBuilder, LogFeature, LogRow, LogSchema, Number, Role, read_log};
pub use parquet::{
    MAX_PARQUET_ROWS, read_parquet, read_parquet_columns, read_parquet_file, write_parquet, write_parquet_file,
};
pub use profile::{ColumnProfile, HistogramProfile, Profile, TopValue, profile};
pub use schema::{ColumnType, Field, MAX_COLUMNS, Schema};
pub use table::{Part, Table};
pub use value::{Scalar, Value};
