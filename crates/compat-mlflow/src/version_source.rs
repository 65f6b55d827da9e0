//! Where a version says it came from. A client may only claim what belongs to the run or logged model it names.

use std::collections::BTreeMap;

use pitcrew_contracts::names::ModelRef;
use pitcrew_kernel::{Ctx, Error, Kind, PageRequest, Result};
use pitcrew_tracking::ArtifactPath;

use crate::Door;
use crate::model_versions::{version_ref, worded};
use crate::registered_files;
use crate::wire::wrong;

/// How many versions that point to versions are followed.
const HOPS_MAX: usize = 8;
/// How often a source is decoded at most; what is encoded more often means no good.
const DECODINGS_MAX: usize = 16;
/// The tag that makes a version a prompt: its text is in a tag, its source is a placeholder.
const IS_PROMPT: &str = "mlflow.prompt.is_prompt";
/// What stands there for one.
const PLACEHOLDERS: [&str; 2] = ["dummy-source", "prompt-template"];

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
    /// What runs and models belong to this server by, with a host in it: another server's.
    Foreign(&'static str),
    /// A store of somebody else: `s3://...`.
    Elsewhere,
}

/// Schemes that name a machine: whoever reads such a source connects to it.
const HOSTED: [&str; 6] = ["ftp", "sftp", "hdfs", "viewfs", "http", "https"];

fn kind(source: &str) -> Source<'_> {
    let Some((scheme, rest)) = source.split_once(':') else { return Source::Local };
    // Readers of addresses take capitals for small letters; so must we, or `RUNS:` would be nobody's.
    match scheme.to_ascii_lowercase().as_str() {
        "models" | "runs" if rest.starts_with("//") => {
            Source::Foreign(if scheme.eq_ignore_ascii_case("runs") { "run_id" } else { "model_id" })
        }
        "models" => {
            let name = rest.trim_start_matches('/');
            if name.starts_with("m-") && !name.contains(['/', '@']) {
                Source::LoggedModel(name)
            } else {
                Source::Registered(name)
            }
        }
        "runs" => Source::Run(rest.trim_start_matches('/').split('/').next().unwrap_or_default()),
        "mlflow-artifacts" => Source::Artifacts,
        "pipeline-run" => Source::Pipeline,
        "file" => Source::Local,
        scheme if is_scheme(scheme) => Source::Elsewhere,
        _ => Source::Local,
    }
}

