//! Artifacts as answers: whole or a part of them, to be saved and never to be run by a browser.

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use pitcrew_kernel::{Ctx, Digest, Result};

use crate::artifact_path::ArtifactPath;
use crate::service::Tracking;

/// A page among the artifacts may show itself and do nothing: no scripts, no forms, no requests, and an origin of its own.
const POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// An artifact as an answer to a request with these headers. A part is read in constant memory like the whole, but not faster: every byte of
/// the object is checked before the last one leaves.
///
/// # Errors
/// `ARTIFACT_NOT_FOUND` also for folders, `BLOB_NOT_FOUND`.
pub async fn download(service: &Tracking, ctx: &Ctx, path: ArtifactPath, headers: &HeaderMap) -> Result<Response> {
    let name = path.name().to_owned();
    let (digest, bytes) = service.find_artifact(ctx, path).await?;
    let tag = tag(&digest);
    let part = match wanted(headers, bytes, Some(&tag)) {
        Wanted::Whole => None,
        Wanted::Part(part) => Some(part),
        Wanted::Nothing => return Ok(unchanged(&tag)),
        Wanted::Beyond => return Ok(beyond(bytes)),
    };
    let reading = service.read_artifact(ctx, &digest, part.clone()).await?;
    Ok(answer(Body::from_stream(reading.body), bytes, part, &name, Some(&tag)))
}

/// Bytes at hand as an artifact called `name`.
pub fn download_bytes(content: Bytes, name: &str, headers: &HeaderMap) -> Response {
    let bytes = content.len() as u64;
    match wanted(headers, bytes, None) {
        Wanted::Whole | Wanted::Nothing => answer(Body::from(content), bytes, None, name, None),
        Wanted::Beyond => beyond(bytes),
        Wanted::Part(part) => {
            let at = |place: u64| usize::try_from(place).unwrap_or(content.len()).min(content.len());
            let slice = content.slice(at(part.start)..at(part.end));
            answer(Body::from(slice), bytes, Some(part), name, None)
        }
    }
}

fn tag(digest: &Digest) -> String {
    format!("\"{}\"", digest.hex())
}

/// What a request wants of an artifact.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    /// It has these bytes already.
    Nothing,
    /// A part that the artifact does not reach.
    Beyond,
}

/// One range is answered as such. Several at once, other units and what is no range may be answered with the whole, says RFC 9110, and are.
fn wanted(headers: &HeaderMap, bytes: u64, tag: Option<&str>) -> Wanted {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let known = text(header::IF_NONE_MATCH)
        .zip(tag)
        .is_some_and(|(tags, tag)| tags.split(',').any(|known| matches!(known.trim(), "*") || known.trim() == tag));
    if known {
        return Wanted::Nothing;
    }
    // A part of other bytes than those that the caller has the rest of would spoil them.
    if text(header::IF_RANGE).is_some_and(|of| Some(of) != tag) {
        return Wanted::Whole;
    }
    let Some((first, last)) =
        text(header::RANGE).and_then(|range| range.strip_prefix("bytes=")).and_then(|range| range.split_once('-'))
    else {
        return Wanted::Whole;
    };
    let number = |text: &str| {
        let text = text.trim();
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            Some(0) => return Wanted::Beyond,
            Some(suffix) => bytes.saturating_sub(suffix)..bytes,
            None => return Wanted::Whole,
        },
        (first, "") => match number(first) {
            Some(first) => first..bytes,
            None => return Wanted::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(bytes),
            _ => return Wanted::Whole,
        },
    };
    if range.start < range.end { Wanted::Part(range) } else { Wanted::Beyond }
}

fn unchanged(tag: &str) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    insert(&mut response, header::ETAG, tag);
    response
}

fn beyond(bytes: u64) -> Response {
    let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    insert(&mut response, header::CONTENT_RANGE, &format!("bytes */{bytes}"));
    response
}

fn answer(body: Body, bytes: u64, part: Option<Range<u64>>, name: &str, tag: Option<&str>) -> Response {
    let kind = mime_guess::from_path(name).first_or(mime_guess::mime::APPLICATION_OCTET_STREAM);
    let mut response = body.into_response();
    let length = part.as_ref().map_or(bytes, |part| part.end - part.start);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(part) = part {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        insert(&mut response, header::CONTENT_RANGE, &format!("bytes {}-{}/{bytes}", part.start, part.end - 1));
    }
    if let Some(tag) = tag {
        insert(&mut response, header::ETAG, tag);
    }
    insert(&mut response, header::ACCEPT_RANGES, "bytes");
    insert(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    insert(&mut response, header::CONTENT_SECURITY_POLICY, POLICY);
    insert(&mut response, header::CONTENT_TYPE, &content_type(&kind));
    insert(&mut response, header::CONTENT_DISPOSITION, &disposition(name));
    response
}

fn insert(response: &mut Response, header: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(header, value);
    }
}

fn content_type(kind: &mime_guess::Mime) -> String {
    if kind.type_() == mime_guess::mime::TEXT { format!("{kind}; charset=utf-8") } else { kind.to_string() }
}

/// `attachment` with the name in plain letters, and in all of them as RFC 5987 writes it.
fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' { c } else { '_' })
        .collect();
    if plain == name {
        return format!("attachment; filename=\"{name}\"");
    }
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
    let encoded: String = name
        .bytes()
        .map(|byte| if fine(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(header::HeaderName, &str)], bytes: u64) -> Wanted {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        wanted(&headers.collect(), bytes, Some("\"tag\""))
    }

    #[test]
    fn one_range_is_a_part() {
        for (range, want) in [
            ("bytes=0-0", 0..1),
            ("bytes=3-5", 3..6),
            ("bytes=3-", 3..10),
            ("bytes=-4", 6..10),
            ("bytes=-400", 0..10),
            ("bytes=3-99999999999999999999999", 3..10),
        ] {
            assert_eq!(asked(&[(header::RANGE, range)], 10), Wanted::Part(want), "{range}");
        }
        for beyond in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(asked(&[(header::RANGE, beyond)], 10), Wanted::Beyond, "{beyond}");
        }
        assert_eq!(asked(&[(header::RANGE, "bytes=-1")], 0), Wanted::Beyond);
        for whole in ["bytes=0-1,3-4", "items=0-1", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=+1-2", "x"] {
            assert_eq!(asked(&[(header::RANGE, whole)], 10), Wanted::Whole, "{whole}");
        }
    }

    #[test]
    fn what_is_there_already_is_not_sent() {
        assert_eq!(asked(&[(header::IF_NONE_MATCH, "\"a\", \"tag\"")], 10), Wanted::Nothing);
        assert_eq!(asked(&[(header::IF_NONE_MATCH, "\"a\"")], 10), Wanted::Whole);
        let range = (header::RANGE, "bytes=3-5");
        assert_eq!(asked(&[range.clone(), (header::IF_RANGE, "\"tag\"")], 10), Wanted::Part(3..6));
        assert_eq!(asked(&[range, (header::IF_RANGE, "\"old\"")], 10), Wanted::Whole);
    }

    #[test]
    fn names_travel_in_headers() {
        assert_eq!(disposition("model.onnx"), "attachment; filename=\"model.onnx\"");
        assert_eq!(
            disposition("größe.txt"),
            "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt"
        );
        assert_eq!(disposition("a\"b"), "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b");
    }
}
