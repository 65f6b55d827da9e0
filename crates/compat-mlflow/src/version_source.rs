//! Where a version says it came from. A client may only claim what belongs to the run or logged model it names.

use std::collections::BTreeMap;

use pitcrew_contracts::names::ModelRef;
use pitcrew_kernel::{Ctx, Error, Kind, Result};
use pitcrew_tracking::ArtifactPath;

use crate::Door;
use crate::model_versions::{version_ref, worded};
use crate::registered_files;
use crate::wire::wrong;

/// How many versions that point to versions are followed.
const HOPS_MAX: usize = 8;
/// The tag that makes a version a prompt: its text is in a tag, its source is a placeholder.
const IS_PROMPT: &str = "mlflow.prompt.is_prompt";

/// What a client says of a new version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) source: String,
    pub(crate) run_id: Option<String>,
    pub(crate) model_id: Option<String>,
}

/// The kinds of sources.
#[derive(Debug, PartialEq, Eq)]
enum Source<'s> {
    /// `models:/m-...`.
    LoggedModel(&'s str),
    /// `models:/name/3` or `models:/name@alias`.
    Registered(&'s str),
    /// `runs:/<run id>/path`.
    Run(&'s str),
    /// `mlflow-artifacts:/...`.
    Artifacts,
    /// `pipeline-run:run_...`: registered here by a pipeline.
    Pipeline,
    /// A path on some machine, which this server cannot vouch for.
    Local,
    /// A store of somebody else: `s3://...`.
    Elsewhere,
}

fn kind(source: &str) -> Source<'_> {
    match source.split_once(':') {
        Some(("models", rest)) => {
            let name = rest.trim_start_matches('/');
            if name.starts_with("m-") && !name.contains(['/', '@']) {
                Source::LoggedModel(name)
            } else {
                Source::Registered(name)
            }
        }
        Some(("runs", rest)) => Source::Run(rest.trim_start_matches('/').split('/').next().unwrap_or_default()),
        Some(("mlflow-artifacts", _)) => Source::Artifacts,
        Some(("pipeline-run", _)) => Source::Pipeline,
        Some(("file", _)) | None => Source::Local,
        Some((drive, _)) if drive.len() == 1 || drive.contains('/') => Source::Local,
        Some(_) => Source::Elsewhere,
    }
}

/// Checks a claim; fills in the run that a logged model or another version tells.
///
/// # Errors
/// `MLFLOW_SOURCE_INVALID`.
pub(crate) async fn checked(door: &Door, ctx: &Ctx, claim: Claim, tags: &BTreeMap<String, String>) -> Result<Claim> {
    if tags.get(IS_PROMPT).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(claim);
    }
    climbs_not(&claim.source)?;
    match kind(&claim.source) {
        Source::LoggedModel(id) => {
            let id = id.to_owned();
            if claim.model_id.as_ref().is_some_and(|claimed| *claimed != id) {
                return Err(not_of(&claim.source, "model_id"));
            }
            let model = known(door.tracking.model(ctx, &id, false).await, &claim.source, "model_id")?;
            let run_id = claim.run_id.or(Some(model.source_run_id)).filter(|run_id| !run_id.is_empty());
            Ok(Claim { run_id, model_id: Some(id), ..claim })
        }
        Source::Registered(_) => of_version(door, ctx, claim).await,
        Source::Run(run_id) if claim.run_id.as_deref() == Some(run_id) => Ok(claim),
        Source::Run(_) => Err(not_of(&claim.source, "run_id")),
        Source::Artifacts => of_artifacts(door, ctx, claim).await,
        Source::Local => Err(Error::new(
            Kind::Invalid,
            "MLFLOW_SOURCE_INVALID",
            format!(
                "Invalid model version source: '{}'. To use a local path as a model version source, the run_id request parameter has to be specified and the local path has to be contained within the artifact directory of the run specified by the run_id.",
                claim.source
            ),
        )),
        Source::Pipeline => Err(not_of(&claim.source, "run_id")),
        Source::Elsewhere => Ok(claim),
    }
}

async fn of_artifacts(door: &Door, ctx: &Ctx, claim: Claim) -> Result<Claim> {
    let (root, whose) = match (&claim.model_id, &claim.run_id) {
        (Some(id), _) => {
            (known(door.tracking.model(ctx, id, false).await, &claim.source, "model_id")?.artifact_uri, "model_id")
        }
        (None, Some(id)) => {
            (known(door.tracking.run(ctx, id).await, &claim.source, "run_id")?.info.artifact_uri, "run_id")
        }
        (None, None) => return Err(not_of(&claim.source, "run_id")),
    };
    let path = |uri: &str| ArtifactPath::of_uri(uri).ok().flatten().map(|path| path.to_string());
    match (path(&claim.source), path(&root)) {
        (Some(source), Some(root)) if source == root || source.starts_with(&format!("{root}/")) => Ok(claim),
        _ => Err(not_of(&claim.source, whose)),
    }
}