/// What stands before the colon of an address. One letter is a drive.
fn is_scheme(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Checks a claim; fills in the run that a logged model or another version tells.
///
/// # Errors
/// `MLFLOW_SOURCE_INVALID`.
pub(crate) async fn checked(door: &Door, ctx: &Ctx, claim: Claim, tags: &BTreeMap<String, String>) -> Result<Claim> {
    if is_prompt(tags) {
        if !PLACEHOLDERS.contains(&claim.source.as_str()) {
            return Err(invalid(format!(
                "Invalid prompt source: '{}'. Prompt sources must use an MLflow placeholder.",
                claim.source
            )));
        }
        return Ok(claim);
    }
    reaches_out_not(&claim.source)?;
    let kind = kind(&claim.source);
    if kind != Source::Local {
        climbs_not(&claim.source)?;
    }
    match kind {
        Source::LoggedModel(id) => {
            // The model must be named beside the source, as MLflow wants it: a source alone claims nothing.
            if claim.model_id.as_deref() != Some(id) {
                return Err(not_of(&claim.source, "model_id"));
            }
            let model = known(door.tracking.model(ctx, id, false).await, &claim.source, "model_id")?;
            let run_id = claim.run_id.or(Some(model.source_run_id)).filter(|run_id| !run_id.is_empty());
            Ok(Claim { run_id, ..claim })
        }
        Source::Registered(_) => of_version(door, ctx, claim).await,
        Source::Run(_) if claim.model_id.is_some() => Err(not_of(&claim.source, "model_id")),
        Source::Run(run_id) if claim.run_id.as_deref() == Some(run_id) => Ok(claim),
        Source::Run(_) | Source::Pipeline => Err(not_of(&claim.source, "run_id")),
        Source::Foreign(whose) => Err(not_of(&claim.source, whose)),
        Source::Artifacts => of_artifacts(door, ctx, claim).await,
        Source::Local => Err(local(&claim)),
        Source::Elsewhere => Ok(claim),
    }
}

fn is_prompt(tags: &BTreeMap<String, String>) -> bool {
    tags.get(IS_PROMPT).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn local(claim: &Claim) -> Error {
    let whose = if claim.model_id.is_some() { "model_id" } else { "run_id" };
    invalid(format!(
        "Invalid model version source: '{}'. To use a local path as a model version source, the {whose} request parameter has to be specified and the local path has to be contained within the artifact directory of the run specified by the {whose}.",
        claim.source
    ))
}

/// Refuses sources that name a machine to connect to; clients and servers would, without asking.
fn reaches_out_not(source: &str) -> Result<()> {
    let Some((scheme, rest)) = source.split_once(':') else { return Ok(()) };
    let scheme = scheme.to_ascii_lowercase();
    let hosted = HOSTED.contains(&scheme.as_str()) || (scheme == "mlflow-artifacts" && rest.starts_with("//"));
    if hosted {
        return Err(invalid(format!(
            "'source' cannot use the '{scheme}' scheme: the '{scheme}' scheme addresses a host other than the tracking server's configured artifact storage, so the server would connect to the host named in the URI."
        )));
    }
    Ok(())
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
    if is_prompt(&original.tags) {
        return Err(invalid(format!(
            "Invalid model version source: '{}'. Prompt versions cannot be used as model version sources.",
            claim.source
        )));
    }
    let agrees = |claimed: &Option<String>, own: &Option<String>| claimed.is_none() || claimed == own;
    if !agrees(&claim.run_id, &original.tracking_run_id) || !agrees(&claim.model_id, &original.logged_model_id) {
        return Err(invalid(format!(
            "Invalid model version source: '{}'. The run_id and model_id request parameters must match the referenced model version.",
            claim.source
        )));
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
        Some((model, latest)) if latest.eq_ignore_ascii_case("latest") => {
            let model = crate::registered_models::known_name(model)?;
            let newest = PageRequest { limit: Some(1), ..PageRequest::default() };
            let found = door.registry.list_versions(ctx, &model, &newest).await?;
            found.items.into_iter().next().map(|version| version.version).ok_or_else(|| not_of(source, "model_id"))
        }
        Some((_, version)) if version.contains('/') => Err(not_of(source, "model_id")),
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

/// Refuses sources whose path is not the one that is written: relative, or climbing after decoding however often.
fn climbs_not(source: &str) -> Result<()> {
    let mut text = source.to_owned();
    let mut rounds = 0;
    // What a later reader may decode counts as written. Each round reads the whole text, so their number must not grow with it.
    while let Some(plainer) = decoded(&text).filter(|_| rounds <= DECODINGS_MAX) {
        (text, rounds) = (plainer, rounds + 1);
    }
    let (_, rest) = text.split_once(':').unwrap_or(("", &text));
    let path = match rest.strip_prefix("//") {
        Some(with_host) => with_host.find('/').map_or("", |at| &with_host[at..]),
        None => rest,
    };
    let wrong = rounds > DECODINGS_MAX
        || source.trim() != source
        || text.chars().any(char::is_control)
        || text.split(['/', '\\']).any(|part| part == ".." || part == ".")
        || !path.starts_with('/')
        || path.trim_matches('/').is_empty();
    if wrong {
        return Err(invalid(format!(
            "Invalid model version source: '{source}'. If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an absolute path."
        )));
    }
    Ok(())
}

/// The text with `%xx` decoded once; `None` when nothing in it is encoded.
fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).filter(|pair| byte == b'%' && pair.iter().all(u8::is_ascii_hexdigit));
        let letter = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        out.push(letter.unwrap_or(byte));
        at += if letter.is_some() { 3 } else { 1 };
    }
    (out.len() < bytes.len()).then(|| String::from_utf8_lossy(&out).into_owned())
}

fn invalid(message: String) -> Error {
    Error::new(Kind::Invalid, "MLFLOW_SOURCE_INVALID", message)
}

/// A run or model that is not there cannot hold the source.
fn known<T>(found: Result<T>, source: &str, whose: &str) -> Result<T> {
    found.map_err(|error| if error.kind() == Kind::NotFound { not_of(source, whose) } else { error })
}

fn not_of(source: &str, whose: &str) -> Error {
    invalid(format!(
        "Invalid model version source: '{source}'. The {whose} request parameter must identify the resource that contains the source."
    ))
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
    fn capitals_and_hosts_hide_nothing() {
        assert_eq!(kind("RUNS:/8a/model"), Source::Run("8a"));
        assert_eq!(kind("MLflow-Artifacts:/1/8a"), Source::Artifacts);
        assert_eq!(kind("Models:/m-1"), Source::LoggedModel("m-1"));
        assert_eq!(kind("runs://host/8a/model"), Source::Foreign("run_id"));
        assert_eq!(kind("models://host/m-1"), Source::Foreign("model_id"));
        for out in ["http://h/x", "HTTPS://h/x", "ftp://h/x", "hdfs://h/x", "mlflow-artifacts://h/1/x"] {
            assert_eq!(reaches_out_not(out).unwrap_err().code(), "MLFLOW_SOURCE_INVALID", "{out}");
        }
        for fine in ["s3://b/x", "gs://b/x", "mlflow-artifacts:/1/x", "runs:/8a/x"] {
            assert!(reaches_out_not(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn a_source_that_never_stops_decoding_is_refused_soon() {
        let endless = format!("s3://b/%{}", "25".repeat(400_000));
        assert_eq!(climbs_not(&endless).unwrap_err().code(), "MLFLOW_SOURCE_INVALID");
        let often = |times: usize| format!("s3://b/%{}61", "25".repeat(times));
        assert!(climbs_not(&often(DECODINGS_MAX - 1)).is_ok() && climbs_not(&often(DECODINGS_MAX)).is_err());
    }

    #[test]
    fn climbing_sources_are_refused() {
        for bad in [
            "s3://b/../x",
            "mlflow-artifacts:/1/..%2f..",
            "s3://b/%252e%252e/x",
            "s3://b/%2525252e%2525252e/x",
            "s3://b/x%00",
            "s3://b/x%2500",
            "s3://b/./x",
            "s3://b/..\\x",
            "s3://b/..%5cx",
            "s3://b/x#/../y",
            "s3://b",
            "s3://b/",
            "s3:b/x",
            "runs:",
            "runs:/",
            "mlflow-artifacts:",
            " s3://b/x",
            "s3://b/x ",
            "mlflow-\nartifacts:/99/x",
            "\0s3://b/x",
        ] {
            assert_eq!(climbs_not(bad).unwrap_err().code(), "MLFLOW_SOURCE_INVALID", "{bad:?}");
        }
        for fine in
            ["s3://bucket/a..b/x", "s3:/b/x", "s3://b//x/", "dbfs:/x", "s3://b/a+b", "s3://b/a%2520b", "runs:/8a/m"]
        {
            assert!(climbs_not(fine).is_ok(), "{fine}");
        }
    }
}
