//! An inference request: JSON, with raw tensors behind it where the binary extension is used.

use std::borrow::Cow;

use pitcrew_contracts::serving::{Datatype, MAX_MODEL_TENSORS, Tensor, element_count};
use pitcrew_kernel::{Error, Result, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::body::{event_time, json_error};
use crate::{binary, data};

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    parameters: Option<Parameters<'a>>,
    #[serde(borrow)]
    inputs: Vec<Input<'a>>,
    #[serde(borrow, default)]
    outputs: Option<Vec<Requested<'a>>>,
}

/// The parameters we know; others are for other servers.
#[derive(Default, Deserialize)]
struct Parameters<'a> {
    #[serde(borrow, default)]
    event_time: Option<Cow<'a, str>>,
    #[serde(default)]
    binary_data_output: Option<bool>,
}

#[derive(Deserialize)]
struct Input<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    shape: Vec<i64>,
    #[serde(borrow)]
    datatype: Cow<'a, str>,
    #[serde(default)]
    parameters: Option<InputParameters>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct InputParameters {
    #[serde(default)]
    binary_data_size: Option<usize>,
}

#[derive(Deserialize)]
struct Requested<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    parameters: Option<RequestedParameters>,
}

#[derive(Default, Deserialize)]
struct RequestedParameters {
    #[serde(default)]
    binary_data: Option<bool>,
}

/// A request that reads.
#[derive(Debug)]
pub(crate) struct Infer<'a> {
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) event_time: Option<Timestamp>,
    pub(crate) inputs: Vec<(Cow<'a, str>, Tensor)>,
    /// The outputs asked for, and whether each goes out raw; `None` for all.
    pub(crate) outputs: Option<Vec<(Cow<'a, str>, bool)>>,
    /// Whether all outputs go out raw when none is asked for by name.
    pub(crate) raw_outputs: bool,
}

/// Reads a body. `json_bytes` is how much of it is JSON; the rest is raw tensors.
///
/// # Errors
/// `JSON_INVALID`, `JSON_UNEXPECTED`, `SERVING_INPUT_INVALID`, `TIME_INVALID`.
pub(crate) fn read(body: &[u8], json_bytes: Option<usize>) -> Result<Infer<'_>> {
    let (json, mut raw) = match json_bytes {
        None => (body, &[][..]),
        Some(length) => body.split_at_checked(length).ok_or_else(|| {
            let found = body.len();
            invalid(format!("`Inference-Header-Content-Length` says {length} bytes, the body has {found}"))
        })?,
    };
    let request: Request<'_> = serde_json::from_slice(json).map_err(|error| json_error(&error, json))?;
    if request.inputs.len() > MAX_MODEL_TENSORS {
        return Err(invalid(format!("{} inputs; at most {MAX_MODEL_TENSORS}", request.inputs.len())));
    }
    let mut inputs: Vec<(Cow<'_, str>, Tensor)> = Vec::with_capacity(request.inputs.len());
    for input in request.inputs {
        if inputs.iter().any(|(name, _)| *name == input.name) {
            return Err(invalid(format!("input `{}` is there twice", input.name)));
        }
        let tensor = tensor(&input, &mut raw)?;
        inputs.push((input.name, tensor));
    }
    if !raw.is_empty() {
        return Err(invalid(format!("{} bytes are left behind the last raw tensor", raw.len())));
    }
    let parameters = request.parameters.unwrap_or_default();
    let raw_outputs = parameters.binary_data_output.unwrap_or(false);
    let outputs = request.outputs.map(|outputs| {
        let raw = |output: &Requested<'_>| output.parameters.as_ref().and_then(|parameters| parameters.binary_data);
        outputs
            .into_iter()
            .map(|output| (raw(&output).unwrap_or(raw_outputs), output.name))
            .map(|(raw, name)| (name, raw))
            .collect()
    });
    Ok(Infer {
        id: request.id.filter(|id| !id.is_empty()),
        event_time: event_time(parameters.event_time.as_deref())?,
        inputs,
        outputs,
        raw_outputs,
    })
}

fn tensor(input: &Input<'_>, raw: &mut &[u8]) -> Result<Tensor> {
    let name = &input.name;
    let datatype: Datatype = input.datatype.parse().map_err(|error: Error| error.context(format!("input `{name}`")))?;
    let count = element_count(&input.shape).map_err(|error| error.context(format!("input `{name}`")))?;
    let binary = input.parameters.as_ref().and_then(|parameters| parameters.binary_data_size);
    let data = match (binary, input.data) {
        (Some(size), None) => {
            let (own, rest) = raw.split_at_checked(size).ok_or_else(|| {
                invalid(format!("input `{name}` says {size} raw bytes, the body has {} left", raw.len()))
            })?;
            *raw = rest;
            binary::decode(name, own, datatype, count)?
        }
        (None, Some(json)) => data::parse(name, json.get(), datatype, &input.shape)?,
        (Some(_), Some(_)) => return Err(invalid(format!("input `{name}` has both `data` and raw bytes"))),
        (None, None) => return Err(invalid(format!("input `{name}` has no `data`"))),
    };
    Tensor::new(input.shape.clone(), data).map_err(|error| error.context(format!("input `{name}`")))
}

pub(crate) fn invalid(detail: String) -> Error {
    Error::invalid("SERVING_INPUT_INVALID", detail)
}
