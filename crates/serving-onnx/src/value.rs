//! Our tensors as ONNX Runtime's, and back. Numbers are lent without a copy on the way in and copied once on the way out.

use ort::session::SessionInputValue;
use ort::value::{DynValue, PrimitiveTensorElementType, TensorElementType, TensorRef};
use pitcrew_contracts::serving::{Tensor, TensorData};
use pitcrew_kernel::{Error, Result};

use crate::failure;

/// Lends a checked tensor to ONNX Runtime.
pub(crate) fn lend<'a>(name: &str, tensor: &'a Tensor) -> Result<SessionInputValue<'a>> {
    let shape = &tensor.shape;
    match &tensor.data {
        TensorData::F32(values) => numbers(shape, values),
        TensorData::F64(values) => numbers(shape, values),
        TensorData::I64(values) => numbers(shape, values),
        TensorData::I32(values) => numbers(shape, values),
        TensorData::I16(values) => numbers(shape, values),
        TensorData::I8(values) => numbers(shape, values),
        TensorData::U64(values) => numbers(shape, values),
        TensorData::U32(values) => numbers(shape, values),
        TensorData::U16(values) => numbers(shape, values),
        TensorData::U8(values) => numbers(shape, values),
        TensorData::Bool(values) => numbers(shape, values),
        TensorData::Bytes(values) => strings(name, shape, values),
    }
}

fn numbers<'a, T>(shape: &'a [i64], values: &'a [T]) -> Result<SessionInputValue<'a>>
where
    T: PrimitiveTensorElementType + Clone + std::fmt::Debug + 'static,
{
    let tensor = TensorRef::from_array_view((shape, values)).map_err(|error| failure::engine_failed(&error))?;
    Ok(tensor.into())
}

/// ONNX strings are UTF-8, and cross a C interface that ends them at the first NUL.
fn strings(name: &str, shape: &[i64], values: &[Vec<u8>]) -> Result<SessionInputValue<'static>> {
    let read = |(at, bytes): (usize, &Vec<u8>)| {
        let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        text.map(str::to_owned).ok_or_else(|| {
            let sentence =
                format!("input `{name}`: element {at} is not UTF-8 text without NUL, which ONNX strings are");
            Error::invalid("SERVING_INPUT_INVALID", sentence)
        })
    };
    let texts = values.iter().enumerate().map(read).collect::<Result<Vec<_>>>()?;
    let tensor = ort::value::Tensor::from_string_array((shape, &texts[..]));
    Ok(tensor.map_err(|error| failure::engine_failed(&error))?.into())
}

/// Copies an output.
pub(crate) fn copy_out(name: &str, value: &DynValue) -> Result<Tensor> {
    let failed = |error: ort::Error| failure::run_failed(&error);
    let Some(ty) = value.dtype().tensor_type() else { return Err(unserved(name, "no tensor")) };
    let (shape, data) = match ty {
        TensorElementType::Float32 => take(value, TensorData::F32),
        TensorElementType::Float64 => take(value, TensorData::F64),
        TensorElementType::Int64 => take(value, TensorData::I64),
        TensorElementType::Int32 => take(value, TensorData::I32),
        TensorElementType::Int16 => take(value, TensorData::I16),
        TensorElementType::Int8 => take(value, TensorData::I8),
        TensorElementType::Uint64 => take(value, TensorData::U64),
        TensorElementType::Uint32 => take(value, TensorData::U32),
        TensorElementType::Uint16 => take(value, TensorData::U16),
        TensorElementType::Uint8 => take(value, TensorData::U8),
        TensorElementType::Bool => take(value, TensorData::Bool),
        TensorElementType::String => value.try_extract_strings().map(|(shape, texts)| {
            (shape.to_vec(), TensorData::Bytes(texts.into_iter().map(String::into_bytes).collect()))
        }),
        other => return Err(unserved(name, &other.to_string())),
    }
    .map_err(failed)?;
    Ok(Tensor { datatype: data.datatype(), shape, data })
}

fn take<T>(value: &DynValue, wrap: fn(Vec<T>) -> TensorData) -> ort::Result<(Vec<i64>, TensorData)>
where
    T: PrimitiveTensorElementType + Clone,
{
    value.try_extract_tensor::<T>().map(|(shape, values)| (shape.to_vec(), wrap(values.to_vec())))
}

fn unserved(name: &str, what: &str) -> Error {
    Error::invalid("SERVING_RUN_FAILED", format!("output `{name}` came as {what}, which is not served"))
}