/// A copy of another version has that version's origin.
async fn of_version(door: &Door, ctx: &Ctx, claim: Claim) -> Result<Claim> {
    let named = registered(door, ctx, &claim.source).await?;
    let original = door.registry.get_version(ctx, &named).await.map_err(|error| worded(error, &named))?;
    let agrees = |claimed: &Option<String>, own: &Option<String>| claimed.is_none() || claimed == own;
    if !agrees(&claim.run_id, &original.tracking_run_id) || !agrees(&claim.model_id, &original.logged_model_id) {
        return Err(Error::new(
            Kind::Invalid,
            "MLFLOW_SOURCE_INVALID",
            format!(
                "Invalid model version source: '{}'. The run_id and model_id request parameters must match the referenced model version.",
                claim.source
            ),
        ));
    }
    Ok(Claim {
        source: format!("models:/{}/{}", named.model, named.version),
        run_id: original.tracking_run_id,
        model_id: original.logged_model_id,
    })
}

/// The version that `models:/name/3` or `models:/name@alias` names.
async fn registered(door: &Door, ctx: &Ctx, source: &str) -> Result<ModelRef> {
    let Source::Registered(name) = kind(source) else { return Err(not_of(source, "model_id")) };
    if let Some((model, alias)) = name.split_once('@') {
        let model = crate::registered_models::known_name(model)?;
        let alias = alias.parse().map_err(|_| not_of(source, "model_id"))?;
        return Ok(door.registry.version_by_alias(ctx, &model, &alias).await?.version);
    }
    match name.split_once('/') {
        Some((model, version)) => version_ref(model, version),
        None => Err(not_of(source, "model_id")),
    }
}

/// Where a client finds the version's files.
///
/// # Errors
/// `MODEL_VERSION_NOT_FOUND`.
pub(crate) async fn download_uri(door: &Door, ctx: &Ctx, mut version: ModelRef) -> Result<String> {
    for _ in 0..HOPS_MAX {
        let found = door.registry.get_version(ctx, &version).await.map_err(|error| worded(error, &version))?;
        match kind(&found.source) {
            Source::LoggedModel(id) => return Ok(door.tracking.model(ctx, id, true).await?.artifact_uri),
            Source::Registered(_) => version = registered(door, ctx, &found.source).await?,
            Source::Pipeline => return Ok(registered_files::address(&version)),
            _ => return Ok(found.source),
        }
    }
    Err(wrong(format!("{version} points to other versions in a circle")))
}

fn climbs_not(source: &str) -> Result<()> {
    let mut text = source.to_owned();
    // What a later reader may decode counts as written.
    for (encoded, plain) in [
        ("%25", "%"),
        ("%2e", "."),
        ("%2E", "."),
        ("%2f", "/"),
        ("%2F", "/"),
        ("%00", "\0"),
        ("%5c", "\\"),
        ("%5C", "\\"),
    ]
    .repeat(3)
    {
        text = text.replace(encoded, plain);
    }
    if text.contains('\0') || text.split(['/', '\\']).any(|part| part == ".." || part == ".") {
        return Err(Error::new(
            Kind::Invalid,
            "MLFLOW_SOURCE_INVALID",
            format!(
                "Invalid model version source: '{source}'. If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an absolute path."
            ),
        ));
    }
    Ok(())
}

/// A run or model that is not there cannot hold the source.
fn known<T>(found: Result<T>, source: &str, whose: &str) -> Result<T> {
    found.map_err(|error| if error.kind() == Kind::NotFound { not_of(source, whose) } else { error })
}

fn not_of(source: &str, whose: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "MLFLOW_SOURCE_INVALID",
        format!(
            "Invalid model version source: '{source}'. The {whose} request parameter must identify the resource that contains the source."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_sources() {
        assert_eq!(kind("models:/m-12"), Source::LoggedModel("m-12"));
        assert_eq!(kind("models:/bikes/3"), Source::Registered("bikes/3"));
        assert_eq!(kind("models:/bikes@champion"), Source::Registered("bikes@champion"));
        assert_eq!(kind("runs:/8a/model"), Source::Run("8a"));
        assert_eq!(kind("mlflow-artifacts:/1/8a/artifacts"), Source::Artifacts);
        for local in ["/tmp/x", "relative/x", "file:///x", "C:/x"] {
            assert_eq!(kind(local), Source::Local, "{local}");
        }
        assert_eq!(kind("s3://bucket/x"), Source::Elsewhere);
        assert_eq!(kind("pipeline-run:run_1"), Source::Pipeline);
    }

    #[test]
    fn climbing_sources_are_refused() {
        for bad in ["s3://b/../x", "mlflow-artifacts:/1/..%2f..", "s3://b/%252e%252e/x", "https://h/x%00"] {
            assert_eq!(climbs_not(bad).unwrap_err().code(), "MLFLOW_SOURCE_INVALID", "{bad}");
        }
        assert!(climbs_not("s3://bucket/a..b/x").is_ok());
    }
}
