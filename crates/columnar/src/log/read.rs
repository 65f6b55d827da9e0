//! Reading an inference log back.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use bytes::Bytes;
use pitcrew_kernel::{Error, Result};

use super::{FEATURE_PREFIX, FIXED_LOG_COLUMNS, LogFeature, LogRow, LogSchema, Number, Role};
use crate::parquet::read_batches;

/// The rows of an inference log, column by column; all columns have one value for each row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InferenceLog {
    /// Its features.
    pub schema: LogSchema,
    /// What labels are joined by.
    pub request_id: Vec<String>,
    /// When it happened in the world, in microseconds since 1970-01-01 UTC.
    pub event_time_us: Vec<i64>,
    /// When it was answered, in microseconds since 1970-01-01 UTC.
    pub at_us: Vec<i64>,
    /// The deployments that answered.
    pub deployment: Vec<String>,
    /// Their models.
    pub model: Vec<String>,
    /// The models' versions.
    pub version: Vec<i64>,
    /// The arms.
    pub arm: Vec<String>,
    /// Whether the answers went out.
    pub role: Vec<Role>,
    /// `ok`, or a word for what went wrong.
    pub status: Vec<String>,
    /// How long they took, in microseconds.
    pub latency_us: Vec<i64>,
    /// The answers; `NaN` where there is none.
    pub prediction: Vec<f64>,
    /// The features, in the schema's order; `NaN` where missing.
    pub features: Vec<Vec<f64>>,
}

impl InferenceLog {
    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.request_id.len()
    }

    /// The values of a feature by name.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<&[f64]> {
        let place = self.schema.features().iter().position(|feature| feature.name == name)?;
        self.features.get(place).map(Vec::as_slice)
    }

    /// One row; its features are written into `features`. `None` beyond the end.
    pub fn row<'a>(&'a self, row: usize, features: &'a mut Vec<f64>) -> Option<LogRow<'a>> {
        if row >= self.rows() {
            return None;
        }
        features.clear();
        features.extend(self.features.iter().map(|column| column[row]));
        Some(LogRow {
            request_id: &self.request_id[row],
            event_time_us: self.event_time_us[row],
            at_us: self.at_us[row],
            deployment: &self.deployment[row],
            model: &self.model[row],
            version: self.version[row],
            arm: &self.arm[row],
            role: self.role[row],
            status: &self.status[row],
            latency_us: self.latency_us[row],
            prediction: self.prediction[row],
            features,
        })
    }
}

/// Reads a log that [`super::LogBuilder`] wrote.
///
/// # Errors
/// `PARQUET_INVALID` when it is no Parquet file or damaged, `LOG_INVALID` when it is another one.
pub fn read_log(bytes: impl Into<Bytes>) -> Result<InferenceLog> {
    let file = read_batches(bytes.into(), None)?;
    let fields = file.schema.fields();
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    if !names.starts_with(&FIXED_LOG_COLUMNS) {
        return Err(Error::invalid("LOG_INVALID", "the file is not an inference log")
            .hint(format!("its columns must begin with {}", FIXED_LOG_COLUMNS.join(", "))));
    }
    let mut features = Vec::new();
    for field in &fields[FIXED_LOG_COLUMNS.len()..] {
        let number = match field.data_type() {
            DataType::Float32 => Number::F32,
            DataType::Float64 => Number::F64,
            other => return Err(other_type(field.name(), other)),
        };
        let name = field.name().strip_prefix(FEATURE_PREFIX).ok_or_else(|| {
            Error::invalid("LOG_INVALID", format!("`{}` is no column of an inference log", field.name()))
        })?;
        features.push(LogFeature { name: name.to_owned(), number });
    }
    let mut log = InferenceLog { features: vec![Vec::new(); features.len()], ..InferenceLog::default() };
    log.schema = LogSchema::new(features)?;
    file.batches.iter().try_for_each(|batch| append(&mut log, batch))?;
    Ok(log)
}

fn append(log: &mut InferenceLog, batch: &RecordBatch) -> Result<()> {
    log.request_id.extend(texts(batch, 0)?);
    log.event_time_us.extend(times(batch, 1)?);
    log.at_us.extend(times(batch, 2)?);
    log.deployment.extend(texts(batch, 3)?);
    log.model.extend(texts(batch, 4)?);
    log.version.extend(integers(batch, 5)?);
    log.arm.extend(texts(batch, 6)?);
    for role in texts(batch, 7)? {
        log.role.push(Role::parse(&role)?);
    }
    log.status.extend(texts(batch, 8)?);
    log.latency_us.extend(integers(batch, 9)?);
    log.prediction.extend(numbers(batch, 10)?);
    for (place, values) in log.features.iter_mut().enumerate() {
        values.extend(numbers(batch, FIXED_LOG_COLUMNS.len() + place)?);
    }
    Ok(())
}

fn texts(batch: &RecordBatch, place: usize) -> Result<Vec<String>> {
    let array = column(batch, place)?;
    let texts = array.as_string_opt::<i32>().ok_or_else(|| mistyped(batch, place))?;
    Ok((0..texts.len()).map(|row| texts.value(row).to_owned()).collect())
}

fn times(batch: &RecordBatch, place: usize) -> Result<Vec<i64>> {
    let array = column(batch, place)?;
    let times = array.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(|| mistyped(batch, place))?;
    Ok(times.values().to_vec())
}

fn integers(batch: &RecordBatch, place: usize) -> Result<Vec<i64>> {
    let array = column(batch, place)?;
    Ok(array.as_primitive_opt::<Int64Type>().ok_or_else(|| mistyped(batch, place))?.values().to_vec())
}

fn numbers(batch: &RecordBatch, place: usize) -> Result<Vec<f64>> {
    let array = batch.column(place);
    if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
        return Ok(numbers.iter().map(|number| number.unwrap_or(f64::NAN)).collect());
    }
    let numbers = array.as_primitive_opt::<Float32Type>().ok_or_else(|| mistyped(batch, place))?;
    Ok(numbers.iter().map(|number| number.map_or(f64::NAN, f64::from)).collect())
}

/// A column that has a value in every row.
fn column(batch: &RecordBatch, place: usize) -> Result<&dyn Array> {
    let array = batch.column(place);
    if array.null_count() > 0 {
        let name = batch.schema_ref().field(place).name().clone();
        return Err(Error::invalid("LOG_INVALID", format!("column `{name}` of the inference log has missing values")));
    }
    Ok(array.as_ref())
}

fn mistyped(batch: &RecordBatch, place: usize) -> Error {
    let schema = batch.schema_ref();
    let field = schema.field(place);
    other_type(field.name(), field.data_type())
}

fn other_type(name: &str, kind: &DataType) -> Error {
    Error::invalid("LOG_INVALID", format!("column `{name}` of the inference log cannot hold {kind} values"))
}
