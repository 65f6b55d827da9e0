//! Between our columns and Arrow's arrays.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, SchemaRef, TimeUnit};
use pitcrew_kernel::{Error, Result};

use crate::column::Column;
use crate::schema::{ColumnType, Schema};
use crate::time::DAY_US;
use crate::value::Value;

/// Our schema as Arrow's. Every column may hold nulls: the schema describes, checks promise.
pub(super) fn arrow_schema(schema: &Schema) -> SchemaRef {
    let field = |field: &crate::schema::Field| arrow_schema::Field::new(&field.name, arrow_type(field.kind), true);
    Arc::new(arrow_schema::Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

fn arrow_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::String => DataType::Utf8,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

/// A column as an Arrow array.
pub(super) fn to_arrow(column: &Column) -> ArrayRef {
    let values = column.values();
    match column.kind() {
        ColumnType::Bool => {
            Arc::new(values.map(|v| if let Value::Bool(v) = v { Some(v) } else { None }).collect::<BooleanArray>())
        }
        ColumnType::Int => {
            Arc::new(values.map(|v| if let Value::Int(v) = v { Some(v) } else { None }).collect::<Int64Array>())
        }
        ColumnType::Float => {
            Arc::new(values.map(|v| if let Value::Float(v) = v { Some(v) } else { None }).collect::<Float64Array>())
        }
        ColumnType::String => {
            Arc::new(values.map(|v| if let Value::Text(v) = v { Some(v) } else { None }).collect::<StringArray>())
        }
        ColumnType::Date => {
            Arc::new(values.map(|v| if let Value::Date(v) = v { Some(v) } else { None }).collect::<Date32Array>())
        }
        ColumnType::Timestamp => {
            let micros = values.map(|v| if let Value::Timestamp(v) = v { Some(v) } else { None });
            Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
    }
}

/// The type a column of this Arrow type becomes.
pub(super) fn column_type(kind: &DataType) -> Option<ColumnType> {
    Some(match kind {
        DataType::Boolean => ColumnType::Bool,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => ColumnType::Int,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => ColumnType::Int,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => ColumnType::Float,
        // A column of nothing but nulls has no type of its own.
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ColumnType::String,
        DataType::Date32 | DataType::Date64 => ColumnType::Date,
        DataType::Timestamp(..) => ColumnType::Timestamp,
        DataType::Dictionary(_, values) => return column_type(values),
        _ => return None,
    })
}

/// Appends an Arrow array to a column of the type [`column_type`] gives.
pub(super) fn append(name: &str, array: &dyn Array, column: &mut Column) -> Result<()> {
    match array.data_type() {
        DataType::Null => (0..array.len()).try_for_each(|_| column.push(Value::Null)),
        DataType::Boolean => {
            array.as_boolean().iter().try_for_each(|v| column.push(v.map_or(Value::Null, Value::Bool)))
        }
        DataType::Int8 => primitive::<Int8Type>(array, column, |v| Some(Value::Int(v.into()))),
        DataType::Int16 => primitive::<Int16Type>(array, column, |v| Some(Value::Int(v.into()))),
        DataType::Int32 => primitive::<Int32Type>(array, column, |v| Some(Value::Int(v.into()))),
        DataType::Int64 => primitive::<Int64Type>(array, column, |v| Some(Value::Int(v))),
        DataType::UInt8 => primitive::<UInt8Type>(array, column, |v| Some(Value::Int(v.into()))),
        DataType::UInt16 => primitive::<UInt16Type>(array, column, |v| Some(Value::Int(v.into()))),
        DataType::UInt32 => primitive::<UInt32Type>(array, column, |v| Some(Value::Int(v.into()))),
        DataType::UInt64 => primitive::<UInt64Type>(array, column, |v| i64::try_from(v).ok().map(Value::Int)),
        DataType::Float16 => primitive::<Float16Type>(array, column, |v| Some(Value::Float(v.to_f64()))),
        DataType::Float32 => primitive::<Float32Type>(array, column, |v| Some(Value::Float(v.into()))),
        DataType::Float64 => primitive::<Float64Type>(array, column, |v| Some(Value::Float(v))),
        DataType::Utf8 => {
            array.as_string::<i32>().iter().try_for_each(|v| column.push(v.map_or(Value::Null, Value::Text)))
        }
        DataType::LargeUtf8 => {
            array.as_string::<i64>().iter().try_for_each(|v| column.push(v.map_or(Value::Null, Value::Text)))
        }
        DataType::Utf8View => {
            array.as_string_view().iter().try_for_each(|v| column.push(v.map_or(Value::Null, Value::Text)))
        }
        DataType::Date32 => primitive::<Date32Type>(array, column, |v| Some(Value::Date(v))),
        DataType::Date64 => {
            primitive::<Date64Type>(array, column, |v| i32::try_from(v.div_euclid(DAY_US / 1000)).ok().map(Value::Date))
        }
        DataType::Timestamp(unit, _) => timestamps(*unit, array, column),
        DataType::Dictionary(..) => return dictionary(name, array, column),
        other => return Err(unsupported(name, other)),
    }
    .map_err(|error| error.context(format_args!("column `{name}`")))
}

fn primitive<T: ArrowPrimitiveType>(
    array: &dyn Array,
    column: &mut Column,
    value: impl Fn(T::Native) -> Option<Value<'static>>,
) -> Result<()> {
    for (row, native) in array.as_primitive::<T>().iter().enumerate() {
        let value = match native {
            None => Value::Null,
            Some(native) => value(native).ok_or_else(|| {
                Error::invalid(
                    "PARQUET_UNSUPPORTED",
                    format!("the value in row {} is beyond the range of our types", row + 1),
                )
            })?,
        };
        column.push(value)?;
    }
    Ok(())
}

fn timestamps(unit: TimeUnit, array: &dyn Array, column: &mut Column) -> Result<()> {
    let scaled = |v: i64, by: i64| v.checked_mul(by).map(Value::Timestamp);
    match unit {
        TimeUnit::Second => primitive::<TimestampSecondType>(array, column, |v| scaled(v, 1_000_000)),
        TimeUnit::Millisecond => primitive::<TimestampMillisecondType>(array, column, |v| scaled(v, 1_000)),
        TimeUnit::Microsecond => primitive::<TimestampMicrosecondType>(array, column, |v| scaled(v, 1)),
        TimeUnit::Nanosecond => {
            primitive::<TimestampNanosecondType>(array, column, |v| Some(Value::Timestamp(v.div_euclid(1_000))))
        }
    }
}

/// A dictionary column (what pandas writes for categories) as its values.
fn dictionary(name: &str, array: &dyn Array, column: &mut Column) -> Result<()> {
    let dictionary = array.as_any_dictionary();
    let mut values = Column::new(column.kind());
    append(name, dictionary.values().as_ref(), &mut values)?;
    let keys = if values.rows() == 0 { vec![0; array.len()] } else { dictionary.normalized_keys() };
    for (row, key) in keys.into_iter().enumerate() {
        column.push(if array.is_null(row) { Value::Null } else { values.value(key) })?;
    }
    Ok(())
}

/// The error for a column whose values we have no type for.
pub(super) fn unsupported(name: &str, kind: &DataType) -> Error {
    Error::invalid("PARQUET_UNSUPPORTED", format!("column `{name}` holds values of Parquet type {kind}"))
        .hint("write it as a plain number, truth value, text, date or timestamp, or leave it out")
}
