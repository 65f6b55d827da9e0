//! Uploads in several parts through the proxy, as clients make them of large files: `/mlflow-artifacts/mpu/...`.
//!
//! A client asks for an upload, sends each part to the address it was given for it, and names the parts in the end. Elsewhere these addresses
//! are those of a store in the cloud; here they are this server's own, and the caller's own login goes with them.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use pitcrew_kernel::{Error, Result};
use pitcrew_tracking::ArtifactPath;
use pitcrew_web::{Answer, Caller, Json, Path, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Door;
use crate::artifacts::writable;
use crate::wire::{Fields, Nothing, at, wrong};

/// Where parts go.
const PART: &str = "/api/2.0/mlflow-artifacts/mpu/part";
/// Bytes of all the addresses and logins of one answer: each part repeats what the caller sent in its headers.
const CREDENTIALS_BYTES: usize = 32 << 20;
/// What a proxy in front says of the address that the client called.
const FORWARDED_SCHEME: &str = "x-forwarded-proto";

#[derive(Debug, Serialize)]
pub(crate) struct OfUpload {
    upload_id: String,
    credentials: Vec<Credential>,
}

#[derive(Debug, Serialize)]
struct Credential {
    url: String,
    part_number: i64,
    headers: Map<String, Value>,
}

pub(crate) async fn create(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(folder): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    fields: Fields,
) -> Answer<Json<OfUpload>> {
    let path = target(&folder, &fields)?;
    let parts = fields.int("num_parts")?.unwrap_or(1);
    let (base, login) = (base(&uri, &headers)?, login(&headers));
    let place = encoded(path.as_str());
    let each = base.len() + place.len() + login.values().filter_map(Value::as_str).map(str::len).sum::<usize>();
    if usize::try_from(parts).is_ok_and(|parts| parts.saturating_mul(each) > CREDENTIALS_BYTES) {
        return Err(wrong(format!(
            "The addresses of {parts} parts are too long to be told: use fewer parts, or a shorter path."
        ))
        .into());
    }
    let upload_id = door.tracking.begin_upload(&ctx, path.clone(), parts).await?;
    let credentials = (1..=parts)
        .map(|part_number| Credential {
            url: format!("{base}{PART}/{place}?upload_id={upload_id}&part_number={part_number}"),
            part_number,
            headers: login.clone(),
        })
        .collect();
    Ok(Json(OfUpload { upload_id, credentials }))
}

/// The file that is uploaded: of the name that it has where it comes from, in the folder of the address.
fn target(folder: &str, fields: &Fields) -> Result<ArtifactPath> {
    let path = fields.required("path")?;
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    writable(&format!("{}/{name}", folder.trim_end_matches('/')))
}

/// What a client must add to a request that it sends without the login it sends everything else with: that login.
pub(crate) fn login(headers: &HeaderMap) -> Map<String, Value> {
    let login = headers.get(header::AUTHORIZATION).and_then(|login| login.to_str().ok());
    login.map(|login| ("Authorization".to_owned(), json!(login))).into_iter().collect()
}

/// The address that the client called this server by.
pub(crate) fn base(uri: &Uri, headers: &HeaderMap) -> Result<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").or(uri.authority().map(axum::http::uri::Authority::as_str));
    let host = host.ok_or_else(|| wrong("Bad Request. The Host header is missing.".to_owned()))?;
    let scheme = match text(FORWARDED_SCHEME).and_then(|schemes| schemes.split(',').next()).map(str::trim) {
        Some(https) if https.eq_ignore_ascii_case("https") => "https",
        _ => "http",
    };
    Ok(format!("{scheme}://{host}"))
}

/// A path as it stands in an address.
pub(crate) fn encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[derive(Debug, Deserialize)]
pub(crate) struct OfPart {
    upload_id: String,
    part_number: i64,
}

/// Takes the bytes as they come: memory does not grow with the part.
pub(crate) async fn put_part(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(path): Path<String>,
    Query(of): Query<OfPart>,
    body: Body,
) -> Answer<Response> {
    let mut part = door.tracking.upload_part(&ctx, &writable(&path)?, &of.upload_id, of.part_number).await?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece
            .map_err(|source| Error::invalid("BODY_INCOMPLETE", "the body did not arrive whole").with_source(source))?;
        part.write(piece).await?;
    }
    let part = door.tracking.finish_part(&ctx, part).await?;
    Ok(([(header::ETAG, format!("\"{}\"", part.tag()))], Json(Nothing {})).into_response())
}

/// The parts that are there, for who goes on after a break.
pub(crate) async fn list_parts(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(path): Path<String>,
    fields: Fields,
) -> Answer<Json<Value>> {
    let parts = door.tracking.uploaded_parts(&ctx, &writable(&path)?, &fields.required("upload_id")?).await?;
    let view = |part: &pitcrew_tracking::UploadPart| json!({"part_number": part.number, "etag": part.tag(), "size": part.bytes});
    Ok(Json(json!({"parts": parts.iter().map(view).collect::<Vec<_>>()})))
}

pub(crate) async fn complete(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(folder): Path<String>,
    fields: Fields,
) -> Answer<Json<Nothing>> {
    let path = target(&folder, &fields)?;
    fields.must_have("parts")?;
    let named = fields
        .objects("parts")?
        .iter()
        .map(|(path, part)| {
            let number = part.required_int("part_number").map_err(|error| at(error, path))?;
            Ok((number, part.text_or_empty("etag").map_err(|error| at(error, path))?))
        })
        .collect::<Result<Vec<_>>>()?;
    door.tracking.complete_upload(&ctx, path, &fields.required("upload_id")?, &named).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn abort(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(folder): Path<String>,
    fields: Fields,
) -> Answer<Json<Nothing>> {
    let path = target(&folder, &fields)?;
    door.tracking.abort_upload(&ctx, &path, &fields.required("upload_id")?).await?;
    Ok(Json(Nothing {}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_go_to_where_the_client_called() {
        let base = |headers: &[(&'static str, &str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()))
                .collect();
            base(&Uri::from_static("/x"), &headers)
        };
        assert_eq!(base(&[("host", "localhost:7070")]).unwrap(), "http://localhost:7070");
        assert_eq!(
            base(&[("host", "ml.example.com"), ("x-forwarded-proto", "https, http")]).unwrap(),
            "https://ml.example.com"
        );
        assert_eq!(base(&[("host", "a"), ("x-forwarded-proto", "javascript")]).unwrap(), "http://a");
        assert!(base(&[]).is_err());
    }

    #[test]
    fn paths_survive_an_address() {
        assert_eq!(encoded("1/r/größe a+b%.bin"), "1/r/gr%C3%B6%C3%9Fe%20a%2Bb%25.bin");
    }
}
