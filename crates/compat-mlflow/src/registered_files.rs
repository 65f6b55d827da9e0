//! Versions that a pipeline registered have one file, the model itself. Clients load models from folders with a description beside them, so
//! such a version shows as a folder of the artifact proxy: `MLmodel`, made up here, and the stored `model.onnx`.

use bytes::Bytes;
use pitcrew_contracts::names::ModelRef;
use pitcrew_contracts::registry::Models as _;
use pitcrew_contracts::serving::{Datatype, ModelSignature, TensorSpec};
use pitcrew_kernel::{Ctx, Error, Result};
use pitcrew_registry::Version;
use pitcrew_tracking::{ArtifactEntry, ArtifactPath};
use serde_json::{Value, json};

use crate::Door;
use crate::server::VERSION;

/// The folder below which these versions show. No experiment has this number.
const FOLDER: &str = "_registered";
const DESCRIPTION: &str = "MLmodel";
const MODEL: &str = "model.onnx";
const UUID_DIGITS: usize = 32;

/// The address of a version's files.
pub(crate) fn address(version: &ModelRef) -> String {
    format!("mlflow-artifacts:/{FOLDER}/{}/{}", version.model, version.version)
}

/// Whether a path lies where clients may not write.
pub(crate) fn is_ours(path: &ArtifactPath) -> bool {
    path.as_str().split('/').next() == Some(FOLDER)
}

/// The version whose files `path` names, and the rest of the path; `None` when it names none.
fn place(path: &ArtifactPath) -> Option<(ModelRef, &str)> {
    let rest = path.as_str().strip_prefix(FOLDER)?.strip_prefix('/')?;
    let mut parts = rest.splitn(3, '/');
    let (model, version) = (parts.next()?, parts.next()?);
    Some((ModelRef { model: model.parse().ok()?, version: version.parse().ok()? }, parts.next().unwrap_or_default()))
}

/// The entries of a folder there.
pub(crate) async fn list(door: &Door, ctx: &Ctx, folder: &ArtifactPath) -> Result<Vec<ArtifactEntry>> {
    let Some((of, "")) = place(folder) else { return Ok(Vec::new()) };
    let version = door.registry.get_version(ctx, &of).await?;
    let file = |name: &str, bytes: u64| ArtifactEntry { name: name.to_owned(), is_dir: false, bytes };
    let described = description(&version)?.len() as u64;
    Ok(vec![file(DESCRIPTION, described), file(MODEL, u64::try_from(version.bytes).unwrap_or(0))])
}

/// A file there.
///
/// # Errors
/// `ARTIFACT_NOT_FOUND`, `MODEL_VERSION_NOT_FOUND`, `BLOB_CORRUPT`, `MODEL_SIGNATURE_INVALID`.
pub(crate) async fn read(door: &Door, ctx: &Ctx, path: &ArtifactPath) -> Result<Bytes> {
    match place(path) {
        Some((of, DESCRIPTION)) => Ok(Bytes::from(description(&door.registry.get_version(ctx, &of).await?)?)),
        Some((of, MODEL)) => door.registry.bytes(ctx, &of).await,
        _ => Err(Error::not_found("ARTIFACT_NOT_FOUND", format!("No such artifact: '{path}'"))),
    }
}

/// The size of a file there.
///
/// # Errors
/// `ARTIFACT_NOT_FOUND`, `MODEL_VERSION_NOT_FOUND`.
pub(crate) async fn size(door: &Door, ctx: &Ctx, path: &ArtifactPath) -> Result<u64> {
    let missing = || Error::not_found("ARTIFACT_NOT_FOUND", format!("No such artifact: '{path}'"));
    let (folder, name) = path.as_str().rsplit_once('/').ok_or_else(missing)?;
    let entries = list(door, ctx, &folder.parse()?).await?;
    entries.into_iter().find(|entry| entry.name == name).map(|entry| entry.bytes).ok_or_else(missing)
}

