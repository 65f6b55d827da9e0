//! Writing answers: by hand, into one buffer.

use pitcrew_contracts::serving::{ModelSignature, Tensor, TensorData};
use pitcrew_kernel::{Error, Result};
use pitcrew_serving::Prediction;
use serde::Serialize;

use crate::binary;
use crate::infer::{Infer, invalid};

/// A body and how much of it is JSON when raw tensors follow.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    pub(crate) json_bytes: Option<usize>,
}

/// The answer to an inference request. NaN and infinities of JSON outputs are `null`.
///
/// # Errors
/// `SERVING_INPUT_INVALID` when an output is asked for that the model does not have.
pub(crate) fn infer(deployment: &str, infer: &Infer<'_>, prediction: &Prediction) -> Result<Answer> {
    let outputs = chosen(infer, prediction)?;
    let elements: usize = outputs.iter().map(|(_, tensor, _)| tensor.data.len()).sum();
    let (mut body, mut raw) = (Vec::with_capacity(256 + 12 * elements), Vec::new());
    body.extend(b"{\"model_name\":");
    put(&mut body, deployment)?;
    body.extend(format!(",\"model_version\":\"{}\",\"id\":", prediction.version).as_bytes());
    put(&mut body, &prediction.request_id)?;
    body.extend(format!(",\"parameters\":{{\"arm\":\"{}\"}},\"outputs\":[", prediction.arm.name()).as_bytes());
    for (at, (name, tensor, as_raw)) in outputs.into_iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend(b"{\"name\":");
        put(&mut body, name)?;
        body.extend(b",\"shape\":");
        put(&mut body, &tensor.shape)?;
        body.extend(format!(",\"datatype\":\"{}\"", tensor.datatype).as_bytes());
        if as_raw {
            let size = binary::encode(tensor, &mut raw);
            body.extend(format!(",\"parameters\":{{\"binary_data_size\":{size}}}}}").as_bytes());
        } else {
            body.extend(b",\"data\":");
            flat(&mut body, &tensor.data)?;
            body.push(b'}');
        }
    }
    body.extend(b"]}");
    let json_bytes = (!raw.is_empty()).then_some(body.len());
    body.extend(raw);
    Ok(Answer { body, json_bytes })
}

/// Refuses outputs that the model does not have, before it runs.
///
/// # Errors
/// `SERVING_INPUT_INVALID`, naming the outputs there are.
pub(crate) fn check_outputs(infer: &Infer<'_>, signature: &ModelSignature) -> Result<()> {
    let missing = infer.outputs.iter().flatten().find(|(name, _)| signature.output(name).is_none());
    let Some((name, _)) = missing else { return Ok(()) };
    let known: Vec<&str> = signature.outputs.iter().map(|spec| spec.name.as_str()).collect();
    Err(invalid(format!("the model has no output `{name}`")).hint(format!("the outputs are {}", known.join(", "))))
}

/// The outputs that go out, and whether raw.
fn chosen<'a>(infer: &Infer<'_>, prediction: &'a Prediction) -> Result<Vec<(&'a str, &'a Tensor, bool)>> {
    let Some(wanted) = &infer.outputs else {
        let all = prediction.outputs.iter();
        return Ok(all.map(|(name, tensor)| (name.as_str(), tensor, infer.raw_outputs)).collect());
    };
    wanted
        .iter()
        .map(|(name, raw)| {
            let found = prediction.outputs.iter().find(|(known, _)| known == name);
            // The version that answered may be another than the one that was looked at before.
            let (name, tensor) = found.ok_or_else(|| invalid(format!("the model has no output `{name}`")))?;
            Ok((name.as_str(), tensor, *raw))
        })
        .collect()
}

fn put(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<()> {
    serde_json::to_writer(out, value).map_err(|source| Error::internal("an answer does not serialise", source))
}

/// Elements as one flat array.
fn flat(out: &mut Vec<u8>, data: &TensorData) -> Result<()> {
    match data {
        TensorData::Bool(values) => put(out, values),
        TensorData::U8(values) => put(out, values),
        TensorData::U16(values) => put(out, values),
        TensorData::U32(values) => put(out, values),
        TensorData::U64(values) => put(out, values),
        TensorData::I8(values) => put(out, values),
        TensorData::I16(values) => put(out, values),
        TensorData::I32(values) => put(out, values),
        TensorData::I64(values) => put(out, values),
        TensorData::F32(values) => put(out, values),
        TensorData::F64(values) => put(out, values),
        TensorData::Bytes(values) => {
            let texts: Vec<_> = values.iter().map(|value| String::from_utf8_lossy(value)).collect();
            put(out, &texts)
        }
    }
}

/// One element of a tensor.
fn element(out: &mut Vec<u8>, data: &TensorData, at: usize) -> Result<()> {
    match data {
        TensorData::Bool(values) => put(out, &values[at]),
        TensorData::U8(values) => put(out, &values[at]),
        TensorData::U16(values) => put(out, &values[at]),
        TensorData::U32(values) => put(out, &values[at]),
        TensorData::U64(values) => put(out, &values[at]),
        TensorData::I8(values) => put(out, &values[at]),
        TensorData::I16(values) => put(out, &values[at]),
        TensorData::I32(values) => put(out, &values[at]),
        TensorData::I64(values) => put(out, &values[at]),
        TensorData::F32(values) => put(out, &values[at]),
        TensorData::F64(values) => put(out, &values[at]),
        TensorData::Bytes(values) => put(out, &String::from_utf8_lossy(&values[at])),
    }
}

/// MLflow's answer to a table: one record a row, its fields the outputs.
pub(crate) fn records(prediction: &Prediction, rows: usize) -> Result<Vec<u8>> {
    let mut body = b"{\"predictions\": [".to_vec();
    for row in 0..rows {
        body.extend(if row > 0 { &b", {"[..] } else { b"{" });
        for (at, (name, tensor)) in prediction.outputs.iter().enumerate() {
            body.extend(if at > 0 { &b", "[..] } else { b"" });
            put(&mut body, name)?;
            body.extend(b": ");
            let width = tensor.data.len() / rows.max(1);
            if width == 1 {
                element(&mut body, &tensor.data, row)?;
            } else {
                nested(&mut body, tensor, &tensor.shape[1.min(tensor.shape.len())..], row * width)?;
            }
        }
        body.push(b'}');
    }
    body.extend(b"]}");
    Ok(body)
}

/// MLflow's answer to tensors: each output by name, nested like its shape.
pub(crate) fn tensors(prediction: &Prediction) -> Result<Vec<u8>> {
    let mut body = b"{\"predictions\": {".to_vec();
    for (at, (name, tensor)) in prediction.outputs.iter().enumerate() {
        body.extend(if at > 0 { &b", "[..] } else { b"" });
        put(&mut body, name)?;
        body.extend(b": ");
        nested(&mut body, tensor, &tensor.shape, 0)?;
    }
    body.extend(b"}}");
    Ok(body)
}

/// The part of a tensor that begins at element `from`, nested like `shape`.
fn nested(out: &mut Vec<u8>, tensor: &Tensor, shape: &[i64], from: usize) -> Result<()> {
    let Some((first, rest)) = shape.split_first() else { return element(out, &tensor.data, from) };
    let size: usize = rest.iter().map(|dim| usize::try_from(*dim).unwrap_or(0)).product();
    out.push(b'[');
    for at in 0..usize::try_from(*first).unwrap_or(0) {
        out.extend(if at > 0 { &b", "[..] } else { b"" });
        nested(out, tensor, rest, from + at * size)?;
    }
    out.push(b']');
    Ok(())
}
