//! A session's inputs and outputs as a [`ModelSignature`].

use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};
use pitcrew_contracts::serving::{
    Datatype, FEATURE_NAMES_KEY, MAX_MODEL_TENSORS, MAX_TENSOR_RANK, ModelSignature, TensorSpec, element_count,
};
use pitcrew_kernel::Result;

use crate::inspect::{Inspection, invalid};

/// Reads it, and refuses what we could not feed.
pub(crate) fn signature_of(session: &Session, inspection: &Inspection) -> Result<ModelSignature> {
    let (inputs, outputs) = (session.inputs(), session.outputs());
    if inputs.len() > MAX_MODEL_TENSORS || outputs.len() > MAX_MODEL_TENSORS {
        let (takes, gives) = (inputs.len(), outputs.len());
        return Err(invalid(format!(
            "the model has {takes} inputs and {gives} outputs; at most {MAX_MODEL_TENSORS} each"
        )));
    }
    if outputs.is_empty() {
        return Err(invalid("the model has no output"));
    }
    let shapeless = inputs.iter().find(|input| inspection.shapeless_inputs.iter().any(|name| name == input.name()));
    if let Some(input) = shapeless {
        let sentence = format!("input `{}` declares no shape", input.name());
        return Err(invalid(sentence).hint("declare one when exporting, such as `[None, 8]`"));
    }
    let read = |what: &'static str, outlets: &[Outlet]| {
        outlets.iter().map(|outlet| spec_of(what, outlet)).collect::<Result<Vec<_>>>()
    };
    Ok(ModelSignature {
        inputs: read("input", inputs)?,
        outputs: read("output", outputs)?,
        features: features_of(inspection),
    })
}

/// The shape of the smallest call, with one where a dimension varies, and its number of elements.
///
/// # Errors
/// `SERVING_MODEL_INVALID` when the fixed dimensions alone pass the limits.
pub(crate) fn smallest_shape(spec: &TensorSpec) -> Result<(Vec<i64>, usize)> {
    let shape: Vec<_> = spec.shape.iter().map(|dim| if *dim < 0 { 1 } else { *dim }).collect();
    let count = element_count(&shape).map_err(|error| invalid(format!("input `{}`: {}", spec.name, error.detail())))?;
    Ok((shape, count))
}

fn spec_of(what: &str, outlet: &Outlet) -> Result<TensorSpec> {
    let name = outlet.name();
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return Err(
            invalid(format!("{what} `{name}` is not a plain tensor")).hint("use tensors for inputs and outputs")
        );
    };
    let datatype = datatype_of(*ty)
        .ok_or_else(|| invalid(format!("{what} `{name}` has element type {ty}, which is not served")))?;
    if shape.len() > MAX_TENSOR_RANK {
        return Err(invalid(format!("{what} `{name}` has {} dimensions; at most {MAX_TENSOR_RANK}", shape.len())));
    }
    Ok(TensorSpec { name: name.to_owned(), datatype, shape: shape.iter().map(|dim| (*dim).max(-1)).collect() })
}

const fn datatype_of(ty: TensorElementType) -> Option<Datatype> {
    Some(match ty {
        TensorElementType::Bool => Datatype::Bool,
        TensorElementType::Uint8 => Datatype::U8,
        TensorElementType::Uint16 => Datatype::U16,
        TensorElementType::Uint32 => Datatype::U32,
        TensorElementType::Uint64 => Datatype::U64,
        TensorElementType::Int8 => Datatype::I8,
        TensorElementType::Int16 => Datatype::I16,
        TensorElementType::Int32 => Datatype::I32,
        TensorElementType::Int64 => Datatype::I64,
        TensorElementType::Float32 => Datatype::F32,
        TensorElementType::Float64 => Datatype::F64,
        TensorElementType::String => Datatype::Bytes,
        _ => return None,
    })
}

fn features_of(inspection: &Inspection) -> Vec<String> {
    let Some((_, text)) = inspection.metadata.iter().find(|(key, _)| key == FEATURE_NAMES_KEY) else {
        return Vec::new();
    };
    serde_json::from_str(text).unwrap_or_else(|_| text.split(',').map(|name| name.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feature_names_come_as_json_or_with_commas() {
        let with = |text: &str| {
            features_of(&Inspection { metadata: vec![("feature_names".into(), text.into())], ..Inspection::default() })
        };
        assert_eq!(with(r#"["a", "b, c"]"#), ["a", "b, c"]);
        assert_eq!(with("a, b"), ["a", "b"]);
        assert!(features_of(&Inspection::default()).is_empty());
    }
}
