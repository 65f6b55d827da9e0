//! Addresses at which an object store hands artifacts out by itself, when objects are kept in a bucket. Elsewhere clients are told that there
//! are none, and read through the proxy.
//!
//! Nobody writes by such an address: an object's name is the digest of its bytes, which is not known before they are here.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use pitcrew_kernel::{Ctx, Error, Result};
use pitcrew_tracking::ArtifactPath;
use pitcrew_web::{Answer, Caller, Json, Path};
use serde_json::{Value, json};

use crate::Door;
use crate::multipart::{base, encoded, login};
use crate::registered_files;
use crate::wire::{Fields, Nothing, not_implemented, wrong};

/// How long an address works unless asked otherwise.
const LIFE_S: i64 = 900;
/// No service makes addresses that work longer.
const LIFE_MAX_S: i64 = 7 * 86_400;

/// `/mlflow-artifacts/presigned/...`: for clients that read large files in parts at once.
pub(crate) async fn download(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(path): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer<Json<Value>> {
    let path: ArtifactPath = path.parse()?;
    if registered_files::is_ours(&path) {
        // The folder of such a version is made up here, so it is read here; the client must not notice.
        let size = registered_files::size(&door, &ctx, &path).await?;
        let url = format!("{}/api/2.0/mlflow-artifacts/artifacts/{}", base(&uri, &headers)?, encoded(path.as_str()));
        return Ok(Json(json!({"url": url, "headers": login(&headers), "file_size": size})));
    }
    let (url, size) = signed(&door, &ctx, path, LIFE_S).await?;
    Ok(Json(json!({"url": url, "headers": {}, "file_size": size})))
}

/// `/artifacts/presigned-download-url`: the same for a file of a run.
pub(crate) async fn download_of_run(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<Value>> {
    let (run_id, path) = (fields.required("run_id")?, fields.required("path")?);
    let life = fields.int("expiration")?.unwrap_or(LIFE_S);
    if !(1..=LIFE_MAX_S).contains(&life) {
        return Err(wrong(format!("expiration must be between 1 and {LIFE_MAX_S} seconds (got {life}).")).into());
    }
    let below: ArtifactPath = path.parse()?;
    let run = door.tracking.run(&ctx, &run_id).await?;
    let root = ArtifactPath::of_uri(&run.info.artifact_uri)?.ok_or_else(none)?;
    let (url, size) = signed(&door, &ctx, root.join(&below)?, life).await?;
    Ok(Json(json!({"presigned_url": url, "headers": {}, "file_size": size})))
}

async fn signed(door: &Door, ctx: &Ctx, path: ArtifactPath, life_s: i64) -> Result<(String, u64)> {
    let life = Duration::from_secs(life_s.unsigned_abs());
    door.tracking.artifact_url(ctx, path, life).await?.ok_or_else(none)
}

fn none() -> Error {
    not_implemented("Presigned URLs are not supported for the current artifact repository")
}

pub(crate) async fn no_upload() -> Answer<Json<Nothing>> {
    Err(none().into())
}
