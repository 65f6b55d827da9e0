//! Artifacts: the listing of a run's files, and the proxy `/mlflow-artifacts/...` through which clients move bytes.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::StreamExt as _;
use pitcrew_kernel::{Ctx, Error};
use pitcrew_tracking::{ArtifactEntry, ArtifactPath, download, download_bytes};
use pitcrew_web::{Answer, Caller, Json, Path};

use crate::Door;
use crate::model_versions::version_ref;
use crate::registered_files;
use crate::version_source;
use crate::wire::{Fields, FileView, Nothing, OfFiles, wrong};

/// `/artifacts/list`: one folder of a run's files.
pub(crate) async fn list(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfFiles>> {
    let run = door.tracking.run(&ctx, &fields.run_id()?).await?;
    let below: ArtifactPath = fields.text_or_empty("path")?.trim_end_matches('/').parse()?;
    let files = files_below(&door, &ctx, &run.info.artifact_uri, &below).await?;
    Ok(Json(OfFiles { root_uri: Some(run.info.artifact_uri), files }))
}

/// The entries of the folder `below` an artifact address, named from that address on.
pub(crate) async fn files_below(
    door: &Door,
    ctx: &Ctx,
    uri: &str,
    below: &ArtifactPath,
) -> Result<Vec<FileView>, Error> {
    let root = ArtifactPath::of_uri(uri)?
        .ok_or_else(|| wrong(format!("The artifacts at '{uri}' are not kept by this server.")))?;
    let entries = entries(door, ctx, root.join(below)?).await?;
    Ok(entries.into_iter().map(|entry| FileView::below(below.as_str(), entry)).collect())
}

async fn entries(door: &Door, ctx: &Ctx, folder: ArtifactPath) -> Result<Vec<ArtifactEntry>, Error> {
    if registered_files::is_ours(&folder) {
        return registered_files::list(door, ctx, &folder).await;
    }
    door.tracking.list_artifacts(ctx, folder).await
}

/// `GET /mlflow-artifacts/artifacts?path=`: one folder, names only.
pub(crate) async fn proxy_list(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfFiles>> {
    let folder: ArtifactPath = fields.text_or_empty("path")?.trim_end_matches('/').parse()?;
    let entries = entries(&door, &ctx, folder).await?;
    Ok(Json(OfFiles { root_uri: None, files: entries.into_iter().map(|entry| FileView::below("", entry)).collect() }))
}

pub(crate) async fn proxy_download(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    Ok(sent(&door, &ctx, path.parse()?, &headers).await?)
}

async fn sent(door: &Door, ctx: &Ctx, path: ArtifactPath, headers: &HeaderMap) -> Result<Response, Error> {
    if registered_files::is_ours(&path) {
        return Ok(download_bytes(registered_files::read(door, ctx, &path).await?, path.name(), headers));
    }
    download(&door.tracking, ctx, path, headers).await
}

/// The file `below` what an address names.
async fn sent_below(
    door: &Door,
    ctx: &Ctx,
    address: &str,
    below: &ArtifactPath,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let root = door
        .tracking
        .artifact_path(ctx, address)
        .await?
        .ok_or_else(|| wrong(format!("The artifacts at '{address}' are not kept by this server.")))?;
    sent(door, ctx, root.join(below)?, headers).await
}

/// `/get-artifact`: a file of a run, for browsers.
pub(crate) async fn of_run(
    State(door): State<Door>,
    Caller(ctx): Caller,
    headers: HeaderMap,
    fields: Fields,
) -> Answer<Response> {
    let (run_id, path): (_, ArtifactPath) = (fields.run_id()?, fields.required("path")?.parse()?);
    let run = door.tracking.run(&ctx, &run_id).await?;
    Ok(sent_below(&door, &ctx, &run.info.artifact_uri, &path, &headers).await?)
}

/// `/model-versions/get-artifact`: a file of a registered version, for browsers.
pub(crate) async fn of_version(
    State(door): State<Door>,
    Caller(ctx): Caller,
    headers: HeaderMap,
    fields: Fields,
) -> Answer<Response> {
    let version = version_ref(&fields.required("name")?, &fields.required("version")?)?;
    let path: ArtifactPath = fields.required("path")?.parse()?;
    let address = version_source::download_uri(&door, &ctx, version).await?;
    Ok(sent_below(&door, &ctx, &address, &path, &headers).await?)
}

/// `/logged-models/{model_id}/artifacts/files`: a file of a logged model, for browsers.
pub(crate) async fn of_logged_model(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(model_id): Path<String>,
    headers: HeaderMap,
    fields: Fields,
) -> Answer<Response> {
    let path: ArtifactPath = fields
        .text("artifact_file_path")?
        .filter(|path| !path.is_empty())
        .ok_or_else(|| wrong("Request must include the \"artifact_file_path\" query parameter.".to_owned()))?
        .parse()?;
    let model = door.tracking.model(&ctx, &model_id, false).await?;
    Ok(sent_below(&door, &ctx, &model.artifact_uri, &path, &headers).await?)
}

/// Takes the bytes as they come: memory does not grow with the file.
pub(crate) async fn upload(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(path): Path<String>,
    body: Body,
) -> Answer<Json<Nothing>> {
    let mut upload = door.tracking.upload_artifact(&ctx, writable(&path)?).await?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece
            .map_err(|source| Error::invalid("BODY_INCOMPLETE", "the body did not arrive whole").with_source(source))?;
        upload.write(piece).await?;
    }
    door.tracking.finish_artifact(&ctx, upload).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn delete(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(path): Path<String>,
) -> Answer<Json<Nothing>> {
    door.tracking.delete_artifact(&ctx, writable(&path)?).await?;
    Ok(Json(Nothing {}))
}

/// A path where clients may write.
pub(crate) fn writable(path: &str) -> Result<ArtifactPath, Error> {
    let path: ArtifactPath = path.parse()?;
    if registered_files::is_ours(&path) {
        return Err(wrong(format!(
            "Nothing can be written to '{path}': the files of registered versions never change."
        )));
    }
    Ok(path)
}