/// What MLflow's loader reads first: which library loads the model, and where it helps, what the model takes.
fn description(version: &Version) -> Result<String> {
    let Some((digest, signature)) = version.digest.zip(version.model_signature.as_ref()) else {
        return Err(Error::not_found("ARTIFACT_NOT_FOUND", format!("{} holds no ONNX file", version.version)));
    };
    let uuid: String = digest.hex().chars().take(UUID_DIGITS).collect();
    Ok(format!(
        "flavors:\n  onnx:\n    data: {MODEL}\n    providers:\n    - CPUExecutionProvider\n  python_function:\n    data: {MODEL}\n    \
         loader_module: mlflow.onnx\nmlflow_version: {VERSION}\nmodel_uuid: {uuid}\n{}utc_time_created: '{}'\n",
        signature_lines(signature),
        version.created_at,
    ))
}

/// The signature of a model that takes each column as an input of its own. Told of it, the client makes the tensors of a data frame: without,
/// it drops their second dimension and leaves whole numbers as they are, which ONNX Runtime refuses. A model with one input goes without: the
/// client takes a whole frame for it and converts, where a signature would have it insist on exact types.
fn signature_lines(signature: &ModelSignature) -> String {
    let is_column = |spec: &TensorSpec| matches!(spec.shape[..], [-1] | [-1, 1]) && numpy(spec.datatype).is_some();
    if signature.inputs.len() < 2 || !signature.inputs.iter().all(is_column) {
        return String::new();
    }
    let inputs: Vec<Value> = signature
        .inputs
        .iter()
        .map(|spec| {
            let tensor = json!({ "dtype": numpy(spec.datatype), "shape": spec.shape });
            json!({ "name": spec.name, "type": "tensor", "tensor-spec": tensor })
        })
        .collect();
    // JSON within YAML's single quotes, where only a quote must be doubled.
    format!("signature:\n  inputs: '{}'\n", Value::from(inputs).to_string().replace('\'', "''"))
}

/// What numpy calls a type; `None` for texts, whose elements differ in size.
const fn numpy(datatype: Datatype) -> Option<&'static str> {
    Some(match datatype {
        Datatype::Bool => "bool",
        Datatype::U8 => "uint8",
        Datatype::U16 => "uint16",
        Datatype::U32 => "uint32",
        Datatype::U64 => "uint64",
        Datatype::I8 => "int8",
        Datatype::I16 => "int16",
        Datatype::I32 => "int32",
        Datatype::I64 => "int64",
        Datatype::F32 => "float32",
        Datatype::F64 => "float64",
        Datatype::Bytes => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taking(inputs: &[(&str, Datatype, &[i64])]) -> String {
        let spec = |(name, datatype, shape): &(&str, _, &[i64])| TensorSpec {
            name: (*name).into(),
            datatype: *datatype,
            shape: shape.to_vec(),
        };
        let signature = ModelSignature { inputs: inputs.iter().map(spec).collect(), ..Default::default() };
        signature_lines(&signature)
    }

    #[test]
    fn columns_are_named_and_nothing_else_is() {
        let columns = [("temp", Datatype::F32, &[-1, 1][..]), ("o'clock", Datatype::I64, &[-1][..])];
        assert_eq!(
            taking(&columns),
            "signature:\n  inputs: '[{\"name\":\"temp\",\"tensor-spec\":{\"dtype\":\"float32\",\"shape\":[-1,1]},\"type\":\"tensor\"},\
             {\"name\":\"o''clock\",\"tensor-spec\":{\"dtype\":\"int64\",\"shape\":[-1]},\"type\":\"tensor\"}]'\n"
        );
        assert_eq!(taking(&columns[..1]), "");
        for other in [("image", Datatype::F32, &[-1, 3][..]), ("text", Datatype::Bytes, &[-1][..])] {
            assert_eq!(taking(&[columns[0], other]), "");
        }
    }
}
