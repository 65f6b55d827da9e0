//! Versions that a pipeline registered have one file, the model itself. Clients load models from folders with a description beside them, so
//! such a version shows as a folder of the artifact proxy: `MLmodel`, made up here, and the stored `model.onnx`.

use bytes::Bytes;
use pitcrew_contracts::names::ModelRef;
use pitcrew_contracts::registry::Models as _;
use pitcrew_kernel::{Ctx, Error, Result};
use pitcrew_registry::Version;
use pitcrew_tracking::{ArtifactEntry, ArtifactPath};

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

/// What MLflow's loader reads first: which library loads the model. It names no inputs: the loader would then insist on exact types,
/// where ONNX Runtime's own wrapper converts.
fn description(version: &Version) -> Result<String> {
    let digest = version.digest.filter(|_| version.model_signature.is_some());
    let Some(digest) = digest else {
        return Err(Error::not_found("ARTIFACT_NOT_FOUND", format!("{} holds no ONNX file", version.version)));
    };
    let uuid: String = digest.hex().chars().take(UUID_DIGITS).collect();
    Ok(format!(
        "flavors:\n  onnx:\n    data: {MODEL}\n    providers:\n    - CPUExecutionProvider\n  python_function:\n    data: {MODEL}\n    \
         loader_module: mlflow.onnx\nmlflow_version: {VERSION}\nmodel_uuid: {uuid}\nutc_time_created: '{}'\n",
        version.created_at,
    ))
}
