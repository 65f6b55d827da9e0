//! Collecting predictions into a Parquet file.

use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, SchemaRef, TimeUnit};
use pitcrew_kernel::{Error, Result};

use super::{FEATURE_PREFIX, FIXED_LOG_COLUMNS, LogRow, LogSchema, Number};
use crate::parquet::write_batches;

/// Fixed bytes of a row, for the estimate of what is held.
const ROW_BYTES: usize = 5 * 8;

/// Rows of an inference log on their way to a Parquet file.
#[derive(Debug)]
pub struct LogBuilder {
    schema: LogSchema,
    arrow: SchemaRef,
    request_id: StringBuilder,
    event_time: TimestampMicrosecondBuilder,
    at: TimestampMicrosecondBuilder,
    deployment: StringBuilder,
    model: StringBuilder,
    version: Int64Builder,
    arm: StringBuilder,
    role: StringBuilder,
    status: StringBuilder,
    latency_us: Int64Builder,
    prediction: Float64Builder,
    features: Vec<Feature>,
    rows: usize,
    bytes: usize,
}

#[derive(Debug)]
enum Feature {
    F32(Float32Builder),
    F64(Float64Builder),
}

impl LogBuilder {
    /// An empty builder.
    #[must_use]
    pub fn new(schema: LogSchema) -> Self {
        let features = schema.features().iter().map(|feature| match feature.number {
            Number::F32 => Feature::F32(Float32Builder::new()),
            Number::F64 => Feature::F64(Float64Builder::new()),
        });
        Self {
            arrow: arrow_schema(&schema),
            request_id: StringBuilder::new(),
            event_time: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            deployment: StringBuilder::new(),
            model: StringBuilder::new(),
            version: Int64Builder::new(),
            arm: StringBuilder::new(),
            role: StringBuilder::new(),
            status: StringBuilder::new(),
            latency_us: Int64Builder::new(),
            prediction: Float64Builder::new(),
            features: features.collect(),
            schema,
            rows: 0,
            bytes: 0,
        }
    }

    /// The features rows must give.
    #[must_use]
    pub const fn schema(&self) -> &LogSchema {
        &self.schema
    }

    /// Rows held.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// About how many bytes of memory they take.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `LOG_INVALID` when the row does not give one value for each feature; nothing is added then.
    pub fn push(&mut self, row: &LogRow<'_>) -> Result<()> {
        let (found, expected) = (row.features.len(), self.features.len());
        if found != expected {
            return Err(Error::invalid(
                "LOG_INVALID",
                format!("a log row has {found} features where the log has {expected}"),
            ));
        }
        self.request_id.append_value(row.request_id);
        self.event_time.append_value(row.event_time_us);
        self.at.append_value(row.at_us);
        self.deployment.append_value(row.deployment);
        self.model.append_value(row.model);
        self.version.append_value(row.version);
        self.arm.append_value(row.arm);
        self.role.append_value(row.role.name());
        self.status.append_value(row.status);
        self.latency_us.append_value(row.latency_us);
        self.prediction.append_option(present(row.prediction));
        for (builder, value) in self.features.iter_mut().zip(row.features) {
            match builder {
                Feature::F32(builder) => builder.append_option(present(*value).map(|value| value as f32)),
                Feature::F64(builder) => builder.append_option(present(*value)),
            }
        }
        self.rows += 1;
        self.bytes += ROW_BYTES
            + 8 * expected
            + row.request_id.len()
            + row.deployment.len()
            + row.model.len()
            + row.arm.len()
            + row.role.name().len()
            + row.status.len();
        Ok(())
    }

    /// The rows as the bytes of a Parquet file; the builder is empty afterwards. Without rows the file has columns and no rows.
    ///
    /// # Errors
    /// `INTERNAL` when the encoder refuses, which no row should make it do.
    pub fn finish(&mut self) -> Result<Vec<u8>> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.request_id.finish()),
            Arc::new(self.event_time.finish()),
            Arc::new(self.at.finish()),
            Arc::new(self.deployment.finish()),
            Arc::new(self.model.finish()),
            Arc::new(self.version.finish()),
            Arc::new(self.arm.finish()),
            Arc::new(self.role.finish()),
            Arc::new(self.status.finish()),
            Arc::new(self.latency_us.finish()),
            Arc::new(self.prediction.finish()),
        ];
        columns.extend(self.features.iter_mut().map(|feature| match feature {
            Feature::F32(builder) => Arc::new(builder.finish()) as ArrayRef,
            Feature::F64(builder) => Arc::new(builder.finish()) as ArrayRef,
        }));
        self.rows = 0;
        self.bytes = 0;
        let batch = RecordBatch::try_new(Arc::clone(&self.arrow), columns)
            .map_err(|error| Error::internal("an inference log could not be encoded", error))?;
        let mut file = Vec::new();
        write_batches(&self.arrow, &[batch], &mut file)?;
        Ok(file)
    }
}

fn present(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

fn arrow_schema(schema: &LogSchema) -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields: Vec<Field> = FIXED_LOG_COLUMNS
        .iter()
        .map(|name| match *name {
            "event_time" | "at" => Field::new(*name, time.clone(), false),
            "version" | "latency_us" => Field::new(*name, DataType::Int64, false),
            "prediction" => Field::new(*name, DataType::Float64, true),
            name => Field::new(name, DataType::Utf8, false),
        })
        .collect();
    fields.extend(schema.features().iter().map(|feature| {
        let kind = match feature.number {
            Number::F32 => DataType::Float32,
            Number::F64 => DataType::Float64,
        };
        Field::new(format!("{FEATURE_PREFIX}{}", feature.name), kind, true)
    }));
    Arc::new(arrow_schema::Schema::new(fields))
}
